#include "server/store/record_json.h"

#include <gtest/gtest.h>

#include <string>

#include "hubd/store/v1/record.pb.h"
#include "tests/server/store/sample_objects.h"

namespace hubd {
namespace {

TEST(RecordJsonTest, OddBytesComeBackThroughJson) {
  store::v1::Repo repo;
  repo.set_name(EscapeText(kOddText));
  const std::string json = MessageToJson(repo);
  absl::StatusOr<store::v1::Repo> back = MessageFromJson<store::v1::Repo>(json);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(UnescapeText(back->name()), kOddText);
}

TEST(RecordJsonTest, FieldsOfALaterVersionArePassedOver) {
  EXPECT_EQ(
      MessageFromJson<store::v1::Repo>(R"({"x": [1], "name": "n"})")->name(),
      "n");
}

TEST(RecordJsonTest, WhatIsNoJsonIsDataLoss) {
  for (const char* json : {"", "{\"na", "[]", "{\"name\": 1}"}) {
    EXPECT_TRUE(
        absl::IsDataLoss(MessageFromJson<store::v1::Repo>(json).status()))
        << json;
  }
}

}  // namespace
}  // namespace hubd
