#include "server/sandbox/sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "server/sandbox/policy.h"

namespace hubd {
namespace {

using End = SandboxResult::End;
using Limit = SandboxResult::Limit;

SandboxPolicy Shell(const std::string& script) {
  SandboxPolicy policy = InspectPolicy();
  policy.limits.time = absl::Seconds(20);
  policy.argv = {"/bin/sh", "-c", script};
  return policy;
}

SandboxPolicy Python(const std::string& script) {
  SandboxPolicy policy = InspectPolicy();
  policy.limits.time = absl::Seconds(20);
  policy.argv = {"/usr/bin/python3", "-I", "-c", script};
  return policy;
}

SandboxResult Sandboxed(const SandboxPolicy& policy,
                        const std::string& request = "") {
  return RunSandboxed(policy, request, std::stop_token());
}

TEST(SandboxTest, GivesRequestAndTakesResultAndOutput) {
  const SandboxResult run = Sandboxed(
      Shell("cat <&3 >&4; echo out; echo err >&2; exit 7"), "question");
  EXPECT_EQ(run.end, End::kExited) << run.output;
  EXPECT_EQ(run.exit_status, 7);
  EXPECT_EQ(run.result, "question");
  EXPECT_EQ(run.output, "out\nerr\n");
}

TEST(SandboxTest, HasFiveDescriptorsAndNoneToWriteButThePipes) {
  const SandboxResult run = Sandboxed(Python(
      "import os\n"
      "fds = [int(f) for f in os.listdir('/proc/self/fd')]\n"
      "print(sorted(f for f in fds if os.path.lexists(f'/proc/self/fd/{f}')))\n"
      "print(os.readlink('/proc/self/fd/0'))\n"
      "try: os.write(3, b'x'); print('BREACH')\n"
      "except OSError: print('refused')\n"));
  EXPECT_EQ(run.output, "[0, 1, 2, 3, 4]\n/dev/null\nrefused\n");
}

TEST(SandboxTest, IsNobodyWithoutRights) {
  const SandboxResult run = Sandboxed(
      Python("import os\n"
             "status = open('/proc/self/status').read().split('\\n')\n"
             "field = {l.split(':')[0]: l.split(':')[1].split() for l in "
             "status if l}\n"
             "print(os.getresuid(), field['CapEff'], field['CapBnd'])\n"
             "print(field['Seccomp'], field['NoNewPrivs'])\n"
             "print(open('/proc/self/uid_map').read().split()[1] != '0')\n"
             "print(open('/proc/1/environ').read() == '')\n"
             "print(sorted(os.environ)[:3])\n"));
  EXPECT_EQ(run.output,
            "(65534, 65534, 65534) ['0000000000000000'] "
            "['0000000000000000']\n['2'] ['1']\nTrue\nTrue\n"
            "['CUDA_VISIBLE_DEVICES', 'HOME', 'LANG']\n");
}

TEST(SandboxTest, AWordWithANulStartsNothing) {
  SandboxPolicy policy = Shell("echo started");
  policy.environment.push_back(
      {"NAME", std::string("value\0--bind\0/\0/tmp/home", 24)});
  const SandboxResult run = Sandboxed(policy);
  EXPECT_EQ(run.end, End::kSetupFailed);
  EXPECT_TRUE(absl::StrContains(run.output, "NUL")) << run.output;
}

TEST(SandboxTest, NothingIsWritable) {
  const SandboxResult run = Sandboxed(Python(
      "import os\n"
      "for top, names, _ in os.walk('/'):\n"
      "    names[:] = [n for n in names if top != '/' or n not in\n"
      "                ('proc', 'usr', 'sys')]\n"
      "    try: open(top + '/x', 'w'); print('BREACH', top)\n"
      "    except OSError as error: assert error.errno in (30, 13), error\n"
      "print('done')\n"));
  EXPECT_EQ(run.output, "done\n");
}

TEST(SandboxTest, ShowsBindsLinksAndDataReadOnly) {
  char directory[] = "/tmp/hubd-sandbox-XXXXXX";
  ASSERT_NE(::mkdtemp(directory), nullptr);
  std::ofstream(absl::StrCat(directory, "/inside")) << "bound";
  SandboxPolicy policy = Shell(
      "cat /there/inside /link /data/file; "
      "echo x > /there/inside || echo refused");
  policy.binds.push_back({directory, "/there"});
  policy.links.push_back({"/link", "there/inside"});
  policy.data_files.push_back({"/data/file", "given"});
  // As root, the source below this directory is out of the sandbox uid's reach.
  ::chmod(directory, 0755);
  const SandboxResult run = Sandboxed(policy);
  EXPECT_TRUE(absl::StartsWith(run.output, "boundboundgiven")) << run.output;
  EXPECT_TRUE(absl::StrContains(run.output, "refused")) << run.output;
  std::filesystem::remove_all(directory);
}

TEST(SandboxTest, ShowsABindBelowADirectoryThatOnlyTheCallerCanPass) {
  char closed[] = "/tmp/hubd-closed-XXXXXX";
  ASSERT_NE(::mkdtemp(closed), nullptr);
  const std::string inner = absl::StrCat(closed, "/inner");
  ASSERT_EQ(::mkdir(inner.c_str(), 0755), 0);
  std::ofstream(absl::StrCat(closed, "/secret")) << "secret";
  std::ofstream(absl::StrCat(inner, "/file")) << "seen";
  SandboxPolicy policy = Shell(absl::StrCat("cat ", inner, "/file; cat ",
                                            closed, "/secret; ls ", closed));
  policy.binds.push_back({inner, inner});
  const SandboxResult run = Sandboxed(policy);
  EXPECT_TRUE(absl::StartsWith(run.output, "seen")) << run.output;
  EXPECT_TRUE(absl::EndsWith(run.output, "\ninner\n")) << run.output;
  std::filesystem::remove_all(closed);
}

TEST(SandboxTest, SignalOfTheProgramIsTold) {
  const SandboxResult run = Sandboxed(Shell("kill -SEGV $$"));
  EXPECT_EQ(run.end, End::kSignaled);
  EXPECT_EQ(run.signal, SIGSEGV);
}

TEST(SandboxTest, AnExitStatusIsNoTimeLimit) {
  for (const char* script : {"exit 152", "kill -XCPU $$"}) {
    const SandboxResult run = Sandboxed(Shell(script));
    EXPECT_EQ(run.end, End::kSignaled) << script;
    EXPECT_EQ(run.signal, SIGXCPU) << script;
  }
}

TEST(SandboxTest, TimeLimitKills) {
  SandboxPolicy policy = Shell("trap '' TERM INT HUP; while :; do :; done");
  policy.limits.time = absl::Milliseconds(400);
  const SandboxResult run = Sandboxed(policy);
  EXPECT_EQ(run.end, End::kLimit);
  EXPECT_EQ(run.limit, Limit::kTime);
}

TEST(SandboxTest, MemoryLimitCountsAllProcesses) {
  SandboxPolicy policy = Python(
      "import os, signal\n"
      "for _ in range(6):\n"
      "    if os.fork() == 0:\n"
      "        hold = bytearray(60 << 20)\n"
      "        signal.pause()\n"
      "signal.pause()\n");
  policy.limits.memory_bytes = 128 << 20;
  const SandboxResult run = Sandboxed(policy);
  EXPECT_EQ(run.limit, Limit::kMemory);
}

TEST(SandboxTest, OutputIsCutThenLimited) {
  SandboxPolicy policy = Shell("yes");
  policy.limits.output_bytes = 1000;
  const SandboxResult run = Sandboxed(policy);
  EXPECT_EQ(run.limit, Limit::kOutput);
  EXPECT_EQ(run.output.size(), 1000u);
}

TEST(SandboxTest, ResultLimitKills) {
  SandboxPolicy policy = Shell("yes >&4");
  policy.limits.result_bytes = 100000;
  const SandboxResult run = Sandboxed(policy);
  EXPECT_EQ(run.limit, Limit::kResult);
  EXPECT_LE(run.result.size(), 100000u);
}

TEST(SandboxTest, StopKillsAtOnce) {
  std::stop_source source;
  std::jthread stopper([&source] { source.request_stop(); });
  const absl::Time start = absl::Now();
  const SandboxResult run =
      RunSandboxed(Shell("sleep 15"), "", source.get_token());
  EXPECT_EQ(run.end, End::kStopped);
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
}

// A program name that no other process of the machine has.
std::string RareSleep() { return absl::StrCat("sleep 9", ::getpid()); }

bool Runs(const std::string& command) {
  return std::system(
             absl::StrCat("pgrep -fx '", command, "' > /dev/null").c_str()) ==
         0;
}

TEST(SandboxTest, NoProcessOutlivesTheRun) {
  const SandboxResult run = Sandboxed(Shell(absl::StrCat(
      "setsid sh -c 'trap \"\" HUP TERM; exec ", RareSleep(),
      "' & until pgrep -x sleep > /dev/null; do :; done; echo started")));
  EXPECT_EQ(run.end, End::kExited);
  EXPECT_EQ(run.output, "started\n");
  EXPECT_FALSE(Runs(RareSleep()));
}

TEST(SandboxTest, EndsWithTheProcessThatStartedIt) {
  const std::string sleep = RareSleep();
  const pid_t host = ::fork();
  if (host == 0) {
    Sandboxed(Shell(absl::StrCat("exec ", sleep)));
    ::_exit(0);
  }
  const absl::Time deadline = absl::Now() + absl::Seconds(10);
  while (!Runs(sleep) && absl::Now() < deadline) {
  }
  ASSERT_TRUE(Runs(sleep));
  ::kill(host, SIGKILL);
  ::waitpid(host, nullptr, 0);
  while (Runs(sleep) && absl::Now() < deadline) {
  }
  EXPECT_FALSE(Runs(sleep));
}

TEST(SandboxTest, SaysWhyItCouldNotBeSetUp) {
  SandboxPolicy policy = Shell("true");
  policy.binds.push_back({"/nonexistent", "/there"});
  const SandboxResult run = Sandboxed(policy);
  EXPECT_EQ(run.end, End::kSetupFailed);
  EXPECT_TRUE(absl::StrContains(run.output, "/nonexistent")) << run.output;
}

}  // namespace
}  // namespace hubd
