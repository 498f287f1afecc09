#include "server/worker/interpreter.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/worker/job_fixture.h"

namespace hubd {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// An installation PREFIX/bin/python in a directory of its own.
class InterpreterTest : public testing::Test {
 protected:
  InterpreterTest() : prefix_(directory_.path() + "/python") {
    std::filesystem::create_directories(prefix_ + "/bin");
    std::filesystem::create_directories(prefix_ + "/lib/site-packages");
    const std::string program = prefix_ + "/bin/python3.9";
    std::ofstream(program) << "#!";
    ::chmod(program.c_str(), 0755);
    std::filesystem::create_symlink("python3.9", prefix_ + "/bin/python");
    interpreter_.set_executable(prefix_ + "/bin/python");
    interpreter_.set_prefix(prefix_);
    interpreter_.set_base_prefix("/usr");
  }

  std::string ErrorOf() {
    SandboxPolicy policy;
    return std::string(
        BindInterpreter(interpreter_, policy).status().message());
  }

  std::vector<std::string> Targets(const SandboxPolicy& policy) {
    std::vector<std::string> targets;
    for (const auto& bind : policy.binds) {
      EXPECT_EQ(bind.source, bind.target);
      targets.push_back(bind.target);
    }
    return targets;
  }

  OpenDirectory directory_;
  const std::string prefix_;
  v1::Interpreter interpreter_;
};

TEST_F(InterpreterTest, BindsPrefixesOnceAndNothingInsideThem) {
  interpreter_.add_site_directories(prefix_ + "/lib/site-packages");
  SandboxPolicy policy;
  const auto sites = BindInterpreter(interpreter_, policy);
  ASSERT_TRUE(sites.ok()) << sites.status();
  EXPECT_THAT(*sites, ElementsAre(prefix_ + "/lib/site-packages"));
  EXPECT_THAT(Targets(policy), ElementsAre(prefix_));
  EXPECT_THAT(policy.links, IsEmpty());
}

TEST_F(InterpreterTest, SystemPythonNeedsNoBind) {
  interpreter_.set_executable("/usr/bin/python3");
  interpreter_.set_prefix("/usr");
  SandboxPolicy policy;
  ASSERT_TRUE(BindInterpreter(interpreter_, policy).ok());
  EXPECT_THAT(Targets(policy), IsEmpty());
}

TEST_F(InterpreterTest, RebuildsLinksThatLeadToTheProgram) {
  const std::string first = directory_.path() + "/first";
  const std::string current = directory_.path() + "/current";
  std::filesystem::create_symlink("python", current);
  std::filesystem::create_symlink(current + "/bin/python", first);
  interpreter_.set_executable(first);
  SandboxPolicy policy;
  const auto sites = BindInterpreter(interpreter_, policy);
  ASSERT_TRUE(sites.ok()) << sites.status();
  ASSERT_EQ(policy.links.size(), 2u);
  EXPECT_EQ(policy.links[0].target, first);
  EXPECT_EQ(policy.links[0].points_to, current + "/bin/python");
  EXPECT_EQ(policy.links[1].target, current);
  EXPECT_EQ(policy.links[1].points_to, "python");
}

TEST_F(InterpreterTest, BindsAProgramOutsideOfItsPrefixAlone) {
  const std::string lone = directory_.path() + "/lone";
  std::filesystem::copy(prefix_ + "/bin/python3.9", lone);
  interpreter_.set_executable(lone);
  SandboxPolicy policy;
  ASSERT_TRUE(BindInterpreter(interpreter_, policy).ok());
  EXPECT_THAT(Targets(policy), ElementsAre(prefix_, lone));
}

TEST_F(InterpreterTest, RefusesWhatIsNoInstallation) {
  std::filesystem::create_symlink("/", directory_.path() + "/all");
  for (const std::string& prefix :
       {std::string("/"), std::string("/home"), std::string("/etc"),
        std::string("/proc/self/root"), std::string(""), std::string("usr"),
        std::string("/usr/.."), std::string("/usr/../etc"),
        std::string("/repo/venv"), std::string("/usr\0/", 6),
        directory_.path() + "/all", directory_.path() + "/missing"}) {
    interpreter_.set_prefix(prefix);
    EXPECT_THAT(ErrorOf(), HasSubstr("cannot show the Python")) << prefix;
  }
}

TEST_F(InterpreterTest, RefusesLinksToTheSystemsOwnPlaces) {
  const std::string link = directory_.path() + "/link";
  for (const char* place : {"/etc", "/etc/ssl", "/proc", "/sys", "/run"}) {
    std::filesystem::create_symlink(place, link);
    interpreter_.set_prefix(link);
    EXPECT_THAT(ErrorOf(), HasSubstr("leads to")) << place;
    std::filesystem::remove(link);
  }
}

TEST_F(InterpreterTest, RefusesHomesAndWhatHoldsThem) {
  const std::string home = directory_.path() + "/users/me";
  std::filesystem::create_directories(home + "/venv");
  const char* before = std::getenv("HOME");
  const std::string old = before ? before : "";
  ::setenv("HOME", home.c_str(), 1);
  for (const std::string& prefix : {home, directory_.path() + "/users"}) {
    interpreter_.set_prefix(prefix);
    EXPECT_THAT(ErrorOf(), HasSubstr("home directory"));
  }
  interpreter_.set_prefix(home + "/venv");
  EXPECT_EQ(ErrorOf(), "");
  ::setenv("HOME", old.c_str(), 1);
}

TEST_F(InterpreterTest, RefusesAProgramThatCannotRun) {
  interpreter_.set_executable(prefix_ + "/lib");
  EXPECT_THAT(ErrorOf(), HasSubstr("cannot be run"));
}

TEST_F(InterpreterTest, LeavesOutSiteDirectoriesThatItMayNotShow) {
  interpreter_.add_site_directories("/");
  interpreter_.add_site_directories(directory_.path() +
                                    "/missing/site-packages");
  // A project that PYTHONPATH names.
  const std::string project = directory_.path() + "/project";
  std::filesystem::create_directories(project);
  interpreter_.add_site_directories(project);
  SandboxPolicy policy;
  EXPECT_THAT(*BindInterpreter(interpreter_, policy), IsEmpty());
  EXPECT_THAT(Targets(policy), ElementsAre(prefix_));
}

TEST_F(InterpreterTest, KeepsLibraryPathsInsideWhatIsBound) {
  interpreter_.set_ld_library_path(
      "/secret/lib:" + prefix_ + "/lib::" + prefix_ + "x:" + prefix_ +
      "/../secret:" + prefix_ + std::string("/a\0b", 4));
  SandboxPolicy policy;
  ASSERT_TRUE(BindInterpreter(interpreter_, policy).ok());
  ASSERT_EQ(policy.environment.size(), 1u);
  EXPECT_EQ(policy.environment[0].name, "LD_LIBRARY_PATH");
  EXPECT_EQ(policy.environment[0].value, prefix_ + "/lib");
}

}  // namespace
}  // namespace hubd
