#include "server/store/index_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "server/base/fs.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

class IndexFileTest : public testing::Test {
 protected:
  IndexFileTest() : layout_(dir_.path()) {
    EXPECT_TRUE(MakeDirectories(layout_.store(), 0700).ok());
  }

  void Write(const std::string& suffix, const std::string& bytes) {
    ASSERT_TRUE(WriteFileDurably(layout_.index() + suffix, bytes, 0600).ok());
  }

  std::string SetAside(int second) {
    return *SetIndexAside(layout_, absl::FromUnixSeconds(second));
  }

  std::vector<std::string> Names() { return *ListDirectory(layout_.store()); }

  TempDir dir_;
  Layout layout_;
};

TEST_F(IndexFileTest, MissingAndEmptyAreDataLossAndNamed) {
  for (int i = 0; i < 2; ++i) {
    absl::Status status = CheckIndexIsThere(layout_);
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_NE(status.message().find(layout_.index()), absl::string_view::npos);
    Write("", "");
  }
  Write("", "x");
  EXPECT_TRUE(CheckIndexIsThere(layout_).ok());
}

TEST_F(IndexFileTest, AFileThatTheSystemCannotReadIsNoDamage) {
  EXPECT_TRUE(CheckIndexIsReadable(layout_).ok());
  Write("", std::string(3 << 20, 'x'));
  EXPECT_TRUE(CheckIndexIsReadable(layout_).ok());
  // Nothing is mapped at address 0: EIO.
  const std::string log = layout_.index() + "-wal";
  ASSERT_EQ(::symlink("/proc/self/mem", log.c_str()), 0);
  absl::Status status = CheckIndexIsReadable(layout_);
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_THAT(status.message(), testing::HasSubstr(log));
}

TEST_F(IndexFileTest, IsSetAsideWithItsLogUnderATime) {
  Write("", "index");
  Write("-wal", "log");
  Write("-shm", "memory");
  const std::string kept = SetAside(0);
  EXPECT_EQ(kept, layout_.index() + ".broken-19700101T000000.000000");
  EXPECT_EQ(*ReadFile(kept), "index");
  EXPECT_EQ(*ReadFile(kept + "-wal"), "log");
  EXPECT_EQ(Names().size(), 2u);
}

TEST_F(IndexFileTest, TheNewestThreeStay) {
  for (int second = 0; second < 5; ++second) {
    Write("", std::to_string(second));
    if (second % 2 == 0) Write("-wal", "log");
    const std::string kept = SetAside(second);
    EXPECT_EQ(*ReadFile(kept), std::to_string(second));
  }
  std::vector<std::string> expected;
  for (const char* end :
       {"2.000000", "2.000000-wal", "3.000000", "4.000000", "4.000000-wal"}) {
    expected.push_back(std::string("index.sqlite3.broken-19700101T00000") +
                       end);
  }
  EXPECT_EQ(Names(), expected);
}

TEST_F(IndexFileTest, AnEmptyOneTakesNoPlace) {
  Write("", "trust");
  const std::string kept = SetAside(0);
  for (int second = 1; second < 5; ++second) {
    Write("", "");
    Write("-wal", "");
    SetAside(second);
  }
  EXPECT_EQ(Names().size(), 1u);
  EXPECT_EQ(*ReadFile(kept), "trust");
  // A log that is not empty may hold what its index does not.
  Write("", "");
  Write("-wal", "log");
  EXPECT_EQ(*ReadFile(SetAside(5) + "-wal"), "log");
}

TEST_F(IndexFileTest, WithoutAnIndexNothingIsKept) {
  SetAside(0);
  EXPECT_TRUE(Names().empty());
}

}  // namespace
}  // namespace hubd
