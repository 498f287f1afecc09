#include "server/sandbox/policy.h"

#include "absl/strings/match.h"
#include "gtest/gtest.h"

namespace hubd {
namespace {

TEST(InspectPolicyTest, CarriesNothingOfTheCaller) {
  ::setenv("HTTPS_PROXY", "http://user:password@proxy", 1);
  const SandboxPolicy policy = InspectPolicy();
  EXPECT_TRUE(policy.binds.empty());
  for (const SandboxPolicy::Variable& variable : policy.environment) {
    EXPECT_FALSE(absl::StrContains(variable.value, "password"));
    EXPECT_FALSE(absl::EndsWithIgnoreCase(variable.name, "proxy"));
  }
  for (const SandboxPolicy::DataFile& file : policy.data_files) {
    EXPECT_FALSE(absl::StrContains(file.bytes, "root"));
  }
}

}  // namespace
}  // namespace hubd
