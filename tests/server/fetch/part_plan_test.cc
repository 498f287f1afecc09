#include "server/fetch/part_plan.h"

#include <optional>

#include "gtest/gtest.h"

namespace hubd {
namespace {

// Of 35 bytes in parts of 10.
PartPlan Plan() { return {35, 10}; }

TEST(PartPlanTest, PartsCoverTheObject) {
  const PartPlan plan = Plan();
  EXPECT_EQ(plan.count(), 4);
  EXPECT_EQ(plan.RangeOf(0), (ByteRange{0, 10}));
  EXPECT_EQ(plan.RangeOf(3), (ByteRange{30, 35}));
  EXPECT_EQ(plan.free_bytes(), 35);
  EXPECT_EQ(PartPlan(40, 10).count(), 4);
}

TEST(PartPlanTest, AnEmptyObjectIsComplete) {
  PartPlan plan(0, 10);
  EXPECT_TRUE(plan.complete());
  EXPECT_EQ(plan.Take(100), std::nullopt);
  EXPECT_EQ(plan.frontier(), 0);
}

TEST(PartPlanTest, TakesTheFirstBytesThatAreMissing) {
  PartPlan plan = Plan();
  plan.Finish(1);
  EXPECT_EQ(plan.Take(10), (ByteRange{0, 10}));
  EXPECT_EQ(plan.Take(10), (ByteRange{20, 30}));
  EXPECT_EQ(plan.Take(10), (ByteRange{30, 35}));
  EXPECT_EQ(plan.Take(10), std::nullopt);
  EXPECT_EQ(plan.free_bytes(), 0);
}

TEST(PartPlanTest, TakesSeveralPartsAsFarAsAllOfThemIsMissing) {
  PartPlan plan = Plan();
  EXPECT_EQ(plan.Take(29), (ByteRange{0, 20}));
  EXPECT_EQ(plan.Take(1000), (ByteRange{20, 35}));
  plan = Plan();
  plan.Finish(2);
  EXPECT_EQ(plan.Take(1000), (ByteRange{0, 20}));
}

TEST(PartPlanTest, OnePartIsTakenHoweverLittleIsWanted) {
  EXPECT_EQ(Plan().Take(1), (ByteRange{0, 10}));
}

TEST(PartPlanTest, WhatIsGivenBackIsTakenWhereItEnded) {
  PartPlan plan = Plan();
  ASSERT_TRUE(plan.Take(20).has_value());
  plan.Advance(0, 4);
  plan.GiveBack({4, 20});
  EXPECT_EQ(plan.free_bytes(), 31);
  EXPECT_EQ(plan.HaveOf(0), 4);
  // In one go: the next part is missing as a whole.
  EXPECT_EQ(plan.Take(30), (ByteRange{4, 30}));
  plan.Advance(4, 6);
  plan.Advance(10, 3);
  plan.GiveBack({13, 30});
  EXPECT_TRUE(plan.IsFinished(0));
  // Not over a part of which something is there.
  plan.Forget(0);
  EXPECT_EQ(plan.Take(1000), (ByteRange{0, 10}));
  EXPECT_EQ(plan.Take(1000), (ByteRange{13, 35}));
}

TEST(PartPlanTest, AllOfARangeLeavesNothingToGiveBack) {
  PartPlan plan = Plan();
  const std::optional<ByteRange> taken = plan.Take(10);
  plan.Advance(0, 10);
  plan.GiveBack({10, taken->end});
  EXPECT_EQ(plan.free_bytes(), 25);
  EXPECT_EQ(plan.Take(10), (ByteRange{10, 20}));
}

TEST(PartPlanTest, TheFrontierStopsAtTheFirstGap) {
  PartPlan plan = Plan();
  plan.Finish(0);
  plan.Finish(2);
  EXPECT_EQ(plan.frontier(), 10);
  ASSERT_EQ(plan.Take(10), (ByteRange{10, 20}));
  plan.Advance(10, 7);
  EXPECT_EQ(plan.frontier(), 17);
  plan.Advance(17, 3);
  EXPECT_EQ(plan.frontier(), 30);
  plan.Finish(3);
  EXPECT_EQ(plan.frontier(), 35);
  EXPECT_TRUE(plan.complete());
}

TEST(PartPlanTest, WhatIsForgottenIsMissingAgain) {
  PartPlan plan = Plan();
  for (int part = 0; part < plan.count(); ++part) plan.Finish(part);
  EXPECT_EQ(plan.frontier(), 35);
  plan.Forget(1);
  EXPECT_EQ(plan.frontier(), 10);
  EXPECT_EQ(plan.done_bytes(), 25);
  EXPECT_EQ(plan.Take(100), (ByteRange{10, 20}));
}

}  // namespace
}  // namespace hubd
