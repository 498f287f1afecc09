#include "server/rpc/service_parts.h"

#include <gtest/gtest.h>

#include <string>

namespace hubd {
namespace {

TEST(ServicePartsTest, ALogSubjectIsQuotedAndBounded) {
  EXPECT_EQ(LogSubject("repo", "o/r\n"), "repo=\"o/r\\n\"");
  EXPECT_EQ(LogSubject("repo", "https://me:word@h.org/o/r"),
            "repo=\"https://h.org/o/r\"");
  EXPECT_LT(LogSubject("repo", std::string(10'000, 'x')).size(), 300u);
}

}  // namespace
}  // namespace hubd
