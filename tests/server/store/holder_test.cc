#include "server/store/holder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

class HolderTest : public testing::Test {
 protected:
  HolderTest() : layout_(dir_.path()) {
    EXPECT_TRUE(MakeDirectories(layout_.store(), 0700).ok());
  }

  TempDir dir_;
  const Layout layout_;
};

TEST_F(HolderTest, OfARootThatNobodyOpenedIsNotFound) {
  EXPECT_TRUE(absl::IsNotFound(HolderOf(layout_).status()));
  ASSERT_TRUE(WriteFileDurably(layout_.lock(), "garbage\n", 0600).ok());
  EXPECT_TRUE(absl::IsNotFound(HolderOf(layout_).status()));
}

TEST_F(HolderTest, TheSecondIsToldWhoTheFirstIs) {
  absl::StatusOr<UniqueFd> first = TakeLock(layout_, "");
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::Status early = TakeLock(layout_, "/run/second").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(early));
  EXPECT_THAT(early.message(),
              HasSubstr(absl::StrCat("another hubd, pid ", ::getpid())));
  EXPECT_THAT(early.message(), HasSubstr("which does not listen yet"));
  ASSERT_TRUE(WriteHolder(first->get(), "/run/a b", layout_).ok());
  EXPECT_THAT(TakeLock(layout_, "/run/second").status().message(),
              HasSubstr("socket /run/a b: stop that one"));
  // A shorter line leaves nothing of the longer one.
  ASSERT_TRUE(WriteHolder(first->get(), "/s", layout_).ok());
  absl::StatusOr<Holder> holder = HolderOf(layout_);
  ASSERT_TRUE(holder.ok()) << holder.status();
  EXPECT_EQ(holder->pid, ::getpid());
  EXPECT_FALSE(holder->host.empty());
  EXPECT_EQ(holder->socket, "/s");
  first->reset();
  EXPECT_TRUE(TakeLock(layout_, "/run/second").ok());
}

}  // namespace
}  // namespace hubd
