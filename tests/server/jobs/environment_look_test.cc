#include "server/jobs/environment_look.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <thread>

namespace hubd {
namespace {

v1::Interpreter Python(const std::string& prefix) {
  v1::Interpreter interpreter;
  interpreter.set_prefix(prefix);
  return interpreter;
}

TEST(EnvironmentLookTest, SaysWhatTheLookSays) {
  const v1::Interpreter python = Python("/usr");
  EXPECT_NE(EnvironmentLook({}).IdOf(python), std::nullopt);
  EXPECT_EQ(EnvironmentLook({}).IdOf(python), EnvironmentId(python));
  const EnvironmentLook blind(
      {.look = [](const v1::Interpreter&) { return std::nullopt; }});
  EXPECT_EQ(blind.IdOf(python), std::nullopt);
}

TEST(EnvironmentLookTest, OnlyLocalDisksAreLookedAtByTheCaller) {
  const auto here = std::this_thread::get_id();
  auto looked_here = std::make_shared<std::atomic<int>>(0);
  const EnvironmentLook looks({.look =
                                   [=](const v1::Interpreter&) {
                                     if (std::this_thread::get_id() == here)
                                       ++*looked_here;
                                     return std::optional<std::string>("id");
                                   },
                               .is_local =
                                   [](const v1::Interpreter& python) {
                                     return python.prefix() == "/local";
                                   }});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(looks.IdOf(Python("/remote")), "id");
  EXPECT_EQ(*looked_here, 0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(looks.IdOf(Python("/local")), "id");
  EXPECT_EQ(*looked_here, 2);
}

TEST(EnvironmentLookTest, MemoryIsAskedOfLocalDisksOnly) {
  const EnvironmentLook looks(
      {.look = [](const v1::Interpreter&) { return "looked"; },
       .look_in_memory = [](const v1::Interpreter&) { return "remembered"; },
       .is_local =
           [](const v1::Interpreter& python) {
             return python.prefix() == "/local";
           }});
  for (const char* prefix : {"/remote", "/local"}) {
    EXPECT_EQ(looks.IdInMemory(Python(prefix)), std::nullopt);
    EXPECT_EQ(looks.IdOf(Python(prefix)), "looked");
  }
  EXPECT_EQ(looks.IdInMemory(Python("/remote")), std::nullopt);
  EXPECT_EQ(looks.IdInMemory(Python("/local")), "remembered");
}

TEST(EnvironmentLookTest, AMountThatDoesNotAnswerHoldsUpNobody) {
  std::promise<void> answer;
  auto asked = std::make_shared<std::atomic<int>>(0);
  auto look = [asked, hung = answer.get_future().share()](
                  const v1::Interpreter& python) {
    ++*asked;
    if (python.prefix() == "/hung") hung.wait();
    return std::optional<std::string>("id");
  };
  auto looks = std::make_unique<EnvironmentLook>(EnvironmentLook::Options{
      .patience = absl::Milliseconds(20), .look = look});
  EXPECT_EQ(looks->IdOf(Python("/hung")), std::nullopt);
  // The thread that hangs is the only one.
  EXPECT_EQ(looks->IdOf(Python("/hung")), std::nullopt);
  while (*asked == 0) std::this_thread::yield();
  EXPECT_EQ(*asked, 1);
  // Once it is back, looks count again.
  answer.set_value();
  while (looks->IdOf(Python("/usr")) != "id") std::this_thread::yield();
}

TEST(EnvironmentLookTest, ALookThatHangsMayOutliveIt) {
  std::promise<void> answer;
  std::promise<void> ended;
  {
    const EnvironmentLook looks(
        {.patience = absl::ZeroDuration(), .look = [&](const v1::Interpreter&) {
           answer.get_future().wait();
           ended.set_value_at_thread_exit();
           return std::optional<std::string>("id");
         }});
    EXPECT_EQ(looks.IdOf(Python("/hung")), std::nullopt);
  }
  answer.set_value();
  ended.get_future().wait();
}

}  // namespace
}  // namespace hubd
