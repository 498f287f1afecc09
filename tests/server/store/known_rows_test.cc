#include "server/store/known_rows.h"

#include <gtest/gtest.h>

namespace hubd {
namespace {

using Row = absl::StatusOr<std::optional<std::string>>;

class KnownRowsTest : public testing::Test {
 protected:
  // What the index has under every key.
  std::string Get(const std::string& key) {
    return (*known_.Get(key,
                        [&]() -> Row {
                          ++reads_;
                          return row_;
                        }))
        .value_or("nothing");
  }

  KnownRows<std::string> known_{2};
  std::optional<std::string> row_ = "a row";
  int reads_ = 0;
};

TEST_F(KnownRowsTest, ARowIsReadOnceBetweenWrites) {
  EXPECT_EQ(Get("k"), "a row");
  EXPECT_EQ(Get("k"), "a row");
  EXPECT_EQ(reads_, 1);
  row_ = "another";
  known_.Clear();
  EXPECT_EQ(Get("k"), "another");
  EXPECT_EQ(reads_, 2);
}

TEST_F(KnownRowsTest, FindReadsNothing) {
  EXPECT_EQ(known_.Find("k"), std::nullopt);
  Get("k");
  EXPECT_EQ(known_.Find("k"), "a row");
  known_.Clear();
  EXPECT_EQ(known_.Find("k"), std::nullopt);
  EXPECT_EQ(reads_, 1);
}

TEST_F(KnownRowsTest, ThatThereIsNoneIsNotKept) {
  row_ = std::nullopt;
  EXPECT_EQ(Get("k"), "nothing");
  row_ = "a row";
  EXPECT_EQ(Get("k"), "a row");
}

TEST_F(KnownRowsTest, AFailureIsToldAndNotKept) {
  EXPECT_FALSE(
      known_.Get("k", []() -> Row { return absl::DataLossError("torn"); })
          .ok());
  EXPECT_EQ(Get("k"), "a row");
}

TEST_F(KnownRowsTest, WhatWasReadBeforeAWriteIsNotKept) {
  EXPECT_EQ(**known_.Get("k",
                         [&]() -> Row {
                           known_.Clear();
                           return "from before";
                         }),
            "from before");
  EXPECT_EQ(Get("k"), "a row");
}

TEST_F(KnownRowsTest, HoldsNoMoreThanItMay) {
  for (const char* key : {"a", "b", "c"}) Get(key);
  EXPECT_EQ(reads_, 3);
  Get("c");
  EXPECT_EQ(reads_, 3);
  Get("a");
  EXPECT_EQ(reads_, 4);
}

}  // namespace
}  // namespace hubd
