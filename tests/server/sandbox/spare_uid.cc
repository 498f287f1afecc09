#include "tests/server/sandbox/spare_uid.h"

#include <grp.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "gtest/gtest.h"

namespace hubd {
namespace {

// Neither an account's nor one that the launcher drops to.
constexpr uid_t kSpareUid = 61120;

int RunAsSpareUid(int argc, char** argv) {
  if (::setgroups(0, nullptr) != 0 ||
      ::setresgid(kSpareUid, kSpareUid, kSpareUid) != 0 ||
      ::setresuid(kSpareUid, kSpareUid, kSpareUid) != 0) {
    std::perror("cannot become a spare uid");
    return 1;
  }
  // Bazel's files are root's; a failure shows in the exit status.
  testing::GTEST_FLAG(output) = "";
  ::unsetenv("TEST_PREMATURE_EXIT_FILE");
  ::setenv("HOME", "/nonexistent", 1);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

}  // namespace

int RunTestsAsEveryone(int argc, char** argv) {
  bool passed = true;
  if (::getuid() == 0) {
    const pid_t child = ::fork();
    if (child == 0) {
      const int status = RunAsSpareUid(argc, argv);
      std::fflush(nullptr);
      ::_exit(status);
    }
    int status = 1;
    ::waitpid(child, &status, 0);
    passed = status == 0;
    if (!passed) std::fprintf(stderr, "FAILED as uid %u\n", kSpareUid);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS() == 0 && passed ? 0 : 1;
}

}  // namespace hubd

int main(int argc, char** argv) { return hubd::RunTestsAsEveryone(argc, argv); }
