#include "server/jobs/environment.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "server/base/local_disk.h"
#include "server/base/status.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

class EnvironmentTest : public testing::Test {
 protected:
  EnvironmentTest() {
    HUBD_CHECK(MakeDirectories(Site(), 0755).ok());
    HUBD_CHECK(WriteFileDurably(Program(), "#!", 0755).ok());
    python_.set_executable(Program());
    python_.set_prefix(dir_.path());
    python_.set_base_prefix("/usr");
    python_.add_site_directories(Site());
    python_.add_site_directories(absl::StrCat(dir_.path(), "/absent"));
  }

  std::string Site() const {
    return absl::StrCat(dir_.path(), "/site-packages");
  }
  std::string Program() const { return absl::StrCat(dir_.path(), "/python"); }

  // Sets the modification time to one that it did not have.
  static void Touch(const std::string& path) {
    struct timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                                {.tv_sec = 1'000'000, .tv_nsec = 0}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }

  TempDir dir_;
  v1::Interpreter python_;
};

TEST_F(EnvironmentTest, IsTheSameUntilSomethingChanges) {
  const std::optional<std::string> id = EnvironmentId(python_);
  ASSERT_TRUE(id.has_value());
  EXPECT_EQ(EnvironmentId(python_), id);
}

TEST_F(EnvironmentTest, ChangesWithEachField) {
  const std::optional<std::string> id = EnvironmentId(python_);
  const std::function<void(v1::Interpreter&)> changes[] = {
      [](v1::Interpreter& python) { python.set_executable("/usr/bin/env"); },
      [](v1::Interpreter& python) { python.set_prefix("/usr"); },
      [](v1::Interpreter& python) { python.set_base_prefix("/opt"); },
      [](v1::Interpreter& python) { python.add_site_directories("/opt"); },
      [](v1::Interpreter& python) {
        python.mutable_site_directories()->SwapElements(0, 1);
      },
      [](v1::Interpreter& python) { python.set_ld_library_path("/opt"); },
  };
  for (const auto& change : changes) {
    v1::Interpreter changed = python_;
    change(changed);
    EXPECT_NE(EnvironmentId(changed), id) << changed.DebugString();
  }
}

TEST_F(EnvironmentTest, ChangesWithWhatLiesOnDisk) {
  std::optional<std::string> before = EnvironmentId(python_);
  const std::function<void()> changes[] = {
      [&] { Touch(Site()); },
      // A package comes.
      [&] { ASSERT_EQ(::mkdir((Site() + "/p").c_str(), 0755), 0); },
      [&] { Touch(Program()); },
      [&] { ASSERT_EQ(::mkdir((dir_.path() + "/absent").c_str(), 0755), 0); },
      [&] {
        ASSERT_TRUE(
            WriteFileDurably(dir_.path() + "/pyvenv.cfg", "", 0644).ok());
      },
  };
  for (const auto& change : changes) {
    change();
    std::optional<std::string> after = EnvironmentId(python_);
    EXPECT_NE(after, before);
    before = after;
  }
}

TEST_F(EnvironmentTest, AnInstallationThatTakesTheTimesOfAnotherIsAnother) {
  const std::optional<std::string> id = EnvironmentId(python_);
  struct stat old;
  ASSERT_EQ(::stat(Site().c_str(), &old), 0);
  ASSERT_EQ(::rename(Site().c_str(), (Site() + ".old").c_str()), 0);
  ASSERT_EQ(::mkdir(Site().c_str(), 0755), 0);
  struct timespec times[2] = {old.st_atim, old.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, Site().c_str(), times, 0), 0);
  EXPECT_NE(EnvironmentId(python_), id);
}

TEST_F(EnvironmentTest, WhatCannotBeLookedAtHasNoId) {
  const std::string loop = dir_.path() + "/loop";
  ASSERT_EQ(::symlink(loop.c_str(), loop.c_str()), 0);
  python_.add_site_directories(loop);
  EXPECT_EQ(EnvironmentId(python_), std::nullopt);
}

TEST_F(EnvironmentTest, MemorySaysTheSame) {
  const std::optional<std::string> id = EnvironmentId(python_);
  const std::optional<std::string> in_memory = EnvironmentIdInMemory(python_);
  if (!in_memory) GTEST_SKIP() << "the kernel knows no such look";
  EXPECT_EQ(in_memory, id);
  Touch(Site());
  EXPECT_NE(EnvironmentIdInMemory(python_), id);
}

TEST(LocalDisksTest, EveryPathIsOnOne) {
  v1::Interpreter python;
  python.set_executable("/dev/shm/bin/python");
  python.set_prefix("/dev/shm");
  EXPECT_EQ(IsOnLocalDisks(python), IsOnLocalDisk("/dev/shm"));
  python.add_site_directories("/proc/self/absent");
  EXPECT_FALSE(IsOnLocalDisks(python));
  EXPECT_FALSE(IsOnLocalDisks(v1::Interpreter()));
}

}  // namespace
}  // namespace hubd
