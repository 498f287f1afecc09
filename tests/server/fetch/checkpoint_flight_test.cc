#include "server/fetch/checkpoint_flight.h"

#include <string>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/fetch/fetch_fixture.h"

namespace hubd {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kUrl[] = "https://models.example.org/m.bin?k=secret";

class CheckpointFlightTest : public FetchFixture {};

TEST_F(CheckpointFlightTest, KeepsWhatTheOriginSaid) {
  http_.Serve(kUrl, "weights",
              {{"etag", "\"e\""},
               {"last-modified", "yesterday"},
               {"content-type", "application/x"}});
  FreeFlight flight;
  auto fetched = FetchUrl(context(), kUrl, false, flight);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  const auto& checkpoint = std::get<CheckpointObject>(fetched->object);
  EXPECT_EQ(checkpoint.etag, "\"e\"");
  EXPECT_EQ(checkpoint.last_modified, "yesterday");
  EXPECT_EQ(checkpoint.size_bytes, 7);
  EXPECT_EQ(checkpoint.created_at, clock_.Now());
  // Progress is shown to everybody who joins: without the query.
  EXPECT_EQ(flight.reports().back().subject,
            "https://models.example.org/m.bin");
}

TEST_F(CheckpointFlightTest, PublishesNothingThatNobodyAccepts) {
  http_.Serve(kUrl, "weights");
  FreeFlight flight;
  flight.set_judgement(absl::DataLossError("another digest"));
  EXPECT_FALSE(FetchUrl(context(), kUrl, false, flight).ok());
  EXPECT_FALSE(store_->HasBlob(Sha256Hex("weights")));
  EXPECT_TRUE(ListDirectory(store_->layout().tmp())->empty());
}

// More than two parts of it can be kept.
std::string Big(char fill) { return std::string((17 << 20) + 3, fill); }

FakeHttpTransport::Answer BigAnswer(char fill, std::vector<size_t> cuts) {
  FakeHttpTransport::Answer answer;
  answer.response.status = 200;
  answer.response.headers["etag"] = "\"e\"";
  answer.body = Big(fill);
  answer.response.content_length = static_cast<int64_t>(answer.body.size());
  answer.ranges = true;
  answer.cuts = std::move(cuts);
  return answer;
}

TEST_F(CheckpointFlightTest, WhatCameBeforeIsFetchedAnewWhereNobodyAcceptsIt) {
  http_.Set(kUrl, BigAnswer('a', {9 << 20, 0}));
  FreeFlight flight;
  EXPECT_FALSE(FetchUrl(context(), kUrl, false, flight).ok());
  // The same validator for other bytes.
  http_.Set(kUrl, BigAnswer('b', {}));
  flight.set_wanted(Sha256Hex(Big('b')));
  auto fetched = FetchUrl(context(), kUrl, false, flight);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(std::get<CheckpointObject>(fetched->object).sha256,
            Sha256Hex(Big('b')));
  EXPECT_EQ(http_.requests().size(), 4u);
  // Once only.
  http_.Set(kUrl, BigAnswer('c', {}));
  EXPECT_FALSE(FetchUrl(context(), kUrl, true, flight).ok());
  EXPECT_TRUE(ListDirectory(store_->layout().partials())->empty());
}

std::string ReprDigest(const std::string& bytes) {
  return absl::StrCat(
      "sha-256=:", absl::Base64Escape(absl::HexStringToBytes(Sha256Hex(bytes))),
      ":");
}

TEST_F(CheckpointFlightTest, WhatTheServerContradictsIsFetchedOnceMore) {
  http_.Serve(kUrl, "<html>oops", {{"repr-digest", ReprDigest("weights")}});
  FreeFlight flight;
  const absl::Status status = FetchUrl(context(), kUrl, false, flight).status();
  EXPECT_EQ(http_.requests().size(), 2u);
  EXPECT_EQ(ReasonOf(status), Reason::kDigestMismatch) << status;
  Metadata metadata = MetadataOf(status);
  EXPECT_EQ(metadata["expected"], Sha256Hex("weights"));
  EXPECT_EQ(metadata["actual"], Sha256Hex("<html>oops"));
  EXPECT_EQ(metadata["offered_by"], "Repr-Digest of models.example.org");
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("https://models.example.org/m.bin"),
                    HasSubstr("an HTML page of 10 bytes"),
                    HasSubstr("(Repr-Digest of models.example.org)"),
                    Not(HasSubstr("secret"))));
  EXPECT_FALSE(store_->HasBlob(Sha256Hex("<html>oops")));
  EXPECT_TRUE(ListDirectory(store_->layout().partials())->empty());
}

