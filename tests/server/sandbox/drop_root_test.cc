#include "server/sandbox/drop_root.h"

#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"

namespace hubd {
namespace {

// 0, or the number of the first thing that is not as it should be.
int DropAndLook(const std::string& directory) {
  SandboxPolicy policy;
  policy.binds = {{directory + "/tree", "/tree"},
                  {directory + "/file", "/file"}};
  if (!DropRoot(policy).ok()) return 1;
  if (::getuid() < kFirstSandboxUid || ::geteuid() != ::getuid()) return 2;
  if (::getgid() == 0 || ::getgroups(0, nullptr) != 0) return 3;
  if (ReadFile(policy.binds[0].source + "/inside").value_or("") != "tree") {
    return 4;
  }
  if (ReadFile(policy.binds[1].source).value_or("") != "file") return 5;
  if (policy.binds[0].target != "/tree") return 6;
  if (ReadFile(directory + "/file").ok()) return 7;
  if (ListDirectory("/tmp").ok()) return 8;
  return 0;
}

TEST(DropRootTest, KeepsTheBindsAndNothingElse) {
  if (::getuid() != 0) GTEST_SKIP() << "only root can drop its rights";
  char directory[] = "/tmp/hubd-root-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  const std::string root = directory;
  ASSERT_EQ(::mkdir((root + "/tree").c_str(), 0755), 0);
  std::ofstream(root + "/tree/inside") << "tree";
  std::ofstream(root + "/file") << "file";
  const pid_t child = ::fork();
  if (child == 0) ::_exit(DropAndLook(root));
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  // The namespace was the child's alone.
  EXPECT_EQ(ReadFile(root + "/file").value_or(""), "file");
  std::filesystem::remove_all(root);
}

TEST(DropRootTest, UidsBelongToNobody) {
  for (uid_t uid = 0; uid < kSandboxUids; ++uid) {
    EXPECT_EQ(::getpwuid(kFirstSandboxUid + uid), nullptr);
  }
}

TEST(DropRootTest, FailsForAnOrdinaryUser) {
  if (::getuid() == 0) GTEST_SKIP() << "runs as root";
  SandboxPolicy policy;
  EXPECT_FALSE(DropRoot(policy).ok());
}

}  // namespace
}  // namespace hubd
