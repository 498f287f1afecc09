#include "server/base/caller_environment.h"

#include <memory>

#include "gtest/gtest.h"

namespace hubd {
namespace {

LentEnvironment Lent(CallerEnvironment variables) {
  return std::make_shared<const CallerEnvironment>(std::move(variables));
}

TEST(CallerEnvironmentTest, GivesAVariableWhereItIsLent) {
  EXPECT_EQ(VariableOf(Lent({{"A", "1"}}), "A"), "1");
  EXPECT_EQ(VariableOf(Lent({{"A", "1"}}), "B"), "");
  EXPECT_EQ(VariableOf(nullptr, "A"), "");
}

TEST(CallerEnvironmentTest, TheDigestTellsWhatIsLentApart) {
  EXPECT_EQ(DigestOf(Lent({{"A", "1"}})), DigestOf(Lent({{"A", "1"}})));
  EXPECT_NE(DigestOf(Lent({{"A", "1"}})), DigestOf(Lent({{"A", "2"}})));
  EXPECT_NE(DigestOf(Lent({{"A", "1"}})), DigestOf(nullptr));
  EXPECT_NE(DigestOf(Lent({{"A", "BC"}})), DigestOf(Lent({{"AB", "C"}})));
  EXPECT_EQ(DigestOf(nullptr).size(), 64u);
}

}  // namespace
}  // namespace hubd
