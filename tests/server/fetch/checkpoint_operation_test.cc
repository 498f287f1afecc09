#include "server/fetch/checkpoint_operation.h"

#include <algorithm>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/fetch/imported_checkpoint.h"
#include "tests/server/fetch/fetch_fixture.h"

namespace hubd {
namespace {

constexpr char kUrl[] = "https://models.example.org/m.bin";

class CheckpointOperationTest : public FetchFixture {
 protected:
  static CheckpointRequest Request(const std::string& sha256_prefix = "") {
    CheckpointRequest request;
    request.url = kUrl;
    request.sha256_prefix = sha256_prefix;
    return request;
  }

  // A caller's with this proxy.
  static CheckpointRequest By(const std::string& proxy) {
    CheckpointRequest request = Request();
    request.environment = std::make_shared<const CallerEnvironment>(
        CallerEnvironment{{"all_proxy", proxy}, {"HOME", "/h"}});
    return request;
  }

  // What an imported cache had; where its bytes lie.
  std::string Import(const std::string& name, const std::string& bytes) {
    Store::StagedFile file = *store_->StageFile();
    HUBD_CHECK(WriteAll(file.fd.get(), bytes).ok());
    CheckpointObject checkpoint;
    checkpoint.url = ImportUrl(name);
    checkpoint.sha256 = Sha256Hex(bytes);
    checkpoint.size_bytes = static_cast<int64_t>(bytes.size());
    return store_->PublishCheckpoint(std::move(file.staging), checkpoint)->path;
  }

  void Hold(const std::string& body) {
    FakeHttpTransport::Answer answer;
    answer.response.status = 200;
    answer.body = body;
    answer.held = true;
    http_.Set(kUrl, answer);
  }

  void Refuse(const std::string& url, int status) {
    FakeHttpTransport::Answer answer;
    answer.response.status = status;
    http_.Set(url, answer);
  }

  // Blocks until so many callers wait for the first flight.
  void AwaitWaiting(size_t count) {
    while (flights_.List().empty() ||
           flights_.List().front().uids.size() < count) {
      std::this_thread::yield();
    }
  }

  // All of these callers wait for one flight, the first one's, when it begins.
  std::vector<absl::Status> FetchTogether(
      const std::vector<std::string>& urls) {
    auto go = std::make_shared<absl::Notification>();
    for (int i = 0; i < kRunners; ++i) {
      runners_.Post([go] { go->WaitForNotification(); });
    }
    std::vector<std::future<absl::StatusOr<CheckpointResult>>> results;
    for (const std::string& url : urls) {
      CheckpointRequest request;
      request.url = url;
      results.push_back(StartCheckpoint(request));
      AwaitWaiting(results.size());
    }
    go->Notify();
    std::vector<absl::Status> statuses;
    for (auto& result : results) statuses.push_back(result.get().status());
    return statuses;
  }

