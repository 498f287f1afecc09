#include "server/worker/job.h"

#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/worker/job_fixture.h"

namespace hubd {
namespace {

using testing::HasSubstr;
using testing::Not;
using v1::WorkerExit;
using worker::v1::Failure;
using worker::v1::JobDone;
using worker::v1::StartJob;
using End = SandboxResult::End;

JobDone Ran(const StartJob& job) { return RunJob(job, std::stop_token()); }

TEST(JobTest, ListsEntrypoints) {
  Tree tree;
  tree.Add("helper.py", "def f():\n    'Helps.'\n");
  tree.Add("hubconf.py",
           "dependencies = ['numpy', 'nowhere']\n"
           "from helper import f as helped\n"
           "import os\n"
           "def net(pretrained=False):\n"
           "    '''\n    Makes a net.\n\n    More.\n    '''\n"
           "def __hidden(): pass\n"
           "value = 3\n"
           "print('hello', __name__, __file__)\n");
  const JobDone done = Ran(JobFor(tree));
  ASSERT_TRUE(done.has_result()) << done.DebugString();
  const auto& result = done.result();
  EXPECT_FALSE(result.has_failure()) << done.DebugString();
  ASSERT_EQ(result.entrypoints_size(), 2);
  EXPECT_EQ(result.entrypoints(0).name(), "helped");
  EXPECT_EQ(result.entrypoints(0).summary(), "Helps.");
  EXPECT_EQ(result.entrypoints(1).name(), "net");
  EXPECT_EQ(result.entrypoints(1).summary(), "Makes a net.");
  EXPECT_EQ(result.dependencies(1), "nowhere");
  EXPECT_EQ(done.output(),
            absl::StrCat("hello hubconf.py ", tree.path(), "/hubconf.py\n"));
}

TEST(JobTest, DescribesOneEntrypoint) {
  Tree tree;
  tree.Add("hubconf.py",
           "def net(a, *, b=1):\n    'Doc of \\u2603.'\ndef bare(): pass\n");
  StartJob job = JobFor(tree);
  job.mutable_request()->set_entrypoint("net");
  const JobDone net = Ran(job);
  EXPECT_EQ(net.result().doc(), "Doc of \u2603.") << net.DebugString();
  EXPECT_EQ(net.result().signature(), "net(a, *, b=1)");
  job.mutable_request()->set_entrypoint("bare");
  EXPECT_FALSE(Ran(job).result().has_doc());
}

TEST(JobTest, ReportsWhatTheCodeLacks) {
  const struct {
    const char* hubconf;
    const char* entrypoint;
    Failure::Kind kind;
    const char* exception;
    const char* missing;
  } kCases[] = {
      {"import nowhere", "", Failure::IMPORT_FAILED, "ModuleNotFoundError",
       "nowhere"},
      {"raise SystemExit(0)", "", Failure::IMPORT_FAILED, "SystemExit", ""},
      {"input()", "", Failure::IMPORT_FAILED, "EOFError", ""},
      {"def f(: pass", "", Failure::IMPORT_FAILED, "SyntaxError", ""},
      {"f = 3", "f", Failure::ENTRYPOINT_NOT_FOUND, "", ""},
      {"", "f", Failure::ENTRYPOINT_NOT_FOUND, "", ""},
      {"dependencies = ['json', 'no.where']\ndef f(): pass", "f",
       Failure::MISSING_DEPENDENCY, "", "no.where"},
  };
  for (const auto& test : kCases) {
    Tree tree;
    tree.Add("hubconf.py", test.hubconf);
    StartJob job = JobFor(tree);
    job.mutable_request()->set_entrypoint(test.entrypoint);
    const JobDone done = Ran(job);
    const Failure& failure = done.result().failure();
    EXPECT_EQ(failure.kind(), test.kind) << done.DebugString();
    EXPECT_EQ(failure.exception(), test.exception);
    EXPECT_EQ(failure.missing_size() > 0 ? failure.missing(0) : "",
              test.missing);
  }
}

TEST(JobTest, TracebackNamesTheTreeAndNotTheSandbox) {
  Tree tree;
  tree.Add("hubconf.py", "def f():\n    raise KeyError('k')\nf()\n");
  const JobDone done = Ran(JobFor(tree));
  const Failure& failure = done.result().failure();
  EXPECT_THAT(failure.traceback(),
              HasSubstr(absl::StrCat("File \"", tree.path(),
                                     "/hubconf.py\", line 2, in f")));
  EXPECT_THAT(failure.traceback(), Not(HasSubstr("box.py")));
  EXPECT_EQ(failure.message(), "'k'");
}

TEST(JobTest, SaysThatThereIsNoHubconf) {
  Tree tree;
  EXPECT_EQ(Ran(JobFor(tree)).result().failure().kind(),
            Failure::HUBCONF_MISSING);
}

// A Python that only its owner can reach; started by root, the sandbox is not
// its owner.
TEST(JobTest, RunsAVirtualEnvironmentInAClosedDirectory) {
  OpenDirectory closed;
  ASSERT_EQ(::chmod(closed.path().c_str(), 0700), 0);
  const std::string venv = closed.path() + "/venv";
  ASSERT_EQ(
      std::system(absl::StrCat("/usr/bin/python3 -m venv --without-pip ", venv)
                      .c_str()),
      0);
  const std::string extra = closed.path() + "/extra/site-packages";
  std::filesystem::create_directories(extra);
  ASSERT_EQ(std::system(absl::StrCat("echo 'x = 1' > ", extra, "/more.py; ",
                                     "echo s > ", closed.path(), "/secret")
                            .c_str()),
            0);
  Tree tree;
  tree.Add(
      "hubconf.py",
      "import more, os, sys\n"
      "print(sys.prefix, sorted(os.listdir(os.path.dirname(sys.prefix))))");
  StartJob job = JobFor(tree);
  job.mutable_interpreter()->set_executable(venv + "/bin/python");
  job.mutable_interpreter()->set_prefix(venv);
  job.mutable_interpreter()->add_site_directories(extra);
  const JobDone done = Ran(job);
  EXPECT_EQ(done.output(), absl::StrCat(venv, " ['extra', 'venv']\n"))
      << done.DebugString();
}

TEST(JobTest, WritesNoByteCode) {
  Tree tree;
  tree.Add("helper.py", "");
  tree.Add("hubconf.py", "import helper");
  ASSERT_TRUE(Ran(JobFor(tree)).has_result());
  EXPECT_FALSE(std::filesystem::exists(tree.path() + "/__pycache__"));
}

TEST(JobTest, StopEndsAsKilled) {
  std::stop_source stop;
  stop.request_stop();
  Tree tree;
  tree.Add("hubconf.py", "while True: pass");
  const JobDone done = RunJob(JobFor(tree), stop.get_token());
  EXPECT_EQ(done.exit().kind(), WorkerExit::KILLED);
}

TEST(JobTest, WhatCannotBeSetUpIsTold) {
  Tree tree;
  StartJob job = JobFor(tree);
  job.mutable_interpreter()->set_prefix("/");
  const JobDone done = Ran(job);
  EXPECT_EQ(done.exit().kind(), WorkerExit::SETUP_FAILED);
  EXPECT_THAT(done.output(), HasSubstr("no installation"));
  job = JobFor(tree);
  job.set_tree_path(tree.path() + "/none");
  EXPECT_EQ(Ran(job).exit().kind(), WorkerExit::SETUP_FAILED);
}

TEST(JudgeRunTest, TheKernelsWordComesBeforeTheAnswer) {
  StartJob job;
  job.set_job_id(9);
  SandboxResult run;
  run.result = std::string("HUBD\x01\x02\0\0\0{}", 11);
  run.end = End::kExited;
  EXPECT_TRUE(JudgeRun(job, run).has_result());
  run.exit_status = 3;
  EXPECT_EQ(JudgeRun(job, run).exit().kind(), WorkerExit::FAILED);
  EXPECT_EQ(JudgeRun(job, run).exit().exit_status(), 3);
  run.end = End::kSignaled;
  run.signal = SIGSYS;
  EXPECT_EQ(JudgeRun(job, run).exit().kind(), WorkerExit::VIOLATION);
  run.signal = SIGABRT;
  EXPECT_EQ(JudgeRun(job, run).exit().kind(), WorkerExit::KILLED);
  run.end = End::kLimit;
  run.limit = SandboxResult::Limit::kMemory;
  EXPECT_EQ(JudgeRun(job, run).exit().kind(), WorkerExit::LIMIT);
  EXPECT_EQ(JudgeRun(job, run).exit().limit(), "memory");
  run.end = End::kSetupFailed;
  EXPECT_EQ(JudgeRun(job, run).exit().kind(), WorkerExit::SETUP_FAILED);
  EXPECT_FALSE(JudgeRun(job, run).has_result());
  EXPECT_EQ(JudgeRun(job, run).job_id(), 9u);
}

TEST(JudgeRunTest, OutputIsCleanAndBounded) {
  StartJob job;
  job.mutable_limits()->set_output_bytes(4);
  SandboxResult run;
  run.output = "\x1b[31m";
  EXPECT_EQ(JudgeRun(job, run).output(), "\xEF\xBF\xBD[");
}

TEST(JobPolicyTest, HasTheJobsLimits) {
  Tree tree;
  StartJob job = JobFor(tree);
  job.mutable_limits()->set_time_ms(1234);
  job.mutable_limits()->set_output_bytes(77);
  const auto policy = JobPolicy(job);
  ASSERT_TRUE(policy.ok());
  EXPECT_EQ(policy->limits.time, absl::Milliseconds(1234));
  EXPECT_EQ(policy->limits.output_bytes, 77);
  EXPECT_EQ(policy->limits.memory_bytes, InspectPolicy().limits.memory_bytes);
}

}  // namespace
}  // namespace hubd
