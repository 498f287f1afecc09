// The test starts itself as a client: peer_test --call UID SOCKET.

#include "server/rpc/peer.h"

#include <gmock/gmock.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "hubd/v1/hub.grpc.pb.h"
#include "server/base/status.h"
#include "tests/server/rpc/bare_server.h"
#include "tests/testing/child_process.h"

namespace hubd {
namespace {

constexpr char kOtherUid[] = "12345";

// GetDir answers with the caller's uid; GetStatus waits until it is let go, and
// looks its caller up only then.
class WhoAmIService final : public v1::Hub::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetDir(grpc::CallbackServerContext* context,
                                   const v1::GetDirRequest*,
                                   v1::GetDirResponse* response) override {
    response->set_root(absl::StrCat(CallerOf(*context).uid));
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest*,
                                      v1::GetStatusResponse*) override {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    held_.set_value({context, reactor});
    return reactor;
  }

  // The GetStatus call that came.
  std::pair<grpc::CallbackServerContext*, grpc::ServerUnaryReactor*> held() {
    return held_.get_future().get();
  }

 private:
  std::promise<
      std::pair<grpc::CallbackServerContext*, grpc::ServerUnaryReactor*>>
      held_;
};

class PeerTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::geteuid(), 0u)
        << "this test plays two users, which only root can; run it by sudo";
  }

  std::unique_ptr<ChildProcess> SpawnClient(const std::string& command) {
    return *ChildProcess::Spawn(
        {"/proc/self/exe", command, kOtherUid, server_.path()});
  }

  std::string OwnAnswer() {
    auto stub = v1::Hub::NewStub(ConnectTo(server_.path()));
    grpc::ClientContext context;
    v1::GetDirResponse response;
    grpc::Status status = stub->GetDir(&context, {}, &response);
    return status.ok() ? response.root() : status.error_message();
  }

  WhoAmIService service_;
  BareServer server_{service_};
};

TEST_F(PeerTest, TellsUsersApart) {
  EXPECT_EQ(OwnAnswer(), "0");
  std::unique_ptr<ChildProcess> other = SpawnClient("--call");
  EXPECT_EQ(*other->ReadLine(), kOtherUid);
  EXPECT_EQ(OwnAnswer(), "0");
}

TEST_F(PeerTest, ACallerWhoIsGoneIsStillNotTakenForWhoCameAfter) {
  std::unique_ptr<ChildProcess> other = SpawnClient("--send-and-exit");
  auto [context, reactor] = service_.held();
  EXPECT_EQ(other->Wait(), 0);
  // Root's connections would get the descriptor's number if it were free.
  std::vector<std::string> answers;
  for (int i = 0; i < 20; ++i) answers.push_back(OwnAnswer());
  EXPECT_THAT(answers, testing::Each("0"));
  EXPECT_EQ(absl::StrCat(CallerOf(*context).uid), kOtherUid);
  reactor->Finish(grpc::Status::OK);
}

// The client: prints what GetDir says, or leaves in the middle of GetStatus
// when its stdin ends.
int RunClient(const std::string& command, const char* uid_text,
              const char* path) {
  uint32_t uid = 0;
  HUBD_CHECK(absl::SimpleAtoi(uid_text, &uid));
  HUBD_CHECK(::setgroups(0, nullptr) == 0 && ::setgid(uid) == 0 &&
             ::setuid(uid) == 0);
  auto stub = v1::Hub::NewStub(ConnectTo(path));
  grpc::ClientContext context;
  if (command == "--call") {
    v1::GetDirResponse response;
    grpc::Status status = stub->GetDir(&context, {}, &response);
    std::printf("%s\n", status.ok() ? response.root().c_str()
                                    : status.error_message().c_str());
    return 0;
  }
  v1::GetStatusRequest request;
  v1::GetStatusResponse response;
  stub->async()->GetStatus(&context, &request, &response,
                           [](const grpc::Status&) {});
  while (std::getchar() != EOF) {
  }
  std::_Exit(0);
}

}  // namespace
}  // namespace hubd

int main(int argc, char** argv) {
  testing::InitGoogleMock(&argc, argv);
  if (argc == 4) return hubd::RunClient(argv[1], argv[2], argv[3]);
  return RUN_ALL_TESTS();
}
