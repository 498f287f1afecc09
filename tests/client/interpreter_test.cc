#include "client/interpreter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "tests/client/environment_scope.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A program that prints and does what the script says.
std::string Script(const TempDir& directory, const std::string& body) {
  const std::string path = directory.Below("python");
  EXPECT_TRUE(WriteFileDurably(path, "#!/bin/sh\n" + body, 0755).ok());
  return path;
}

TEST(FindInterpreterTest, TakesTheChosenThenTheEnvironmentsThenPath) {
  EnvironmentScope scope;
  TempDir virtual_env;
  TempDir conda;
  for (const TempDir* directory : {&virtual_env, &conda}) {
    ASSERT_TRUE(MakeDirectories(directory->Below("bin"), 0700).ok());
    ASSERT_TRUE(
        WriteFileDurably(directory->Below("bin/python"), "", 0755).ok());
  }
  EXPECT_EQ(FindInterpreter(""), "python3");
  scope.Set("CONDA_PREFIX", conda.path());
  EXPECT_EQ(FindInterpreter(""), conda.Below("bin/python"));
  scope.Set("VIRTUAL_ENV", virtual_env.path());
  EXPECT_EQ(FindInterpreter(""), virtual_env.Below("bin/python"));
  EXPECT_EQ(FindInterpreter("/my/python"), "/my/python");
  scope.Set("VIRTUAL_ENV", "/none");
  EXPECT_EQ(FindInterpreter(""), conda.Below("bin/python"));
}

TEST(DescribeInterpreterTest, AsksThePythonItself) {
  EnvironmentScope scope;
  TempDir extra;
  scope.Set("PYTHONPATH", extra.path() + ":/none/there");
  scope.Set("LD_LIBRARY_PATH", "/opt/lib");
  const absl::StatusOr<v1::Interpreter> found =
      DescribeInterpreter("python3", CallLimit());
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(found->executable(), StartsWith("/"));
  EXPECT_THAT(found->prefix(), StartsWith("/"));
  EXPECT_THAT(found->base_prefix(), StartsWith("/"));
  EXPECT_THAT(found->site_directories(), Contains(extra.path()));
  EXPECT_THAT(found->site_directories(), Not(Contains("/none/there")));
  EXPECT_EQ(found->ld_library_path(), "/opt/lib");
}

TEST(DescribeInterpreterTest, ShowsAPathThatIsNoText) {
  EnvironmentScope scope;
  TempDir directory;
  const std::string path = directory.Below("a\xff");
  ASSERT_TRUE(MakeDirectories(path, 0700).ok());
  scope.Set("PYTHONPATH", path);
  const absl::Status status =
      DescribeInterpreter("python3", CallLimit()).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("a\\udcff"));
}

TEST(DescribeInterpreterTest, FindsTheAnswerAmongOtherOutput) {
  TempDir directory;
  const std::string program = Script(
      directory,
      "echo hello; printf '\\nhubd-interpreter:5\\0/e\\0/p\\0/b\\0\\0/s\\0'; "
      "echo x");
  const absl::StatusOr<v1::Interpreter> found =
      DescribeInterpreter(program, CallLimit());
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->prefix(), "/p");
  EXPECT_EQ(found->ld_library_path(), "");
  EXPECT_THAT(found->site_directories(), ElementsAre("/s"));
}

TEST(DescribeInterpreterTest, AnAnswerThatIsCutIsNone) {
  for (const char* answer :
       {"4", "4\\0/e\\0/p\\0/b\\0", "3\\0/e\\0/p\\0/b\\0", "x\\0\\0\\0\\0\\0",
        "18446744073709551615\\0\\0\\0\\0\\0", "-1\\0\\0\\0\\0\\0"}) {
    TempDir directory;
    const std::string program = Script(
        directory, absl::StrCat("printf '\\nhubd-interpreter:", answer, "'"));
    EXPECT_TRUE(absl::IsFailedPrecondition(
        DescribeInterpreter(program, CallLimit()).status()))
        << answer;
  }
}

TEST(DescribeInterpreterTest, QuotesWhatWasSaidInsteadOfAnAnswer) {
  TempDir directory;
  const absl::Status status =
      DescribeInterpreter(Script(directory, "echo broken >&2; exit 1"),
                          CallLimit())
          .status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("It said:\nbroken"));
}

TEST(DescribeInterpreterTest, SaysThatThereIsNoSuchProgram) {
  const absl::Status status =
      DescribeInterpreter("/none/python", CallLimit()).status();
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("cannot run the Python /none/python: No such file"));
}

TEST(DescribeInterpreterTest, KillsAPythonThatTakesTooLong) {
  TempDir directory;
  const absl::Status status =
      DescribeInterpreter(Script(directory, "exec cat /dev/zero >/dev/null"),
                          CallLimit(absl::Milliseconds(100)))
          .status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
}

}  // namespace
}  // namespace hubd
