#include "server/fetch/connection_budget.h"

#include <optional>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace hubd {
namespace {

TEST(ConnectionBudgetTest, LimitsFurtherOnesToAHost) {
  ConnectionBudget budget({.per_host = 2, .in_all = 100});
  std::optional<ConnectionBudget::Hold> first(budget.TakeFirst("a"));
  const auto second = budget.TakeFurther("a");
  EXPECT_TRUE(second.has_value());
  EXPECT_FALSE(budget.TakeFurther("a").has_value());
  EXPECT_TRUE(budget.TakeFurther("b").has_value());
  first.reset();
  EXPECT_TRUE(budget.TakeFurther("a").has_value());
}

TEST(ConnectionBudgetTest, LimitsThemInAll) {
  ConnectionBudget budget({.per_host = 100, .in_all = 2});
  const auto first = budget.TakeFirst("a");
  const auto second = budget.TakeFurther("b");
  EXPECT_TRUE(second.has_value());
  EXPECT_FALSE(budget.TakeFurther("c").has_value());
}

TEST(ConnectionBudgetTest, TheFirstOneIsAlwaysHad) {
  ConnectionBudget budget({.per_host = 1, .in_all = 1});
  std::vector<ConnectionBudget::Hold> holds;
  for (int i = 0; i < 5; ++i) holds.push_back(budget.TakeFirst("a"));
  EXPECT_FALSE(budget.TakeFurther("a").has_value());
  holds.clear();
  EXPECT_TRUE(budget.TakeFurther("a").has_value());
}

TEST(ConnectionBudgetTest, AMovedHoldIsGivenBackOnce) {
  ConnectionBudget budget({.per_host = 2, .in_all = 100});
  const auto other = budget.TakeFirst("a");
  {
    ConnectionBudget::Hold hold = budget.TakeFirst("a");
    const ConnectionBudget::Hold moved = std::move(hold);
  }
  const auto further = budget.TakeFurther("a");
  EXPECT_TRUE(further.has_value());
  EXPECT_FALSE(budget.TakeFurther("a").has_value());
}

}  // namespace
}  // namespace hubd
