#include "client/cli/commands_fetch.h"

#include <gmock/gmock.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "server/base/fs.h"
#include "tests/client/cli/hubctl_fixture.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

class FetchTest : public HubctlTest {
 protected:
  FetchTest() {
    daemon_.checkpoint.set_path(blob_);
    daemon_.checkpoint.set_size_bytes(5);
    EXPECT_TRUE(WriteFileDurably(blob_, "bytes", 0444).ok());
    EXPECT_TRUE(MakeDirectories(folder_, 0700).ok());
  }

  const std::string blob_ = directory_.Below("blob");
  const std::string folder_ = directory_.Below("folder");
  const std::string file_ = folder_ + "/file";
};

TEST_F(FetchTest, PrintsThePathInTheCache) {
  const Ended ended = Hubctl({"fetch", "https://e.com/m-f37072fd.pth"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, blob_ + "\n");
  EXPECT_EQ(ended.err, "");
  const v1::FetchStateDictRequest request = daemon_.last_fetch();
  EXPECT_EQ(request.url(), "https://e.com/m-f37072fd.pth");
  EXPECT_EQ(request.sha256_prefix(), "f37072fd");
  EXPECT_TRUE(request.reject_pages());
  EXPECT_FALSE(request.refresh());
}

TEST_F(FetchTest, OptionsReachTheDaemon) {
  ASSERT_EQ(Hubctl({"fetch", "https://e.com/m-f37072fd.pth", "--no-check-hash",
                    "--any", "--refresh", "--offline"})
                .code,
            0);
  const v1::FetchStateDictRequest request = daemon_.last_fetch();
  EXPECT_EQ(request.sha256_prefix(), "");
  EXPECT_FALSE(request.reject_pages());
  EXPECT_TRUE(request.refresh());
  EXPECT_TRUE(request.offline());
  const std::string digest(64, 'a');
  ASSERT_EQ(
      Hubctl({"fetch", "https://e.com/m-f37072fd.pth", "--sha256", digest})
          .code,
      0);
  EXPECT_EQ(daemon_.last_fetch().sha256_prefix(), digest);
}

TEST_F(FetchTest, VerboseTellsDigestAndSize) {
  EXPECT_EQ(Hubctl({"fetch", "https://e.com/m", "-v"}).err,
            "sha256 " + std::string(64, 'a') + ", 5 B, fetched\n");
}

TEST_F(FetchTest, JsonIsTheCheckpoint) {
  const Ended ended = Hubctl({"fetch", "https://e.com/m", "--json"});
  EXPECT_THAT(ended.out, HasSubstr("\"size_bytes\": \"5\""));
}

TEST_F(FetchTest, WritesACopy) {
  const Ended ended = Hubctl({"fetch", "https://e.com/m", "--to", file_});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(*ReadFile(file_), "bytes");
}

TEST_F(FetchTest, AWrongDigestLeavesTheFileAsItWas) {
  ASSERT_TRUE(WriteFileDurably(file_, "old", 0644).ok());
  daemon_.on_fetch = [](auto&, const auto&, const auto&) {
    return Failure(Reason::kDigestMismatch, "other bytes");
  };
  EXPECT_EQ(Hubctl({"fetch", "https://e.com/m", "--to", file_}).code, 7);
  EXPECT_EQ(*ReadFile(file_), "old");
  EXPECT_EQ(ListDirectory(folder_)->size(), 1u);
}

TEST_F(FetchTest, AsksForNothingWhereItCannotWrite) {
  EXPECT_EQ(Hubctl({"fetch", "https://e.com/m", "--to", folder_}).code, 2);
  EXPECT_EQ(Hubctl({"fetch", "https://e.com/m", "--sha256", "ab"}).code, 2);
  EXPECT_EQ(daemon_.requests(), 0);
}

TEST_F(FetchTest, AsksAgainWhereTheBlobWasEvicted) {
  std::atomic<int> calls = 0;
  daemon_.on_fetch = [&](auto&, const auto&, const auto& send) {
    v1::FetchStateDictResponse event;
    *event.mutable_result() = daemon_.checkpoint;
    if (++calls == 1) event.mutable_result()->set_path(blob_ + ".gone");
    send(event);
    return grpc::Status::OK;
  };
  EXPECT_EQ(Hubctl({"fetch", "https://e.com/m"}).out, blob_ + "\n");
  EXPECT_EQ(calls, 2);
}

TEST_F(FetchTest, CtrlCCancelsTheCallAndLeavesNothing) {
  std::atomic<bool> running = false;
  std::atomic<bool> cancelled = false;
  daemon_.on_fetch = [&](grpc::ServerContext& context, const auto&,
                         const auto&) {
    running = true;
    while (!context.IsCancelled()) std::this_thread::yield();
    cancelled = true;
    return grpc::Status::CANCELLED;
  };
  const pid_t pid = Start({"fetch", "https://e.com/m", "--to", file_});
  while (!running) std::this_thread::yield();
  ASSERT_EQ(::kill(pid, SIGINT), 0);
  const Ended ended = Wait(pid);
  EXPECT_EQ(ended.code, 130);
  EXPECT_EQ(ended.err, "hubctl: cancelled\n");
  EXPECT_TRUE(ListDirectory(folder_)->empty());
  while (!cancelled) std::this_thread::yield();
}

}  // namespace
}  // namespace hubd