TEST_F(CheckpointFlightTest, WhatTheServerConfirmsIsPublished) {
  http_.Serve(kUrl, "weights", {{"repr-digest", ReprDigest("weights")}});
  FreeFlight flight;
  EXPECT_TRUE(FetchUrl(context(), kUrl, false, flight).ok());
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(CheckpointFlightTest, AResumedOneIsHeldToTheServersDigestToo) {
  auto answer = BigAnswer('a', {9 << 20, 0});
  http_.Set(kUrl, answer);
  FreeFlight flight;
  EXPECT_FALSE(FetchUrl(context(), kUrl, false, flight).ok());
  // The same validator for other bytes.
  answer = BigAnswer('b', {});
  answer.response.headers["repr-digest"] = ReprDigest(Big('b'));
  http_.Set(kUrl, answer);
  auto fetched = FetchUrl(context(), kUrl, false, flight);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(std::get<CheckpointObject>(fetched->object).sha256,
            Sha256Hex(Big('b')));
  EXPECT_EQ(http_.requests().size(), 4u);
}

TEST_F(CheckpointFlightTest, ARepairTellsHowFarItHasRead) {
  const std::string body = Big('a');
  http_.Serve(kUrl, body);
  FreeFlight fetch, verify;
  auto fetched = FetchUrl(context(), kUrl, false, fetch);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  const auto& checkpoint = std::get<CheckpointObject>(fetched->object);
  ASSERT_TRUE(VerifyBlob(context(), checkpoint, verify).ok());
  std::vector<int64_t> read;
  for (const Progress& progress : verify.reports()) {
    EXPECT_EQ(progress.phase, Progress::Phase::kVerifying);
    EXPECT_EQ(progress.subject, Sha256Hex(body));
    EXPECT_EQ(progress.total_bytes, static_cast<int64_t>(body.size()));
    read.push_back(progress.done_bytes);
  }
  ASSERT_GE(read.size(), 3u);
  EXPECT_TRUE(absl::c_is_sorted(read));
  EXPECT_EQ(read.front(), 0);
  EXPECT_EQ(read.back(), static_cast<int64_t>(body.size()));
}

TEST_F(CheckpointFlightTest, AServerThatContradictsItselfIsTold) {
  http_.Serve(
      kUrl, "weights",
      {{"repr-digest", ReprDigest("other")},
       {"x-linked-size", "7"},
       {"x-linked-etag", absl::StrCat("\"", Sha256Hex("weights"), "\"")}});
  FreeFlight flight;
  auto fetched = FetchUrl(context(), kUrl, false, flight);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_THAT(fetched->warnings,
              ElementsAre(HasSubstr("the server contradicts itself")));
}

TEST_F(CheckpointFlightTest, ACallersOtherDigestIsNoReasonToFetchAgain) {
  http_.Serve(kUrl, "weights", {{"repr-digest", ReprDigest("weights")}});
  FreeFlight flight;
  flight.set_wanted(Sha256Hex("other"));
  EXPECT_FALSE(FetchUrl(context(), kUrl, false, flight).ok());
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(CheckpointFlightTest, GoogleDrivesPagesAreNoFiles) {
  const std::string url = "https://drive.google.com/uc?id=1&export=download";
  http_.Serve(url, "<html><p class=\"uc-warning-caption\">",
              {{"content-type", "text/html; charset=utf-8"}});
  FreeFlight flight;
  const absl::Status status = FetchUrl(context(), url, false, flight).status();
  EXPECT_EQ(ReasonOf(status), Reason::kUpstreamUnavailable) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("confirm=t"));
  EXPECT_EQ(http_.requests().size(), 1u);
}

TEST_F(CheckpointFlightTest, OtherBytesThanThoseThatCameAreTold) {
  http_.Set(kUrl, BigAnswer('a', {9 << 20, 0}));
  FreeFlight flight;
  EXPECT_FALSE(FetchUrl(context(), kUrl, false, flight).ok());
  http_.Serve(kUrl, "other", {{"etag", "\"f\""}});
  auto fetched = FetchUrl(context(), kUrl, false, flight);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_THAT(fetched->warnings,
              ElementsAre(HasSubstr("the server has other bytes than those")));
}

TEST_F(CheckpointFlightTest, AUrlThatIsSignedAnewGoesOn) {
  const std::string url = "https://h/m?OSSAccessKeyId=a&Signature=";
  http_.Set(url + "one", BigAnswer('a', {9 << 20, 0}));
  FreeFlight flight;
  EXPECT_FALSE(FetchUrl(context(), url + "one", false, flight).ok());
  const std::string ledger =
      store_->layout().Partial(kSharedDomain, "https://h/m", "https://h/m") +
      "/ledger";
  EXPECT_THAT(*ReadFile(ledger), Not(HasSubstr("Signature")));
  http_.Set(url + "two", BigAnswer('a', {}));
  auto fetched = FetchUrl(context(), url + "two", false, flight);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_THAT(http_.requests().back().headers,
              Contains("Range: bytes=8388608-17825794"));
  EXPECT_EQ(std::get<CheckpointObject>(fetched->object).url, "https://h/m");
}

// Each has a partial of its own.
TEST_F(CheckpointFlightTest, TwoUrlsMayHaveOneSource) {
  const std::string mirror = "https://mirror.example.org/m.bin";
  http_.Set(mirror, BigAnswer('a', {9 << 20, 0}));
  FreeFlight flight;
  EXPECT_FALSE(FetchUrl(context(), mirror, false, flight).ok());
  auto direct = store_->OpenPartial(mirror, mirror, {});
  ASSERT_TRUE(direct.ok()) << direct.status();
  EXPECT_TRUE(direct->ledger().has_value());
  mirrors_ = Mirrors({{.from = "https://models.example.org/",
                       .to = {"https://mirror.example.org/"}}},
                     absl::Seconds(1));
  http_.Set(mirror, BigAnswer('a', {}));
  auto fetched =
      FetchUrl(context(), "https://models.example.org/m.bin", false, flight);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_TRUE(direct->ledger().has_value());
}

TEST_F(CheckpointFlightTest, APublishThatFailsKeepsTheBytes) {
  http_.Set(kUrl, BigAnswer('a', {}));
  // A file in the place of a directory: that fails for root too.
  const std::string blobs = store_->layout().blobs();
  ASSERT_TRUE(RemoveAll(blobs).ok());
  ASSERT_TRUE(WriteFileDurably(blobs, "", 0600).ok());
  FreeFlight flight;
  EXPECT_FALSE(FetchUrl(context(), kUrl, false, flight).ok());
  const std::string partial =
      store_->layout().Partial(kSharedDomain, kUrl, kUrl);
  EXPECT_EQ(ReadFile(partial + "/data", 1 << 30)->size(), Big('a').size());
  ASSERT_TRUE(RemoveAll(blobs).ok());
  ASSERT_TRUE(MakeDirectories(blobs, 0755).ok());
  ASSERT_TRUE(FetchUrl(context(), kUrl, false, flight).ok());
  EXPECT_THAT(http_.requests().back().headers,
              Contains("Range: bytes=16777216-17825794"));
}

TEST_F(CheckpointFlightTest, ACutBodyIsNotPublished) {
  FakeHttpTransport::Answer answer;
  answer.response.status = 200;
  answer.body = "wei";
  answer.end = ReasonError(Reason::kUpstreamUnavailable, "cut");
  http_.Set(kUrl, answer);
  FreeFlight flight;
  EXPECT_FALSE(FetchUrl(context(), kUrl, false, flight).ok());
  EXPECT_FALSE(store_->HasBlob(Sha256Hex("wei")));
}

TEST_F(CheckpointFlightTest, ABodyWithoutAMarkedEndIsTakenWithAWarning) {
  FakeHttpTransport::Answer answer;
  answer.response.status = 200;
  answer.response.framed = false;
  answer.body = "weights";
  http_.Set(kUrl, answer);
  FreeFlight flight;
  auto fetched = FetchUrl(context(), kUrl, false, flight);
  ASSERT_TRUE(fetched.ok());
  EXPECT_EQ(fetched->warnings.size(), 1u);
}

TEST_F(CheckpointFlightTest, ItsServersDigestSettlesWhetherItIsWhole) {
  FakeHttpTransport::Answer answer;
  answer.response.status = 200;
  answer.response.framed = false;
  answer.response.headers["repr-digest"] = ReprDigest("weights");
  answer.body = "weights";
  http_.Set(kUrl, answer);
  FreeFlight flight;
  auto fetched = FetchUrl(context(), kUrl, false, flight);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_THAT(fetched->warnings, ElementsAre());
}

TEST_F(CheckpointFlightTest, AMissingFileIsNotFound) {
  FakeHttpTransport::Answer answer;
  answer.response.status = 404;
  answer.body = "an error page";
  http_.Set(kUrl, answer);
  FreeFlight flight;
  EXPECT_EQ(ReasonOf(FetchUrl(context(), kUrl, false, flight).status()),
            Reason::kCheckpointNotFound);
}

TEST_F(CheckpointFlightTest, NotModifiedWithoutAConditionIsNoCheckpoint) {
  FakeHttpTransport::Answer answer;
  answer.response.status = 304;
  http_.Set(kUrl, answer);
  FreeFlight flight;
  EXPECT_EQ(ReasonOf(FetchUrl(context(), kUrl, false, flight).status()),
            Reason::kUpstreamUnavailable);
  EXPECT_FALSE(store_->HasBlob(Sha256Hex("")));
}

class MirroredCheckpointTest : public CheckpointFlightTest {
 protected:
  MirroredCheckpointTest() {
    mirrors_ = Mirrors({{"https://models.example.org/", {"https://m/models/"}}},
                       absl::Seconds(3));
  }

  absl::StatusOr<Fetched> Fetch(bool refresh = false) {
    return FetchUrl(context(), kUrl, refresh, flight_);
  }

  std::vector<std::string> Asked() {
    std::vector<std::string> urls;
    for (const HttpRequest& request : http_.requests()) {
      urls.push_back(request.url);
    }
    return urls;
  }

  const std::string mirror_ = "https://m/models/m.bin?k=secret";
  FreeFlight flight_;
};

TEST_F(MirroredCheckpointTest, ItIsTheOriginsWhoeverGaveIt) {
  http_.Serve(mirror_, "weights",
              {{"etag", "\"e\""}, {"last-modified", "yesterday"}});
  auto fetched = Fetch();
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  const auto& checkpoint = std::get<CheckpointObject>(fetched->object);
  EXPECT_EQ(checkpoint.url, kUrl);
  // Its validators mean nothing to the origin.
  EXPECT_EQ(checkpoint.etag, "");
  EXPECT_EQ(checkpoint.last_modified, "");
  EXPECT_THAT(Asked(), ElementsAre(mirror_));
  EXPECT_EQ(http_.requests()[0].connect_timeout, absl::Seconds(3));
  EXPECT_EQ(flight_.reports().back().subject,
            "https://models.example.org/m.bin");
}

TEST_F(MirroredCheckpointTest, AMirrorThatFailsOnTheWayLeavesNoBytes) {
  FakeHttpTransport::Answer cut;
  cut.response.status = 200;
  cut.body = "wei";
  cut.end = ReasonError(Reason::kUpstreamUnavailable, "cut");
  http_.Set(mirror_, cut);
  http_.Serve(kUrl, "weights", {{"etag", "\"e\""}});
  auto fetched = Fetch();
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  const auto& checkpoint = std::get<CheckpointObject>(fetched->object);
  EXPECT_EQ(checkpoint.sha256, Sha256Hex("weights"));
  EXPECT_EQ(checkpoint.etag, "\"e\"");
  EXPECT_TRUE(ListDirectory(store_->layout().tmp())->empty());
}

TEST_F(MirroredCheckpointTest, ARefreshIsTheOriginsWord) {
  http_.Serve(kUrl, "weights", {{"etag", "\"e\""}});
  ASSERT_TRUE(Fetch().ok());  // The mirror does not answer.
  http_.Serve(mirror_, "older");
  FakeHttpTransport::Answer unchanged;
  unchanged.response.status = 304;
  http_.Set(kUrl, unchanged);
  EXPECT_TRUE(Fetch(/*refresh=*/true)->cached);
  EXPECT_THAT(Asked(), ElementsAre(mirror_, kUrl, kUrl));
  // It is not asked whether the origin's bytes changed.
  FakeHttpTransport::Answer silent;
  silent.response.status = 503;
  http_.Set(kUrl, silent);
  auto fetched = Fetch(/*refresh=*/true);
  ASSERT_TRUE(fetched.ok()) << fetched.status();
  EXPECT_EQ(std::get<CheckpointObject>(fetched->object).sha256,
            Sha256Hex("older"));
  EXPECT_THAT(http_.requests().back().headers,
              ElementsAre("Range: bytes=0-33554431"));
}

TEST_F(MirroredCheckpointTest, WhatNobodyAcceptsIsAskedForAtTheOrigin) {
  http_.Serve(mirror_, "older");
  http_.Serve(kUrl, "weights");
  flight_.set_judgement(ReasonError(Reason::kDigestMismatch, "another digest"));
  const absl::Status status = Fetch().status();
  EXPECT_EQ(ReasonOf(status), Reason::kDigestMismatch);
  EXPECT_THAT(Asked(), ElementsAre(mirror_, kUrl));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("https://m/models/m.bin (DIGEST_MISMATCH)"));
}

