// Runs the program hubd itself, as people, clients and systemd do.

#include "server/daemon/daemon.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "hubd/v1/hub.grpc.pb.h"
#include "server/base/fs.h"
#include "server/base/unique_fd.h"
#include "tests/testing/child_process.h"

namespace hubd {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class DaemonTest : public ::testing::Test {
 protected:
  using Process = std::unique_ptr<ChildProcess>;

  DaemonTest() {
    // Short, since it holds sockets.
    std::string pattern = "/tmp/daemonXXXXXX";
    base_ = std::filesystem::canonical(::mkdtemp(pattern.data()));
    ::setenv("HOME", base_.c_str(), 1);
    ::setenv("XDG_RUNTIME_DIR", base_.c_str(), 1);
    for (const char* name : {"HUBD_HOME", "HUBD_CONFIG", "HUBD_LOG"}) {
      ::unsetenv(name);
    }
  }
  ~DaemonTest() override { (void)RemoveAll(base_); }

  // Runs hubd; what it writes to stdout and stderr can be read from it.
  Process Run(const std::vector<std::string>& arguments) {
    return RunByShell("exec \"$0\" \"$@\" 2>&1", arguments);
  }

  // Starts a daemon as a client does; the line for the client can be read from
  // it.
  Process RunForClient(const std::vector<std::string>& arguments) {
    return RunByShell("HUBD_READY_FD=3 exec \"$0\" \"$@\" 3>&1 >/dev/null 2>&1",
                      arguments);
  }

