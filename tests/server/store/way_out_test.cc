#include "server/store/way_out.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "server/base/status.h"

namespace hubd {
namespace {

TEST(WayOutTest, AFullDiskIsToldWithTheRootOnce) {
  const Layout layout("/the/root");
  const absl::Status told =
      WithWayOut(ErrnoError(ENOSPC, "cannot write x"), layout);
  EXPECT_EQ(told.message(),
            "cannot write x: No space left on device; free space on the file "
            "system of /the/root or choose another root with --dir");
  EXPECT_EQ(ReasonOf(told), Reason::kDiskFull);
  EXPECT_EQ(MetadataOf(told), (Metadata{{"path", "/the/root"}}));
  EXPECT_EQ(WithWayOut(told, layout), told);
}

TEST(WayOutTest, WhatIsSaidOfTheDiskStays) {
  const absl::Status told =
      WithWayOut(ReasonError(Reason::kDiskFull, "full", {{"need", "5"}}),
                 Layout("/the/root"));
  EXPECT_EQ(MetadataOf(told), (Metadata{{"need", "5"}, {"path", "/the/root"}}));
}

TEST(WayOutTest, OfTheCachesOwnLimitTheDiskIsNotTheWay) {
  const absl::Status limit =
      ReasonError(Reason::kDiskFull, "no room", {{"max_bytes", "10"}});
  const absl::Status told = WithWayOut(limit, Layout("/the/root"));
  EXPECT_EQ(told.message(),
            "no room; raise it, or hubctl cache prune --partials");
  EXPECT_EQ(WithWayOut(told, Layout("/the/root")), told);
}

TEST(WayOutTest, WhatWasDamagedIsToldWithBothDigests) {
  const absl::Status other = DamagedError("bytes of u", {}, "aa", "bb");
  EXPECT_EQ(ReasonOf(other), Reason::kDigestMismatch);
  EXPECT_EQ(other.message(),
            "the stored bytes of u were damaged: their sha256 is bb, not aa; "
            "they are not delivered and were removed. Call it once with the "
            "network");
  const absl::Status lost = DamagedError("bytes of u", {}, "aa", "");
  EXPECT_EQ(lost.message(),
            "the stored bytes of u were damaged: the disk cannot read them; "
            "they are not delivered and were removed. Call it once with the "
            "network");
  EXPECT_EQ(MetadataOf(lost)["expected"], "aa");
}

TEST(WayOutTest, AtTheStartAnErrorOfTheDiskNamesTheRootAndItsOwner) {
  const Layout layout("/the/root");
  const absl::Status told = WithWayOutOfStart(ErrnoError(EIO, "x"), layout);
  EXPECT_NE(told.message().find("the root /the/root: x"),
            absl::string_view::npos);
  EXPECT_NE(told.message().find("must be uid "), absl::string_view::npos);
  const absl::Status held = absl::FailedPreconditionError("held");
  EXPECT_EQ(WithWayOutOfStart(held, layout), held);
}

TEST(WayOutTest, AnyOtherStatusStays) {
  const absl::Status other = ErrnoError(EIO, "x");
  EXPECT_EQ(WithWayOut(other, Layout("/r")), other);
  EXPECT_TRUE(WithWayOut(absl::OkStatus(), Layout("/r")).ok());
}

}  // namespace
}  // namespace hubd
