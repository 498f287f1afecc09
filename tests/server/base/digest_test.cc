#include "server/base/digest.h"

#include <gtest/gtest.h>

#include <string>

namespace hubd {
namespace {

// FIPS 180-2, appendix B.
constexpr char kAbc[] =
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kEmpty[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

TEST(DigestTest, KnowsThePublishedVectors) {
  EXPECT_EQ(Sha256Hex("abc"), kAbc);
  EXPECT_EQ(Sha256Hex(""), kEmpty);
}

TEST(DigestTest, KnowsSha1ForTheNamesOfOthers) {
  EXPECT_EQ(Sha1Hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST(HasherTest, PiecesGiveTheDigestOfTheWhole) {
  Hasher hasher;
  hasher.Update("a");
  hasher.Update("");
  Hasher moved = std::move(hasher);
  moved.Update("bc");
  EXPECT_EQ(moved.Finish(), kAbc);
}

TEST(DigestTest, APrefixIsOneToSixtyFourLowerCaseHexDigits) {
  EXPECT_TRUE(IsSha256Prefix("0"));
  EXPECT_TRUE(IsSha256Prefix(kAbc));
  EXPECT_FALSE(IsSha256Prefix(""));
  EXPECT_FALSE(IsSha256Prefix("ABCDEF12"));
  EXPECT_FALSE(IsSha256Prefix("12g4"));
  EXPECT_FALSE(IsSha256Prefix(std::string(kAbc) + "0"));
}

}  // namespace
}  // namespace hubd
