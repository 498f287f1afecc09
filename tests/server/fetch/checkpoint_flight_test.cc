#include "server/fetch/checkpoint_flight.h"

#include <string>

#include "gtest/gtest.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/fetch/fetch_fixture.h"

namespace hubd {
namespace {

constexpr char kUrl[] = "https://models.example.org/m.bin?token=secret";

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
