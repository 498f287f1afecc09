#include "server/store/column_text.h"

#include <gtest/gtest.h>

namespace hubd {
namespace {

TEST(ColumnTextTest, LinesComeBackWhateverTheyHold) {
  const std::vector<std::vector<std::string>> lists = {
      {}, {""}, {"a", "", "b\nc"}, {std::string("\0\xff\\n", 4)}};
  for (const std::vector<std::string>& lines : lists) {
    EXPECT_EQ(DecodeLines(EncodeLines(lines)), lines);
  }
}

TEST(ColumnTextTest, AnAdvertisementComesBack) {
  const Advertisement whole = {"refs/heads/main",
                               {{"refs/heads/a\nb", std::string(40, 'a')},
                                {"refs/tags/v1", std::string(40, 'b')}}};
  EXPECT_TRUE(DecodeAdvertisement(EncodeAdvertisement(whole)) == whole);
  EXPECT_TRUE(DecodeAdvertisement(EncodeAdvertisement({})) == Advertisement());
}

}  // namespace
}  // namespace hubd
