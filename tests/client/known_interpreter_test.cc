#include "client/known_interpreter.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "tests/client/environment_scope.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

class KnownInterpreterTest : public testing::Test {
 protected:
  KnownInterpreterTest() { Write(Program()); }

  std::string Program() const { return directory_.Below("python"); }

  // A Python that notes that it was asked.
  void Write(const std::string& path) {
    const std::string script =
        absl::StrCat("#!/bin/sh\necho >> ", directory_.Below("asked"),
                     "\nprintf '\\nhubd-interpreter:4\\0%s\\0%s\\0\\0\\0' ",
                     path, " ", directory_.path(), "\n");
    EXPECT_TRUE(WriteFileDurably(path, script, 0755).ok());
  }

  size_t asked() const {
    absl::StatusOr<std::string> lines = ReadFile(directory_.Below("asked"));
    return lines.ok() ? lines->size() : 0;
  }

  void Describe(KnownInterpreter& known, const std::string& program) {
    absl::StatusOr<v1::Interpreter> interpreter =
        known.Describe(program, CallLimit());
    ASSERT_TRUE(interpreter.ok()) << interpreter.status();
    EXPECT_EQ(interpreter->executable(), program);
  }

  EnvironmentScope scope_;
  TempDir directory_;
};

TEST_F(KnownInterpreterTest, IsAskedOnce) {
  KnownInterpreter known(absl::Hours(1));
  for (int i = 0; i < 3; ++i) Describe(known, Program());
  EXPECT_EQ(asked(), 1u);
}

TEST_F(KnownInterpreterTest, IsAskedAgainWhenSomethingIsAnother) {
  KnownInterpreter known(absl::Hours(1));
  Describe(known, Program());
  size_t expected = 1;
  auto expect_asked = [&](const char* why, const std::string& program) {
    Describe(known, program);
    Describe(known, program);
    EXPECT_EQ(asked(), ++expected) << why;
  };
  scope_.Set("PYENV_VERSION", "3.12");
  expect_asked("environment", Program());
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path(directory_.path());
  expect_asked("working directory", Program());
  std::filesystem::current_path(before);
  Describe(known, Program());
  ++expected;
  Write(directory_.Below("other"));
  expect_asked("other program", directory_.Below("other"));
}

TEST_F(KnownInterpreterTest, AnOldAnswerIsNotTaken) {
  KnownInterpreter known(absl::ZeroDuration());
  Describe(known, Program());
  Describe(known, Program());
  EXPECT_EQ(asked(), 2u);
}

TEST_F(KnownInterpreterTest, AFailureIsNotKept) {
  KnownInterpreter known(absl::Hours(1));
  ASSERT_TRUE(WriteFileDurably(Program(), "#!/bin/sh\nexit 1\n", 0755).ok());
  EXPECT_FALSE(known.Describe(Program(), CallLimit()).ok());
  Write(Program());
  Describe(known, Program());
}

}  // namespace
}  // namespace hubd