  Process RunByShell(const std::string& script,
                     const std::vector<std::string>& arguments) {
    std::vector<std::string> argv = {"/bin/sh", "-c", script, "server/hubd"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    auto process = ChildProcess::Spawn(argv);
    EXPECT_TRUE(process.ok()) << process.status();
    return *std::move(process);
  }

  // A daemon that serves root().
  Process RunReady() {
    Process daemon = Run({"--dir", root()});
    EXPECT_NE(LineWith(*daemon, "event=ready"), "");
    return daemon;
  }

  // The next line with `part` in it; empty where none comes before the end.
  std::string LineWith(ChildProcess& process, const std::string& part) {
    while (true) {
      auto line = process.ReadLine();
      if (!line.ok()) return "";
      if (absl::StrContains(*line, part)) return *line;
    }
  }

  // Where the daemon says that it listens.
  std::string Address() {
    auto address = ReadFile(root() + "/store/ADDRESS");
    return address.ok() ? address->substr(0, address->find('\n')) : "";
  }

  v1::GetStatusResponse GetStatus(const std::string& socket) {
    auto stub = v1::Hub::NewStub(grpc::CreateChannel(
        "unix:" + socket, grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(30)));
    v1::GetStatusResponse response;
    grpc::Status status = stub->GetStatus(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  std::string root() const { return base_ + "/root"; }

  std::string base_;
};

TEST_F(DaemonTest, ServesAtItsAddressUntilSigterm) {
  Process daemon = RunReady();
  const std::string socket = Address();
  EXPECT_THAT(socket, AllOf(StartsWith(base_ + "/hubd/"), EndsWith(".sock")));
  struct stat info;
  ASSERT_EQ(::stat(socket.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);

  v1::GetStatusResponse status = GetStatus(socket);
  EXPECT_EQ(status.version(), "0.1.0");
  EXPECT_EQ(status.pid(), daemon->pid());
  EXPECT_EQ(status.root(), root());
  EXPECT_EQ(status.socket(), socket);
  EXPECT_EQ(status.mode(), "user");
  EXPECT_EQ(status.caller().uid(), ::geteuid());
  // Sandbox or none, a worker host came and said so.
  EXPECT_NE(LineWith(*daemon, "event=host_added"), "");

  daemon->Kill(SIGTERM);
  EXPECT_EQ(daemon->Wait(), 0);
  EXPECT_EQ(Address(), "");
  EXPECT_NE(::access(socket.c_str(), F_OK), 0);
}

TEST_F(DaemonTest, SigintStopsItToo) {
  Process daemon = RunReady();
  daemon->Kill(SIGINT);
  EXPECT_EQ(daemon->Wait(), 0);
}

TEST_F(DaemonTest, TellsTheClientThatStartedItAndLogsToTheRoot) {
  Process daemon = RunForClient({"--dir", root()});
  auto line = daemon->ReadLine();
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(*line, "ready " + Address());
  // The client's pipe is closed once the line is through.
  EXPECT_FALSE(daemon->ReadLine().ok());
  EXPECT_THAT(*ReadFile(root() + "/store/log"), HasSubstr("event=ready"));
}

TEST_F(DaemonTest, TellsTheClientWhyItCannotStart) {
  ASSERT_TRUE(MakeDirectories(root(), 0755).ok());
  ASSERT_EQ(::chmod(root().c_str(), 0777), 0);
  Process daemon = RunForClient({"--dir", root()});
  auto line = daemon->ReadLine();
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line,
              AllOf(StartsWith("error "), HasSubstr("chmod go-w " + root())));
  EXPECT_EQ(daemon->Wait(), 1);
}

TEST_F(DaemonTest, ASecondDaemonOnARootIsToldWhoHoldsIt) {
  Process first = RunReady();
  std::filesystem::create_directory_symlink(root(), base_ + "/link");
  Process second = Run({"--dir", base_ + "/link"});
  std::string error = LineWith(*second, "hubd: ");
  EXPECT_THAT(error, AllOf(HasSubstr(std::to_string(first->pid())),
                           HasSubstr(Address())));
  EXPECT_EQ(second->Wait(), 1);

  Process third = RunForClient({"--dir", base_ + "/link"});
  auto line = third->ReadLine();
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, AllOf(StartsWith(absl::StrCat("held ", first->pid(), " ")),
                           EndsWith(" " + Address())));
  EXPECT_EQ(third->Wait(), 1);
}

TEST_F(DaemonTest, StartsAgainAfterItWasKilled) {
  Process first = RunReady();
  first->Kill(SIGKILL);
  EXPECT_EQ(first->Wait(), 128 + SIGKILL);
  Process second = RunReady();
  EXPECT_EQ(GetStatus(Address()).pid(), second->pid());
}

TEST_F(DaemonTest, ExitsSoonAfterItsRootWasRemoved) {
  Process daemon = RunReady();
  absl::Time removed = absl::Now();
  std::filesystem::rename(root(), base_ + "/moved");
  EXPECT_EQ(daemon->Wait(), 1);
  EXPECT_LT(absl::Now() - removed, absl::Seconds(3));
  EXPECT_FALSE(std::filesystem::exists(root()));
}

TEST_F(DaemonTest, WaitsForTheSocketOfADaemonWhoseRootWasMovedAway) {
  Process first = RunReady();
  const std::string socket = Address();
  std::filesystem::rename(root(), base_ + "/moved");
  Process second = RunForClient({"--dir", root()});
  EXPECT_EQ(*second->ReadLine(), absl::StrCat("ready ", socket));
  EXPECT_EQ(first->Wait(), 1);
}

TEST_F(DaemonTest, ListensAgainWhereItsSocketWasRemoved) {
  Process daemon = RunReady();
  const std::string socket = Address();
  ASSERT_EQ(::unlink(socket.c_str()), 0);
  ASSERT_NE(LineWith(*daemon, "event=ready"), "");
  EXPECT_EQ(GetStatus(Address()).pid(), daemon->pid());
}

TEST_F(DaemonTest, ListensElsewhereWhereItsRuntimeDirectoryIsGone) {
  ASSERT_TRUE(MakeDirectories(base_ + "/run", 0700).ok());
  ::setenv("XDG_RUNTIME_DIR", (base_ + "/run").c_str(), 1);
  Process daemon = RunReady();
  ASSERT_THAT(Address(), StartsWith(base_ + "/run/"));
  ASSERT_TRUE(RemoveAll(base_ + "/run").ok());
  ASSERT_NE(LineWith(*daemon, "event=ready"), "");
  EXPECT_THAT(Address(), StartsWith("/tmp/hubd-"));
  EXPECT_EQ(GetStatus(Address()).pid(), daemon->pid());
  // It takes its socket away, which lies outside of the test's directory.
  daemon->Kill(SIGTERM);
  EXPECT_EQ(daemon->Wait(), 0);
}

// One call that downloads from a server which never answers.
class StuckDownload {
 public:
  explicit StuckDownload(const std::string& socket) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_.get(), generic, size), 0);
    EXPECT_EQ(::listen(listener_.get(), 8), 0);
    EXPECT_EQ(::getsockname(listener_.get(), generic, &size), 0);
    v1::FetchStateDictRequest request;
    request.set_url(absl::StrCat("http://127.0.0.1:", ntohs(address.sin_port),
                                 "/weights.bin"));
    auto stub = v1::Hub::NewStub(grpc::CreateChannel(
        "unix:" + socket, grpc::InsecureChannelCredentials()));
    call_ = std::async(std::launch::async, [request, stub = std::move(stub)] {
      grpc::ClientContext context;
      auto stream = stub->FetchStateDict(&context, request);
      v1::FetchStateDictResponse response;
      while (stream->Read(&response)) {
      }
      return stream->Finish();
    });
    // The request is under way once the server is connected to.
    connection_.reset(::accept(listener_.get(), nullptr, nullptr));
  }

