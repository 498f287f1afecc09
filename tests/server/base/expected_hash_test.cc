#include "server/base/expected_hash.h"

#include <gtest/gtest.h>

namespace hubd {
namespace {

TEST(HashInNameTest, FindsWhatTheNamePromises) {
  const std::string full(64, 'b');
  struct Case {
    std::string url;
    std::string hash;
  };
  const Case cases[] = {
      {"https://e.com/resnet18-f37072fd.pth", "f37072fd"},
      {"https://e.com/m-" + full + ".zip?x=1", full},
      {"https://e.com/a-b-5c106cde.tar.gz#top", "5c106cde"},
      {"https://e.com/m-1234567.pth", ""},      // seven
      {"https://e.com/m-" + full + "b.p", ""},  // sixty-five
      {"https://e.com/m-20240131.pth", ""},     // a date
      {"https://e.com/m-F37072FD.pth", ""},     // upper case
      {"https://e.com/m-f37072fd", ""},         // no end
      {"https://e.com/m_f37072fd.pth", ""},     // no dash
      {"https://e.com/d-f37072fd.x/m.pth", ""},
      {"https://e.com/m.pth?n=a-f37072fd.pth", ""},
      {"https://e.com/m-20240131-f37072fd.pth", "f37072fd"},
      {"", ""},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(HashInName(one.url), one.hash) << one.url;
  }
}

}  // namespace
}  // namespace hubd
