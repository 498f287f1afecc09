#include "server/fetch/fetcher.h"

#include <string>

#include "gtest/gtest.h"
#include "server/base/status.h"
#include "server/fetch/tree_pin.h"
#include "tests/server/base/memory_answers.h"
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
  bool seen_one = false;
  OnIo([&] {
    CheckpointRequest request;
    request.url = "https://models.example.org/m";
    operations_.push_back(fetcher_.FetchCheckpoint(
        request,
        [&](const Progress& progress) {
          const bool comes = progress.phase == Progress::Phase::kDownloading;
          if (comes && !std::exchange(seen_one, true)) seen.set_value(progress);
        },
        [&](const absl::StatusOr<CheckpointResult>& result) {
          done.set_value(result.status());
        }));
  });
  Progress progress = seen.get_future().get();
  EXPECT_EQ(progress.phase, Progress::Phase::kDownloading);
  EXPECT_EQ(progress.total_bytes, 10);
  http_.Release();
  EXPECT_TRUE(done.get_future().get().ok());
}

TEST_F(FetcherTest, LookUpGivesACheckpointThatIsThereAndFits) {
  const std::string url = "https://models.example.org/m";
  http_.Serve(url, "weights");
  CheckpointRequest request;
  request.url = url;
  EXPECT_FALSE(fetcher_.LookUp(request).has_value());
  ASSERT_TRUE(FetchCheckpoint(request).ok());
  std::optional<CheckpointResult> known = fetcher_.LookUp(request);
  ASSERT_TRUE(known.has_value());
  EXPECT_TRUE(known->cached);
  EXPECT_EQ(known->checkpoint.size_bytes, 7);
  const bool in_memory = MemoryAnswers(store_->layout().store());
  EXPECT_EQ(fetcher_.LookInMemory(request).has_value(), in_memory);
  // These bytes were compared when they came.
  request.sha256_prefix = known->checkpoint.sha256.substr(0, 8);
  EXPECT_EQ(fetcher_.LookInMemory(request).has_value(), in_memory);
  request.sha256_prefix.clear();
  request.unpack = true;  // It is no archive: there is nothing to unpack.
  EXPECT_TRUE(fetcher_.LookUp(request).has_value());
  // That is seen by reading.
  EXPECT_FALSE(fetcher_.LookInMemory(request).has_value());
  request.unpack = false;
  request.refresh = true;
  EXPECT_FALSE(fetcher_.LookUp(request).has_value());
  EXPECT_FALSE(fetcher_.LookInMemory(request).has_value());
  request.offline = true;
  EXPECT_TRUE(fetcher_.LookUp(request).has_value());
  // The operation says why not.
  request.sha256_prefix = "00000000";
  EXPECT_FALSE(fetcher_.LookUp(request).has_value());
  EXPECT_FALSE(fetcher_.LookInMemory(request).has_value());
}

TEST_F(FetcherTest, LookUpGivesAnArchiveOnlyWithItsUnpackedFiles) {
  const std::string url = "https://models.example.org/m.zip";
  http_.Serve(url, Zip({{"model/w", "weights"}}));
  CheckpointRequest request;
  request.url = url;
  ASSERT_TRUE(FetchCheckpoint(request).ok());
  request.unpack = true;
  EXPECT_FALSE(fetcher_.LookUp(request).has_value());
  absl::StatusOr<CheckpointResult> unpacked = FetchCheckpoint(request);
  ASSERT_TRUE(unpacked.ok()) << unpacked.status();
  std::optional<CheckpointResult> known = fetcher_.LookUp(request);
  ASSERT_TRUE(known.has_value());
  EXPECT_EQ(known->unpacked.path, unpacked->unpacked.path);
  EXPECT_EQ(known->unpacked.members, unpacked->unpacked.members);
}

TEST_F(FetcherTest, LookUpGivesATreeThatIsThereUnlessThePolicyForbidsIt) {
  const std::string commit(40, 'a');
  git_.Answer(Advertisement{"refs/heads/main", {{"refs/heads/main", commit}}});
  http_.Serve(
      "https://github.com/o/n/archive/" + commit + ".tar.gz",
      Gzip(TarFolder("n-1/") + TarFile("n-1/hubconf.py", "") + TarEnd()));
  TreeRequest request;
  request.spec.id = {"github.com", "o", "n"};
  EXPECT_FALSE(fetcher_.LookUp(request).has_value());
  ASSERT_TRUE(FetchTree(request).ok());
  EXPECT_EQ(fetcher_.LookUp(request)->ref, "main");
  request.spec.id.host = "bad host";
  EXPECT_FALSE(fetcher_.LookUp(request).has_value());
}

TEST_F(FetcherTest, APinnedTreeNeedsNoRefsAndIsHeldAgainstItsPin) {
  const std::string commit(40, 'a');
  http_.Serve(
      "https://github.com/o/n/archive/" + commit + ".tar.gz",
      Gzip(TarFolder("n-1/") + TarFile("n-1/hubconf.py", "") + TarEnd()));
  TreeRequest request;
  request.spec = {{"github.com", "o", "n"}, "main"};
  PinTo(commit, {}, request);
  absl::StatusOr<TreeResult> pinned = FetchTree(request);
  ASSERT_TRUE(pinned.ok()) << pinned.status();
  EXPECT_EQ(pinned->ref, "main");
  EXPECT_EQ(pinned->tree.key.commit, commit);
  EXPECT_EQ(fetcher_.LookUp(request)->ref, "main");
  EXPECT_EQ(fetcher_.LookInMemory(request).has_value(),
            MemoryAnswers(store_->layout().store()));
  request.pin->digest = std::string(64, 'd');
  EXPECT_FALSE(fetcher_.LookUp(request).has_value());
  EXPECT_FALSE(fetcher_.LookInMemory(request).has_value());
  EXPECT_EQ(ReasonOf(FetchTree(request).status()), Reason::kDigestMismatch);
  EXPECT_EQ(git_.calls(), 0);
}

}  // namespace
}  // namespace hubd
