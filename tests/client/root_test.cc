#include "client/root.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tests/client/environment_scope.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

TEST(FindRootTest, TakesTheFirstThatSays) {
  struct Case {
    const char* chosen;
    const char* hubd_home;
    const char* cache_home;
    const char* root;
  };
  const Case cases[] = {
      {"/none/chosen", "/none/home", "/none/cache", "/none/chosen"},
      {"", "/none/home", "/none/cache", "/none/home"},
      {"", "", "/none/cache", "/none/cache/hubd"},
      {"", "", "", "/none/user/.cache/hubd"},
      {"~/x", "", "", "/none/user/x"},
      {"~", "", "", "/none/user"},
      {"/none/a/../b//c/", "", "", "/none/a/../b//c/"},
  };
  for (const Case& one : cases) {
    EnvironmentScope scope;
    scope.Set("HOME", "/none/user");
    scope.Set("HUBD_HOME", one.hubd_home);
    scope.Set("XDG_CACHE_HOME", one.cache_home);
    EXPECT_EQ(*FindRoot(one.chosen), one.root);
  }
}

TEST(FindRootTest, ARelativeOneIsBelowTheWorkingDirectory) {
  char directory[PATH_MAX];
  ASSERT_NE(::getcwd(directory, sizeof(directory)), nullptr);
  EXPECT_EQ(*FindRoot("a/b"), absl::StrCat(directory, "/a/b"));
}

TEST(FindRootTest, ARelativeOneNeedsAWorkingDirectory) {
  const std::filesystem::path before = std::filesystem::current_path();
  {
    TempDir gone;
    std::filesystem::current_path(gone.path());
  }
  const absl::Status status = FindRoot("a").status();
  std::filesystem::current_path(before);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
}

TEST(RootKeyTest, IsTheBeginningOfThePathsDigest) {
  EXPECT_EQ(RootKey("/var/cache/hubd"), "84ae474e6732eed8");
}

TEST(SocketDirectoryTest, LiesInTheRuntimeDirectoryWhereThatIsTheCallers) {
  EnvironmentScope scope;
  TempDir runtime;
  scope.Set("XDG_RUNTIME_DIR", runtime.path());
  EXPECT_EQ(*SocketDirectory(), runtime.Below("hubd"));
  struct stat info;
  ASSERT_EQ(::stat(runtime.Below("hubd").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  EXPECT_EQ(*SocketDirectory(), runtime.Below("hubd"));
}

TEST(SocketDirectoryTest, LiesInTmpWhereThereIsNoRuntimeDirectory) {
  EnvironmentScope scope;
  const std::string expected = "/tmp/hubd-" + std::to_string(::geteuid());
  EXPECT_EQ(*SocketDirectory(), expected);
  scope.Set("XDG_RUNTIME_DIR", "/none/there");
  EXPECT_EQ(*SocketDirectory(), expected);
}

TEST(SocketDirectoryTest, LiesInTmpWhereASocketsPathWouldBeTooLong) {
  TempDir directory;
  // "/hubd/" and "0123456789abcdef.sock" come to it; 107 bytes are the most.
  const size_t room = 107 - directory.path().size() - 1 - 6 - 21;
  for (const size_t length : {room, room + 1}) {
    EnvironmentScope scope;
    const std::string runtime = directory.Below(std::string(length, 'd'));
    ASSERT_EQ(::mkdir(runtime.c_str(), 0700), 0);
    scope.Set("XDG_RUNTIME_DIR", runtime);
    EXPECT_EQ(*SocketDirectory(),
              length == room ? runtime + "/hubd"
                             : "/tmp/hubd-" + std::to_string(::geteuid()));
  }
}

TEST(SocketDirectoryTest, RefusesADirectoryThatOthersMayEnter) {
  EnvironmentScope scope;
  TempDir runtime;
  scope.Set("XDG_RUNTIME_DIR", runtime.path());
  ASSERT_EQ(::mkdir(runtime.Below("hubd").c_str(), 0700), 0);
  ASSERT_EQ(::chmod(runtime.Below("hubd").c_str(), 0755), 0);
  EXPECT_TRUE(absl::IsUnavailable(SocketDirectory().status()));
}

TEST(SocketDirectoryTest, RefusesALink) {
  EnvironmentScope scope;
  TempDir runtime;
  TempDir elsewhere;
  scope.Set("XDG_RUNTIME_DIR", runtime.path());
  ASSERT_EQ(::symlink(elsewhere.path().c_str(), runtime.Below("hubd").c_str()),
            0);
  EXPECT_TRUE(absl::IsUnavailable(SocketDirectory().status()));
}

}  // namespace
}  // namespace hubd
