#include "server/store/page_token.h"

#include <gtest/gtest.h>

namespace hubd {
namespace {

TEST(PageTokenTest, HoldsAnySortKey) {
  const std::vector<std::string> key = {"", "a\nb", std::string("\0\xff", 2)};
  EXPECT_EQ(*DecodePageToken(EncodePageToken(key), 3), key);
}

TEST(PageTokenTest, AnotherListingsTokenIsNone) {
  const std::string token = EncodePageToken({"a", "b"});
  for (const std::string& wrong : {token, std::string("*"), std::string()}) {
    const absl::Status status = DecodePageToken(wrong, 3).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << wrong;
  }
  EXPECT_EQ(DecodePageToken("\n*", 2).status().message(),
            "\"\\n*\" is not a page token of this listing; begin with an "
            "empty one");
}

TEST(PageTokenTest, APageHasAtMostFiveHundred) {
  EXPECT_EQ(ClampPageSize(0), 500);
  EXPECT_EQ(ClampPageSize(-1), 500);
  EXPECT_EQ(ClampPageSize(7), 7);
  EXPECT_EQ(ClampPageSize(501), 500);
}

}  // namespace
}  // namespace hubd
