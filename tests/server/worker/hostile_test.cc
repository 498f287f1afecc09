// Hostile hubconf.py files, each in its own sandbox. They print RAN when they
// begin, and BREACH with what they have won.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gtest/gtest.h"
#include "server/base/unique_fd.h"
#include "server/worker/job.h"
#include "tests/server/worker/job_fixture.h"

namespace hubd {
namespace {

using v1::WorkerExit;
using worker::v1::JobDone;

constexpr char kSecret[] = "a-secret-of-the-host";
constexpr char kDirectory[] = "tests/server/worker/testcases";

// Read before main(), while the test is still who started it: a spare uid may
// be unable to reach the files.
std::map<std::string, std::string> ReadCases() {
  std::map<std::string, std::string> cases;
  for (const auto& entry : std::filesystem::directory_iterator(kDirectory)) {
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    cases[entry.path().stem()] = text.str();
  }
  return cases;
}
const std::map<std::string, std::string> kCases = ReadCases();

// Things that the code in the sandbox must not reach.
class Bait {
 public:
  Bait()
      : tcp_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        path_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        abstract_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    std::ofstream(file()) << kSecret;
    std::ofstream(absl::StrCat(home(), "/.netrc")) << kSecret;
    ::setenv("HUBD_TEST_SECRET", kSecret, 1);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Listen(tcp_, &address, sizeof address);
    socklen_t size = sizeof address;
    ::getsockname(tcp_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    ListenUnix(path_, socket_path());
    ListenUnix(abstract_, std::string(1, '\0') + abstract());
  }

  std::string home() const { return directory_.path(); }
  std::string file() const { return home() + "/bait"; }
  std::string socket_path() const { return home() + "/sock"; }
  std::string abstract() const { return absl::StrCat("hubd-", ::getpid()); }
  int port() const { return port_; }

  bool WasReached() const {
    pollfd fds[] = {{tcp_.get(), POLLIN, 0},
                    {path_.get(), POLLIN, 0},
                    {abstract_.get(), POLLIN, 0}};
    return ::poll(fds, 3, 0) != 0;
  }

 private:
  void Listen(const UniqueFd& fd, const void* address, socklen_t size) {
    ASSERT_EQ(::bind(fd.get(), static_cast<const sockaddr*>(address), size), 0);
    ASSERT_EQ(::listen(fd.get(), 8), 0);
  }
  void ListenUnix(const UniqueFd& fd, const std::string& name) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    Listen(fd, &address, offsetof(sockaddr_un, sun_path) + name.size());
  }

  OpenDirectory directory_;
  UniqueFd tcp_;
  UniqueFd path_;
  UniqueFd abstract_;
  int port_ = 0;
};

struct Attack {
  const char* name;
  // How the job must end; KIND_UNSPECIFIED: with a result.
  WorkerExit::Kind kind = WorkerExit::KIND_UNSPECIFIED;
  const char* limit = "";
  int number = 0;  // Signal or exit status.
};

void PrintTo(const Attack& attack, std::ostream* out) { *out << attack.name; }

const Attack kAttacks[] = {
    {"reads"},
    {"network"},
    {"writes"},
    {"privileges"},
    {"signals", WorkerExit::KILLED, "", SIGKILL},
    {"stopped", WorkerExit::LIMIT, "time"},
    {"loop", WorkerExit::LIMIT, "time"},
    {"memory", WorkerExit::LIMIT, "memory"},
    {"memory_many", WorkerExit::LIMIT, "memory"},
    {"page_tables", WorkerExit::LIMIT, "memory"},
    {"sockets", WorkerExit::LIMIT, "memory"},
    {"flood", WorkerExit::LIMIT, "output"},
    {"fork_bomb"},
    {"descriptor_bomb"},
    {"forged_everywhere", WorkerExit::FAILED},
    {"forged_identity", WorkerExit::FAILED},
    {"forged_trailing", WorkerExit::FAILED},
    {"forged_depth", WorkerExit::FAILED},
    {"forged_endless", WorkerExit::LIMIT, "result"},
    {"forged_names"},
    {"closed", WorkerExit::FAILED, "", 1},
    {"leaves", WorkerExit::FAILED, "", 3},
    {"crashes", WorkerExit::KILLED, "", SIGSEGV},
    {"foreign_call", WorkerExit::VIOLATION, "", SIGSYS},
    {"evil_exception"},
    {"daemonises"},
    {"big_docstring"},
    {"hostile_names"},
    {"shadows"},
};

class HostileTest : public testing::TestWithParam<Attack> {
 protected:
  JobDone RunAttack(const std::string& name, const std::string& entrypoint,
                    int time_ms = 30000) {
    Tree tree;
    tree.Add("hubconf.py",
             absl::StrReplaceAll(kCases.at(name),
                                 {{"@BAIT@", bait_.file()},
                                  {"@HOME@", bait_.home()},
                                  {"@SECRET@", kSecret},
                                  {"@PORT@", absl::StrCat(bait_.port())},
                                  {"@SOCKET@", bait_.socket_path()},
                                  {"@ABSTRACT@", bait_.abstract()},
                                  {"@RARE@", absl::StrCat("7", ::getpid())}}));
    tree.Link("link", bait_.file());
    for (const char* module : {"json.py", "struct.py", "traceback.py"}) {
      tree.Add(module, "raise RuntimeError('shadowed')");
    }
    worker::v1::StartJob job = JobFor(tree);
    job.mutable_request()->set_entrypoint(entrypoint);
    job.mutable_limits()->set_time_ms(time_ms);
    job.mutable_limits()->set_memory_bytes(256 << 20);
    return RunJob(job, std::stop_token());
  }

