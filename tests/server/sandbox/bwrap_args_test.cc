#include "server/sandbox/bwrap_args.h"

#include <algorithm>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace hubd {
namespace {

// Whether `words` follow one another in `args`.
bool Has(const std::vector<std::string>& args,
         const std::vector<std::string>& words) {
  return std::search(args.begin(), args.end(), words.begin(), words.end()) !=
         args.end();
}

size_t PlaceOf(const std::vector<std::string>& args, const std::string& word) {
  return std::find(args.begin(), args.end(), word) - args.begin();
}

TEST(BwrapArgsTest, WritesThePolicyInItsOrder) {
  SandboxPolicy policy;
  policy.binds = {{"/host/a", "/a"}};
  policy.links = {{"/l", "a/x"}};
  policy.data_files = {{"/d", "bytes"}};
  policy.environment = {{"NAME", "value"}};
  policy.working_directory = "/w";
  const auto args = BwrapArgs(policy, {.seccomp = 7, .status = 6, .data = {9}});
  EXPECT_TRUE(Has(args, {"--ro-bind", "/host/a", "/a"}));
  EXPECT_TRUE(Has(args, {"--symlink", "a/x", "/l"}));
  EXPECT_TRUE(Has(args, {"--perms", "0444", "--ro-bind-data", "9", "/d"}));
  EXPECT_TRUE(Has(args, {"--clearenv", "--setenv", "NAME", "value"}));
  EXPECT_TRUE(Has(args, {"--chdir", "/w"}));
  EXPECT_TRUE(Has(args, {"--seccomp", "7"}));
  EXPECT_TRUE(Has(args, {"--json-status-fd", "6"}));
  EXPECT_LT(PlaceOf(args, "/host/a"), PlaceOf(args, "--remount-ro"));
}

TEST(BwrapArgsTest, MakesNoPlaceWritable) {
  const auto args =
      BwrapArgs(SandboxPolicy(), {.seccomp = 7, .status = 6, .data = {}});
  for (const char* word : {"--bind", "--tmpfs", "--dev", "--share-net"}) {
    EXPECT_EQ(std::count(args.begin(), args.end(), word), 0) << word;
  }
  EXPECT_EQ(std::count(args.begin(), args.end(), "/dev/zero"), 0);
}

}  // namespace
}  // namespace hubd
