#include "client/cli/run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "server/base/fs.h"
#include "tests/client/environment_scope.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

TEST(PythonOfTest, IsTheProgramItselfWhereThatIsAPython) {
  EnvironmentScope scope;
  for (const char* program :
       {"python", "python3", "python3.13t", "/opt/env/bin/python3.11"}) {
    EXPECT_EQ(PythonOf(program, ""), program);
    EXPECT_EQ(PythonOf(program, "/my/python"), "/my/python");
  }
  EXPECT_EQ(PythonOf("python3-config", ""), "python3");
  EXPECT_EQ(PythonOf("no-such-program", ""), "python3");
}

TEST(PythonOfTest, IsWhatTheFirstLineOfAScriptNames) {
  EnvironmentScope scope;
  TempDir directory;
  const struct {
    const char* text;
    const char* python;
  } rows[] = {
      {"#!/opt/env/bin/python3.11\nimport torch\n", "/opt/env/bin/python3.11"},
      {"#!/opt/env/bin/python -u\r\n", "/opt/env/bin/python"},
      {"#! /usr/bin/env python3\n", "python3"},
      {"#!/usr/bin/env -S python3.12 -u", "python3.12"},
      {"#!/bin/sh\npython3.9 x\n", "/chosen/by/default"},
      {"\x7f"
       "ELF",
       "/chosen/by/default"},
      {"", "/chosen/by/default"},
  };
  TempDir virtual_env;
  ASSERT_TRUE(MakeDirectories(virtual_env.Below("bin"), 0700).ok());
  ASSERT_TRUE(WriteFileDurably(virtual_env.Below("bin/python"), "", 0755).ok());
  scope.Set("VIRTUAL_ENV", virtual_env.path());
  scope.Set("PATH", "/none:" + directory.path());
  const std::string path = directory.Below("train");
  for (const auto& row : rows) {
    ASSERT_TRUE(WriteFileDurably(path, row.text, 0755).ok());
    const std::string expected =
        row.python[1] == 'c' ? virtual_env.Below("bin/python") : row.python;
    EXPECT_EQ(PythonOf(path, ""), expected) << row.text;
    EXPECT_EQ(PythonOf("train", ""), expected) << row.text;
  }
}

TEST(PythonOfTest, LooksForAScriptAsAShellDoes) {
  EnvironmentScope scope;
  TempDir first;
  TempDir here;
  ASSERT_TRUE(MakeDirectories(first.Below("train"), 0755).ok());
  ASSERT_TRUE(
      WriteFileDurably(here.Below("train"), "#!/my/python\n", 0755).ok());
  // A directory is no program.
  scope.Set("PATH", first.path() + ":" + here.path());
  EXPECT_EQ(PythonOf("train", ""), "/my/python");
  // An empty element is the working directory.
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(here.path());
  scope.Set("PATH", first.path() + "::/none");
  EXPECT_EQ(PythonOf("train", ""), "/my/python");
  scope.Set("PATH", "/none");
  EXPECT_EQ(PythonOf("train", ""), "python3");
  std::filesystem::current_path(before);
}

TEST(BecomeProgramTest, RefusesARelativePathWhereNoWorkingDirectoryIs) {
  EnvironmentScope scope;
  scope.Set("HUBD_HOME", "/mine");
  scope.Set("HUBD_SOCKET", "/my/socket");
  const std::filesystem::path before = std::filesystem::current_path();
  {
    TempDir gone;
    std::filesystem::current_path(gone.path());
  }
  Arguments with_dir;
  with_dir.program = {"/none/python"};
  Arguments with_socket = with_dir;
  with_dir.dir = "d";
  with_socket.socket = "s";
  const absl::Status no_dir = BecomeProgram(with_dir);
  const absl::Status no_socket = BecomeProgram(with_socket);
  std::filesystem::current_path(before);
  EXPECT_TRUE(absl::IsFailedPrecondition(no_dir)) << no_dir;
  EXPECT_THAT(std::string(no_dir.message()), HasSubstr("--dir d is relative"));
  EXPECT_THAT(std::string(no_socket.message()), HasSubstr("--socket s"));
  EXPECT_STREQ(::getenv("HUBD_HOME"), "/mine");
  EXPECT_STREQ(::getenv("HUBD_SOCKET"), "/my/socket");
}

TEST(BecomeProgramTest, NamesThePythonThatCannotBeRun) {
  EnvironmentScope scope;
  Arguments arguments;
  arguments.program = {"/none/python"};
  absl::Status status = BecomeProgram(arguments);
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("/none/python"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("--python"));
  TempDir directory;
  arguments.python = directory.path();
  EXPECT_TRUE(absl::IsFailedPrecondition(BecomeProgram(arguments)));
}

}  // namespace
}  // namespace hubd
