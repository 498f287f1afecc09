#include "server/fetch/fetcher.h"

#include <string>

#include "gtest/gtest.h"
#include "server/base/status.h"
#include "tests/server/fetch/fetch_fixture.h"

namespace hubd {
namespace {

class FetcherTest : public FetchFixture {};

TEST_F(FetcherTest, NeverCallsBackWithinTheCall) {
  OnIo([this] {
    bool within = true;
    bool called_within = false;
    auto note = [&](const auto&) { called_within = within; };
    // A URL that is refused at once, and a repo whose host is.
    CheckpointRequest checkpoint;
    checkpoint.url = "gopher://x";
    auto first =
        fetcher_.FetchCheckpoint(checkpoint, [](const Progress&) {}, note);
    TreeRequest tree;
    tree.spec.id = {"bad host", "o", "n"};
    auto second = fetcher_.FetchTree(tree, [](const Progress&) {}, note);
    within = false;
    EXPECT_FALSE(called_within);
  });
}

TEST_F(FetcherTest, ProgressOfATransferReachesTheCaller) {
  FakeHttpTransport::Answer answer;
  answer.response.status = 200;
  answer.response.content_length = 10;
  answer.body = "0123456789";
  answer.held = true;
  http_.Set("https://models.example.org/m", answer);
  std::promise<Progress> seen;
  std::promise<absl::Status> done;
  bool first = true;
  OnIo([&] {
    CheckpointRequest request;
    request.url = "https://models.example.org/m";
    operations_.push_back(fetcher_.FetchCheckpoint(
        request,
        [&](const Progress& progress) {
          if (std::exchange(first, false)) seen.set_value(progress);
        },
        [&](absl::StatusOr<CheckpointResult> result) {
          done.set_value(result.status());
        }));
  });
  Progress progress = seen.get_future().get();
  EXPECT_EQ(progress.phase, Progress::Phase::kDownloading);
  EXPECT_EQ(progress.total_bytes, 10);
  http_.Release();
  EXPECT_TRUE(done.get_future().get().ok());
}

}  // namespace
}  // namespace hubd