  // As StartCheckpoint, and waits until a flight tells it of its progress.
  std::future<absl::StatusOr<CheckpointResult>> JoinCheckpoint(
      CheckpointRequest request) {
    return Join<CheckpointResult>([&](auto progress, auto done) {
      return fetcher_.FetchCheckpoint(std::move(request), progress, done);
    });
  }
};

TEST_F(CheckpointOperationTest, FetchesThenServesFromTheStore) {
  http_.Serve(kUrl, "weights");
  auto first = FetchCheckpoint(Request());
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->checkpoint.sha256, Sha256Hex("weights"));
  EXPECT_EQ(*ReadFile(first->checkpoint.path), "weights");
  EXPECT_FALSE(first->cached);
  auto second = FetchCheckpoint(Request(Sha256Hex("weights")));
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(second->cached);
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(CheckpointOperationTest, GoesByTheCallersNetwork) {
  http_.Serve(kUrl, "weights");
  ASSERT_TRUE(FetchCheckpoint(By("p")).ok());
  EXPECT_EQ(*http_.requests()[0].network,
            (CallerEnvironment{{"all_proxy", "p"}}));
}

TEST_F(CheckpointOperationTest, NobodyFailsByAnothersNetwork) {
  FakeHttpTransport::Answer answer;
  answer.response.status = 200;
  answer.body = "weights";
  answer.held = true;
  answer.end = ReasonError(Reason::kUpstreamUnavailable, "its proxy is gone");
  http_.Set(kUrl, answer);
  auto bad = StartCheckpoint(By("bad"));
  http_.AwaitRequests(1);
  auto same = StartCheckpoint(By("bad"));
  auto good = StartCheckpoint(By("good"));
  AwaitWaiting(3);
  http_.Serve(kUrl, "weights");
  http_.Release();
  EXPECT_FALSE(bad.get().ok());
  EXPECT_FALSE(same.get().ok());
  const absl::StatusOr<CheckpointResult> got = good.get();
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*ReadFile(got->checkpoint.path), "weights");
  EXPECT_EQ(VariableOf(http_.requests().back().network, "all_proxy"), "good");
}

TEST_F(CheckpointOperationTest, WhatCameByAnotherNetworkIsTaken) {
  Hold("weights");
  auto first = StartCheckpoint(By("one"));
  http_.AwaitRequests(1);
  auto second = StartCheckpoint(By("other"));
  auto third = StartCheckpoint(Request());
  AwaitWaiting(3);
  http_.Release();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(second.get().ok());
  EXPECT_TRUE(third.get().ok());
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(CheckpointOperationTest, AnImportIsAHitWhereItsBytesAreKnown) {
  Import("m.bin", "imported");
  const std::string sha256 = Sha256Hex("imported");
  auto found = FetchCheckpoint(Request(sha256));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_TRUE(found->cached);
  EXPECT_EQ(found->checkpoint.url, kUrl);
  EXPECT_TRUE(found->warnings.empty());
  EXPECT_TRUE(http_.requests().empty());
}

TEST_F(CheckpointOperationTest, ElseItServesOfflineAndForASilentOriginOnly) {
  Import("m.bin", "imported");
  CheckpointRequest offline = Request();
  offline.offline = true;
  for (const CheckpointRequest& request : {offline, Request()}) {
    auto found = FetchCheckpoint(request);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(*ReadFile(found->checkpoint.path), "imported");
    EXPECT_EQ(found->warnings.size(), 1u);
  }
  EXPECT_EQ(http_.requests().size(), 1u);
  CheckpointRequest refresh = Request();
  refresh.refresh = true;
  EXPECT_EQ(ReasonOf(FetchCheckpoint(refresh).status()),
            Reason::kUpstreamUnavailable);
  // Other bytes than these are wanted.
  CheckpointRequest other = Request(Sha256Hex("weights"));
  EXPECT_EQ(ReasonOf(FetchCheckpoint(other).status()),
            Reason::kUpstreamUnavailable);
  other.offline = true;
  EXPECT_EQ(ReasonOf(FetchCheckpoint(other).status()), Reason::kOfflineMiss);
  http_.Serve(kUrl, "weights");
  EXPECT_EQ(FetchCheckpoint(Request())->checkpoint.sha256,
            Sha256Hex("weights"));
  EXPECT_EQ(FetchCheckpoint(offline)->checkpoint.sha256, Sha256Hex("weights"));
}

TEST_F(CheckpointOperationTest, AnImportThatWasDamagedIsFetched) {
  const std::string path = Import("m.bin", "imported");
  HUBD_CHECK(RemoveAll(path).ok());
  HUBD_CHECK(WriteFileDurably(path, "Imported", 0444).ok());
  http_.Serve(kUrl, "imported");
  auto found = FetchCheckpoint(Request(Sha256Hex("imported")));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(*ReadFile(found->checkpoint.path), "imported");
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(CheckpointOperationTest, SixteenCallersCostOneRequest) {
  Hold("weights");
  std::vector<std::future<absl::StatusOr<CheckpointResult>>> results;
  for (int i = 0; i < 16; ++i) results.push_back(StartCheckpoint(Request()));
  http_.AwaitRequests(1);
  http_.Release();
  for (auto& result : results) EXPECT_TRUE(result.get().ok());
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(CheckpointOperationTest, AWrongHashIsNotDeliveredAndNotKept) {
  http_.Serve(kUrl, "weights");
  absl::Status status = FetchCheckpoint(Request("00000000")).status();
  EXPECT_EQ(ReasonOf(status), Reason::kDigestMismatch);
  EXPECT_EQ(MetadataOf(status)["actual"], Sha256Hex("weights"));
  EXPECT_FALSE(store_->HasBlob(Sha256Hex("weights")));
}

TEST_F(CheckpointOperationTest, DamagedBytesAreFetchedAgainForWhoNamesADigest) {
  http_.Serve(kUrl, "weights");
  const std::string path = FetchCheckpoint(Request())->checkpoint.path;
  ASSERT_TRUE(WriteFileDurably(path, "wEights", 0444).ok());
  auto again = FetchCheckpoint(Request(Sha256Hex("weights").substr(0, 8)));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*ReadFile(path), "weights");
  EXPECT_EQ(http_.requests().size(), 2u);
}

TEST_F(CheckpointOperationTest, DamagedBytesAreNotDeliveredOfflineEither) {
  http_.Serve(kUrl, "weights");
  const std::string path = FetchCheckpoint(Request())->checkpoint.path;
  ASSERT_TRUE(WriteFileDurably(path, "wEights", 0444).ok());
  CheckpointRequest request = Request(Sha256Hex("weights"));
  request.offline = true;
  EXPECT_EQ(ReasonOf(FetchCheckpoint(request).status()),
            Reason::kDigestMismatch);
  EXPECT_EQ(ReasonOf(FetchCheckpoint(request).status()), Reason::kOfflineMiss);
}

TEST_F(CheckpointOperationTest, ABlobThatGoesBeforeItIsReadIsAMiss) {
  for (bool offline : {false, true}) {
    http_.Serve(kUrl, "weights");
    const std::string path = FetchCheckpoint(Request())->checkpoint.path;
    ASSERT_TRUE(WriteFileDurably(path, "wEights", 0444).ok());
    // Its waiters may outlive this turn.
    auto go = std::make_shared<absl::Notification>();
    for (int i = 0; i < kRunners; ++i) {
      runners_.Post([go] { go->WaitForNotification(); });
    }
    CheckpointRequest request = Request(Sha256Hex("weights"));
    request.offline = offline;
    auto result = StartCheckpoint(request);
    // The flight that is to read the blob waits for a runner.
    while (flights_.size() == 0) std::this_thread::yield();
    EXPECT_TRUE(RemoveAll(path).ok());
    go->Notify();
    if (offline) {
      EXPECT_EQ(ReasonOf(result.get().status()), Reason::kOfflineMiss);
    } else {
      EXPECT_TRUE(result.get().ok());
      EXPECT_EQ(*ReadFile(path), "weights");
    }
  }
}

TEST_F(CheckpointOperationTest, OneCallersWrongHashDisturbsNobody) {
  Hold("weights");
  auto wrong = JoinCheckpoint(Request("00000000"));
  auto right = JoinCheckpoint(Request(Sha256Hex("weights").substr(0, 8)));
  http_.Release();
  EXPECT_EQ(ReasonOf(wrong.get().status()), Reason::kDigestMismatch);
  EXPECT_TRUE(right.get().ok());
}

TEST_F(CheckpointOperationTest, ADigestSettlesWhetherAnUnmarkedBodyIsWhole) {
  FakeHttpTransport::Answer answer;
  answer.response.status = 200;
  answer.response.framed = false;
  answer.body = "weights";
  http_.Set(kUrl, answer);
  CheckpointRequest refresh = Request();
  refresh.refresh = true;
  EXPECT_EQ(FetchCheckpoint(refresh)->warnings.size(), 1u);
  refresh.sha256_prefix = Sha256Hex("weights");
  EXPECT_TRUE(FetchCheckpoint(refresh)->warnings.empty());
}

constexpr char kObject[] = "https://models.example.org/signed.bin";

std::string Signed(const std::string& signature) {
  return absl::StrCat(kObject, "?X-Amz-Date=1&X-Amz-Signature=", signature);
}

CheckpointRequest Of(const std::string& url) {
  CheckpointRequest request;
  request.url = url;
  return request;
}

TEST_F(CheckpointOperationTest, AUrlThatIsSignedAnewIsAHit) {
  http_.Serve(Signed("one"), "weights");
  auto first = FetchCheckpoint(Of(Signed("one")));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(http_.requests().front().url, Signed("one"));
  EXPECT_EQ(first->checkpoint.url, kObject);
  for (const std::string& url : {Signed("two"), std::string(kObject)}) {
    const CheckpointRequest request = Of(url);
    auto again = FetchCheckpoint(request);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_TRUE(again->cached);
    EXPECT_TRUE(CheckpointInMemory(context(), request));
    EXPECT_TRUE(LookUpCheckpoint(context(), request));
  }
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(CheckpointOperationTest, CallersOfOneUrlGetOneRefusal) {
  Refuse(Signed("bad"), 403);
  for (const absl::Status& status :
       FetchTogether({Signed("bad"), Signed("bad"), Signed("bad")})) {
    EXPECT_EQ(ReasonOf(status), Reason::kUpstreamForbidden);
    EXPECT_FALSE(absl::StrContains(status.ToString(), "asked")) << status;
  }
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(CheckpointOperationTest, AnotherCallersSignatureIsNotOnesOwn) {
  for (const int refusal : {400, 403, 404}) {
    for (const std::string signature : {"", "&X-Amz-Signature=good"}) {
      const std::string object =
          absl::StrCat(kObject, "?v=", refusal, "&n=", signature.size());
      const std::string good = object + signature;
      const std::string bad = object + "&X-Amz-Signature=bad";
      SCOPED_TRACE(good);
      Refuse(bad, refusal);
      http_.Serve(good, "weights");
      const std::vector<absl::Status> results =
          FetchTogether({bad, bad, good, good});
      EXPECT_FALSE(results[0].ok());
      EXPECT_EQ(results[1], results[0]);
      EXPECT_TRUE(results[2].ok()) << results[2];
      EXPECT_TRUE(results[3].ok()) << results[3];
      const auto requests = http_.requests();
      EXPECT_EQ(std::count_if(requests.begin(), requests.end(),
                              [&](const auto& one) { return one.url == good; }),
                1);
    }
  }
}

TEST_F(CheckpointOperationTest, WhatIsNoRefusalIsFinalForAll) {
  for (const int status : {429, 503}) {
    Refuse(Signed("one"), status);
    http_.Serve(Signed("two"), "weights");
    for (const absl::Status& result :
         FetchTogether({Signed("one"), Signed("two")})) {
      EXPECT_FALSE(result.ok());
    }
  }
  for (const HttpRequest& request : http_.requests()) {
    EXPECT_EQ(request.url, Signed("one"));
  }
}

TEST_F(CheckpointOperationTest, ManyUsersGetNoSignedUrls) {
  policy_ = *UrlPolicy::Create({.system_mode = true});
  http_.Serve(Signed("one"), "weights");
  const CheckpointRequest request = Of(Signed("one"));
  EXPECT_EQ(ReasonOf(FetchCheckpoint(request).status()),
            Reason::kUrlNotAllowed);
  EXPECT_TRUE(http_.requests().empty());
  // Nor what lies there.
  http_.Serve(kObject, "weights");
  ASSERT_TRUE(FetchCheckpoint(Of(kObject)).ok());
  EXPECT_FALSE(CheckpointInMemory(context(), request));
  EXPECT_FALSE(LookUpCheckpoint(context(), request));
}

TEST_F(CheckpointOperationTest, AHitWithAnotherHashIsNotDelivered) {
  http_.Serve(kUrl, "weights");
  ASSERT_TRUE(FetchCheckpoint(Request()).ok());
  EXPECT_EQ(ReasonOf(FetchCheckpoint(Request("00000000")).status()),
            Reason::kDigestMismatch);
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(CheckpointOperationTest, ALockedDigestThatTheStoreLacksIsAskedFor) {
  http_.Serve(kUrl, "one");
  ASSERT_TRUE(FetchCheckpoint(Request()).ok());
  http_.Serve(kUrl, "two");
  CheckpointRequest request = Request(Sha256Hex("two"));
  request.locked = true;
  request.offline = true;
  EXPECT_EQ(ReasonOf(FetchCheckpoint(request).status()),
            Reason::kDigestMismatch);
  request.offline = false;
  EXPECT_EQ(FetchCheckpoint(request)->checkpoint.sha256, Sha256Hex("two"));
  request.sha256_prefix = Sha256Hex("three");
  EXPECT_EQ(ReasonOf(FetchCheckpoint(request).status()),
            Reason::kDigestMismatch);
}

TEST_F(CheckpointOperationTest, RefreshAsksByValidatorAndTakesNewBytes) {
  http_.Serve(kUrl, "one", {{"etag", "\"1\""}});
  auto first = FetchCheckpoint(Request());
  FakeHttpTransport::Answer unchanged;
  unchanged.response.status = 304;
  http_.Set(kUrl, unchanged);
  CheckpointRequest refresh = Request();
  refresh.refresh = true;
  auto same = FetchCheckpoint(refresh);
  ASSERT_TRUE(same.ok());
  EXPECT_TRUE(same->cached);
  EXPECT_EQ(http_.requests().back().headers,
            (std::vector<std::string>{"If-None-Match: \"1\"",
                                      "Range: bytes=0-33554431"}));
  http_.Serve(kUrl, "two", {{"etag", "\"2\""}});
  auto changed = FetchCheckpoint(refresh);
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(*ReadFile(changed->checkpoint.path), "two");
  // Old bytes stay for whoever holds them.
  EXPECT_EQ(*ReadFile(first->checkpoint.path), "one");
}

TEST_F(CheckpointOperationTest, OfflineServesOnlyWhatIsThere) {
  CheckpointRequest offline = Request();
  offline.offline = true;
  EXPECT_EQ(ReasonOf(FetchCheckpoint(offline).status()), Reason::kOfflineMiss);
  http_.Serve(kUrl, "weights");
  ASSERT_TRUE(FetchCheckpoint(Request()).ok());
  EXPECT_TRUE(FetchCheckpoint(offline).ok());
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(CheckpointOperationTest, PagesAndEmptyBodiesAreRefusedIfAskedFor) {
  http_.Serve(kUrl, "<html>", {{"content-type", "Text/HTML; charset=utf-8"}});
  CheckpointRequest request = Request();
  request.reject_pages = true;
  EXPECT_FALSE(FetchCheckpoint(request).ok());
  EXPECT_FALSE(store_->HasBlob(Sha256Hex("<html>")));
  http_.Serve(kUrl, "");
  EXPECT_FALSE(FetchCheckpoint(request).ok());
  EXPECT_TRUE(FetchCheckpoint(Request()).ok());
}

TEST_F(CheckpointOperationTest, APageThatSomeoneTookIsAskedForAgain) {
  http_.Serve(kUrl, "<html>", {{"content-type", "text/html"}});
  ASSERT_TRUE(FetchCheckpoint(Request()).ok());
  CheckpointRequest request = Request();
  request.reject_pages = true;
  EXPECT_FALSE(FetchCheckpoint(request).ok());
  http_.Serve(kUrl, "weights");
  EXPECT_TRUE(FetchCheckpoint(request).ok());
}

TEST_F(CheckpointOperationTest, AZipIsUnpackedOnce) {
  http_.Serve(kUrl, Zip({{"d/", "", 040755}, {"d/w", "1"}}));
  CheckpointRequest request = Request();
  request.unpack = true;
  auto first = FetchCheckpoint(request);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_EQ(first->unpacked.members, (std::vector<std::string>{"d/", "d/w"}));
  EXPECT_EQ(*ReadFile(first->unpacked.path + "/d/w"), "1");
  EXPECT_EQ(FetchCheckpoint(request)->unpacked.path, first->unpacked.path);
}

TEST_F(CheckpointOperationTest, SaysWhichUrlCannotBeUnpacked) {
  http_.Serve(kUrl, Zip({{"../evil", "1"}}));
  CheckpointRequest request = Request();
  request.unpack = true;
  const absl::Status refused = FetchCheckpoint(request).status();
  EXPECT_EQ(ReasonOf(refused), Reason::kBadArchive);
  EXPECT_TRUE(absl::StrContains(refused.message(), kUrl)) << refused;
}

TEST_F(CheckpointOperationTest, WhatIsNoZipIsNotUnpacked) {
  http_.Serve(kUrl, "weights");
  CheckpointRequest request = Request();
  request.unpack = true;
  EXPECT_TRUE(FetchCheckpoint(request)->unpacked.path.empty());
}

TEST_F(CheckpointOperationTest, ABadUrlIsRefusedWithoutARequest) {
  CheckpointRequest request = Request();
  request.url = "gopher://x/y";
  EXPECT_EQ(ReasonOf(FetchCheckpoint(request).status()), Reason::kInvalidUrl);
  EXPECT_TRUE(http_.requests().empty());
}

TEST_F(CheckpointOperationTest, NothingIsCalledBackAfterADrop) {
  Hold("weights");
  auto result = StartCheckpoint(Request());
  http_.AwaitRequests(1);
  OnIo([this] { operations_.clear(); });
  http_.Release();
  EXPECT_EQ(flights_.size(), 0);
  EXPECT_THROW(
      {
        // The promise dies with the operation, unfulfilled.
        (void)result.get();
      },
      std::future_error);
}

}  // namespace
}  // namespace hubd