  grpc::Status Result() { return call_.get(); }

 private:
  UniqueFd listener_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  UniqueFd connection_;
  std::future<grpc::Status> call_;
};

TEST_F(DaemonTest, CallsThatOutlastTheDrainTimeoutAreToldAndCut) {
  const std::string file = base_ + "/hubd.toml";
  std::ofstream(file) << "[daemon]\ndrain_timeout = \"1s\"\n";
  Process daemon = Run({"--dir", root(), "--config", file});
  ASSERT_NE(LineWith(*daemon, "event=ready"), "");
  StuckDownload download(Address());
  absl::Time asked = absl::Now();
  daemon->Kill(SIGTERM);
  grpc::Status status = download.Result();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_details(), HasSubstr("DRAINING"));
  EXPECT_EQ(daemon->Wait(), 0);
  EXPECT_GT(absl::Now() - asked, absl::Milliseconds(400));
  EXPECT_LT(absl::Now() - asked, absl::Seconds(5));
}

TEST_F(DaemonTest, ASecondStopSignalCutsCallsAtOnce) {
  Process daemon = RunReady();
  StuckDownload download(Address());
  absl::Time asked = absl::Now();
  daemon->Kill(SIGTERM);
  ASSERT_NE(LineWith(*daemon, "event=drain open_calls=1"), "");
  daemon->Kill(SIGTERM);
  EXPECT_EQ(download.Result().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(daemon->Wait(), 0);
  EXPECT_LT(absl::Now() - asked, absl::Seconds(10));
}

TEST(WorkerNameTest, IsAnotherForAnotherSource) {
  EXPECT_EQ(WorkerName("print(1)"), WorkerName("print(1)"));
  EXPECT_NE(WorkerName("print(1)"), WorkerName("print(2)"));
}

TEST(IdleTest, OnlyAUserDaemonThatNobodyCallsExits) {
  Config::Daemon user{.mode = Config::Mode::kUser,
                      .idle_exit = absl::Seconds(60)};
  EXPECT_TRUE(IsIdleForTooLong(user, 0, absl::Seconds(60)));
  EXPECT_FALSE(IsIdleForTooLong(user, 0, absl::Seconds(59)));
  EXPECT_FALSE(IsIdleForTooLong(user, 1, absl::Hours(9)));

  Config::Daemon never{.mode = Config::Mode::kUser,
                       .idle_exit = absl::ZeroDuration()};
  EXPECT_FALSE(IsIdleForTooLong(never, 0, absl::Hours(9)));

  Config::Daemon system{.mode = Config::Mode::kSystem,
                        .idle_exit = absl::Seconds(60)};
  EXPECT_FALSE(IsIdleForTooLong(system, 0, absl::Hours(9)));
}

TEST_F(DaemonTest, ExitsAfterItsIdleTime) {
  Process daemon = Run({"--dir", root(), "--idle-exit", "1s"});
  EXPECT_NE(LineWith(*daemon, "event=idle_exit"), "");
  EXPECT_EQ(daemon->Wait(), 0);
}

TEST_F(DaemonTest, AnUnknownKeyStopsItWithTheNearestKnownOne) {
  const std::string file = base_ + "/hubd.toml";
  std::ofstream(file) << "[net]\nca_fil = \"x\"\n";
  for (const char* command : {"--check-config", "--reflection"}) {
    Process daemon = Run({"--dir", root(), "--config", file, command});
    EXPECT_EQ(*daemon->ReadLine(),
              "hubd: " + file +
                  ":2: unknown key \"net.ca_fil\"; the nearest known key is "
                  "net.ca_file");
    EXPECT_EQ(daemon->Wait(), 1);
  }
  EXPECT_FALSE(std::filesystem::exists(root()));
}

TEST_F(DaemonTest, ChecksAConfiguration) {
  const std::string file = base_ + "/hubd.toml";
  std::ofstream(file) << "[net]\nallow_address = [\"10.0.0.0/8\"]\n";
  ::setenv("HUBD_CONFIG", file.c_str(), 1);
  Process good = Run({"--check-config"});
  EXPECT_EQ(*good->ReadLine(), file + ": ok");
  EXPECT_EQ(good->Wait(), 0);

  std::ofstream(file) << "[net]\nallow_address = [\"ten\"]\n";
  Process bad = Run({"--check-config"});
  EXPECT_THAT(*bad->ReadLine(),
              AllOf(HasSubstr("net.allow_address"), HasSubstr("ten")));
  EXPECT_EQ(bad->Wait(), 1);
}

TEST_F(DaemonTest, AMissingConfigurationFileIsAnError) {
  Process daemon = Run({"--dir", root(), "--config", base_ + "/none.toml"});
  EXPECT_THAT(*daemon->ReadLine(), HasSubstr(base_ + "/none.toml"));
  EXPECT_EQ(daemon->Wait(), 1);
}

TEST_F(DaemonTest, ASystemDaemonLetsEverybodyConnect) {
  const std::string socket = base_ + "/system.sock";
  Process daemon = Run({"--system", "--dir", root(), "--socket", socket,
                        "--idle-exit", "500ms"});
  ASSERT_NE(LineWith(*daemon, "event=ready"), "");
  struct stat info;
  ASSERT_EQ(::stat(socket.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0666u);
  EXPECT_EQ(GetStatus(socket).mode(), "system");
  ASSERT_EQ(::stat(root().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0755u);
  daemon->Kill(SIGTERM);
  EXPECT_EQ(LineWith(*daemon, "event=idle_exit"), "");
  EXPECT_EQ(daemon->Wait(), 0);
}

TEST_F(DaemonTest, WrongUsageExitsWithTwo) {
  Process daemon = Run({"--colour"});
  EXPECT_THAT(*daemon->ReadLine(),
              AllOf(StartsWith("hubd: "), HasSubstr("--colour")));
  EXPECT_EQ(daemon->Wait(), 2);
}

TEST_F(DaemonTest, PrintsItsVersion) {
  Process daemon = Run({"--version"});
  EXPECT_EQ(*daemon->ReadLine(), "hubd 0.1.0");
  EXPECT_EQ(daemon->Wait(), 0);
}

}  // namespace
}  // namespace hubd
