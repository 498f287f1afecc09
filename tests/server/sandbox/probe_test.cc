#include "server/sandbox/probe.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace hubd {
namespace {

using testing::HasSubstr;

TEST(ProbeTest, FullWhereTheRealPolicyRuns) {
  const SandboxSupport support = ProbeSandbox();
  EXPECT_TRUE(support.full) << support.reason;
  EXPECT_EQ(support.Level(), "full");
  EXPECT_EQ(support.reason, "");
}

TEST(ProbeTest, NamesThePackageThatIsMissing) {
  SandboxPolicy policy = InspectPolicy();
  policy.bubblewrap = "/nonexistent/bwrap";
  const SandboxSupport support = ProbeSandbox(policy);
  EXPECT_EQ(support.Level(), "none");
  EXPECT_THAT(support.reason, HasSubstr("apt install bubblewrap"));
}

TEST(ProbeTest, SaysInOneLineHowToAllowNamespaces) {
  char directory[] = "/tmp/hubd-probe-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  ::chmod(directory, 0755);
  SandboxPolicy policy = InspectPolicy();
  policy.bubblewrap = std::string(directory) + "/bwrap";
  std::ofstream(policy.bubblewrap)
      << "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\n"
         "echo second >&2\nexit 1\n";
  ::chmod(policy.bubblewrap.c_str(), 0755);
  const SandboxSupport support = ProbeSandbox(policy);
  EXPECT_FALSE(support.full);
  EXPECT_EQ(support.reason.find('\n'), std::string::npos);
  // Started by root, the launcher has an empty /tmp.
  if (::getuid() != 0) {
    EXPECT_THAT(support.reason, HasSubstr("namespace; second"));
    EXPECT_THAT(support.reason, HasSubstr("unprivileged_userns_clone"));
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace hubd
