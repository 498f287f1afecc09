#include "server/daemon/places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "server/base/digest.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

class PlacesTest : public ::testing::Test {
 protected:
  PlacesTest() {
    // Short, as a socket's path must be.
    std::string pattern = "/tmp/placesXXXXXX";
    // The path of a temporary directory may itself hold links.
    base_ = std::filesystem::canonical(::mkdtemp(pattern.data()));
    for (const char* name : {"HUBD_HOME", "XDG_CACHE_HOME"}) ::unsetenv(name);
    ::setenv("HOME", base_.c_str(), 1);
    ::setenv("XDG_RUNTIME_DIR", base_.c_str(), 1);
  }
  ~PlacesTest() override { std::filesystem::remove_all(base_); }

  std::string base_;
};

TEST_F(PlacesTest, TheRootIsTheFirstOfFlagHubdHomeCacheHomeAndHome) {
  EXPECT_EQ(UserRoot(std::nullopt), base_ + "/.cache/hubd");
  ::setenv("XDG_CACHE_HOME", (base_ + "/cache").c_str(), 1);
  EXPECT_EQ(UserRoot(std::nullopt), base_ + "/cache/hubd");
  ::setenv("HUBD_HOME", (base_ + "/home").c_str(), 1);
  EXPECT_EQ(UserRoot(std::nullopt), base_ + "/home");
  EXPECT_EQ(UserRoot(base_ + "/flag"), base_ + "/flag");
  ::setenv("HUBD_HOME", "", 1);
  EXPECT_EQ(UserRoot(std::nullopt), base_ + "/cache/hubd");
}

TEST_F(PlacesTest, TheSameRootThroughALinkHasTheSameSocket) {
  std::filesystem::create_directory(base_ + "/real");
  std::filesystem::create_directory_symlink(base_ + "/real", base_ + "/link");
  EXPECT_EQ(UserRoot(base_ + "/link/root"), base_ + "/real/root");
  EXPECT_EQ(UserRoot(base_ + "/link/../real/"), base_ + "/real");
}

TEST_F(PlacesTest, TheSocketIsNamedByTheRootInAPrivateDirectory) {
  auto socket = UserSocket("/some/root");
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_EQ(*socket,
            absl::StrCat(base_, "/hubd/", Sha256Hex("/some/root").substr(0, 16),
                         ".sock"));
  struct stat info;
  ASSERT_EQ(::stat((base_ + "/hubd").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0700u);
}

TEST_F(PlacesTest, WithoutARuntimeDirectoryTheSocketIsInTmp) {
  const std::string in_tmp = absl::StrCat("/tmp/hubd-", ::geteuid(), "/");
  ::setenv("XDG_RUNTIME_DIR", (base_ + "/missing").c_str(), 1);
  auto socket = UserSocket("/some/root");
  ASSERT_TRUE(socket.ok()) << socket.status();
  EXPECT_THAT(*socket, ::testing::StartsWith(in_tmp));
  ::setenv("XDG_RUNTIME_DIR", "", 1);
  EXPECT_EQ(*UserSocket("/some/root"), *socket);
}

TEST_F(PlacesTest, WhereTheSocketsPathWouldBeTooLongItIsInTmp) {
  const size_t room = 107 - base_.size() - 1 - 6 - 21;
  const std::string fits = base_ + "/" + std::string(room, 'd');
  std::filesystem::create_directory(fits);
  std::filesystem::create_directory(fits + "d");
  ::setenv("XDG_RUNTIME_DIR", fits.c_str(), 1);
  EXPECT_EQ(UserSocket("/some/root")->size(), 107u);
  ::setenv("XDG_RUNTIME_DIR", (fits + "d").c_str(), 1);
  EXPECT_THAT(*UserSocket("/some/root"), ::testing::StartsWith("/tmp/hubd-"));
}

TEST_F(PlacesTest, ADirectoryThatOthersCanEnterIsRefusedWithTheFix) {
  std::filesystem::create_directory(base_ + "/hubd");
  ::chmod((base_ + "/hubd").c_str(), 0755);
  auto socket = UserSocket("/some/root");
  EXPECT_EQ(socket.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(socket.status().message()),
              HasSubstr("chmod 700 " + base_ + "/hubd"));
}

TEST_F(PlacesTest, ALinkInPlaceOfTheDirectoryIsRefused) {
  std::filesystem::create_directory(base_ + "/elsewhere");
  ::chmod((base_ + "/elsewhere").c_str(), 0700);
  std::filesystem::create_directory_symlink(base_ + "/elsewhere",
                                            base_ + "/hubd");
  auto socket = UserSocket("/some/root");
  EXPECT_EQ(socket.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace hubd