  Bait bait_;
};

TEST_P(HostileTest, IsContained) {
  const Attack& attack = GetParam();
  // Short where that is what ends it; a busy machine must not end the others.
  const bool until_time = absl::string_view(attack.limit) == "time";
  const JobDone done = RunAttack(attack.name, "", until_time ? 1500 : 30000);
  EXPECT_TRUE(absl::StrContains(done.output(), "RAN")) << done.DebugString();
  EXPECT_FALSE(absl::StrContains(done.output(), "BREACH")) << done.output();
  EXPECT_FALSE(bait_.WasReached());
  EXPECT_LE(done.output().size(), 64u << 10);
  EXPECT_FALSE(absl::StrContains(done.output(), "\x1b"));
  ASSERT_EQ(done.exit().kind(), attack.kind) << done.ShortDebugString();
  EXPECT_EQ(done.exit().limit(), attack.limit);
  EXPECT_EQ(done.exit().signal() + done.exit().exit_status(), attack.number);
  EXPECT_EQ(done.has_result(), attack.kind == WorkerExit::KIND_UNSPECIFIED);
}

INSTANTIATE_TEST_SUITE_P(Attacks, HostileTest, testing::ValuesIn(kAttacks),
                         [](const auto& info) { return info.param.name; });

TEST_F(HostileTest, LeavesNoProcessBehind) {
  RunAttack("daemonises", "");
  const std::string find =
      absl::StrCat("pgrep -fx 'sleep 7", ::getpid(), "' > /dev/null");
  EXPECT_NE(std::system(find.c_str()), 0);
}

TEST_F(HostileTest, NamesAndSummariesAreCleanAndBounded) {
  for (const char* name : {"forged_names", "hostile_names"}) {
    const JobDone done = RunAttack(name, "");
    size_t bytes = 0;
    for (const v1::Entrypoint& entrypoint : done.result().entrypoints()) {
      for (const char c : entrypoint.name()) {
        EXPECT_TRUE(std::isalnum(static_cast<unsigned char>(c)) || c == '_');
      }
      EXPECT_LE(entrypoint.name().size(), 128u);
      EXPECT_FALSE(absl::StrContains(entrypoint.summary(), "\x1b"));
      EXPECT_FALSE(absl::StrContains(entrypoint.summary(), "\xE2\x80\xAE"));
      bytes += entrypoint.summary().size();
    }
    EXPECT_GE(done.result().entrypoints_size(), 2) << name;
    EXPECT_LE(bytes, 2u << 20);
  }
}

TEST_F(HostileTest, DocumentationIsCut) {
  const JobDone done = RunAttack("big_docstring", "ok");
  EXPECT_EQ(done.result().doc().size(), 64u << 10) << done.exit().DebugString();
  const JobDone list = RunAttack("big_docstring", "");
  EXPECT_EQ(list.result().entrypoints_size(), 4096);
}

}  // namespace
}  // namespace hubd