TEST_F(MirroredCheckpointTest, AMirrorsOwnContradictionLeadsToTheOrigin) {
  http_.Serve(mirror_, "older", {{"repr-digest", ReprDigest("weights")}});
  http_.Serve(kUrl, "weights");
  ASSERT_TRUE(Fetch().ok());
  EXPECT_THAT(Asked(), ElementsAre(mirror_, kUrl));
}

TEST_F(MirroredCheckpointTest, ARefreshAsksTheOriginForSpoiltBytesOnceMore) {
  http_.Serve(mirror_, "weights");
  http_.Serve(kUrl, "spoilt", {{"repr-digest", ReprDigest("weights")}});
  EXPECT_EQ(ReasonOf(Fetch(/*refresh=*/true).status()),
            Reason::kDigestMismatch);
  EXPECT_THAT(Asked(), ElementsAre(kUrl, kUrl));
}

TEST_F(MirroredCheckpointTest, ARefreshTriesTheOriginAgain) {
  FetchOptions several = options_;
  several.download.retry = {.tries = 2, .base = absl::ZeroDuration()};
  http_.Serve(mirror_, "older");
  FakeHttpTransport::Answer broken;
  broken.response.status = 200;
  broken.response.content_length = 7;
  broken.body = "weights";
  broken.cuts = {0};
  http_.Set(kUrl, broken);
  ASSERT_TRUE(
      FetchUrl({several, parts()}, kUrl, /*refresh=*/true, flight_).ok());
  EXPECT_THAT(Asked(), ElementsAre(kUrl, kUrl));
}

TEST_F(CheckpointFlightTest, AHostileZipIsNotPublished) {
  http_.Serve(kUrl, Zip({{"../evil", "x"}}));
  FreeFlight flight;
  auto fetched = FetchUrl(context(), kUrl, false, flight);
  ASSERT_TRUE(fetched.ok());
  std::string sha256 = std::get<CheckpointObject>(fetched->object).sha256;
  EXPECT_EQ(ReasonOf(UnpackBlob(context(), sha256, flight).status()),
            Reason::kBadArchive);
  EXPECT_FALSE(*store_->FindUnpacked(sha256));
}

}  // namespace
}  // namespace hubd
