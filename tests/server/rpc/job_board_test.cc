#include "server/rpc/job_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>

#include "server/base/status.h"
#include "tests/server/fetch/fetch_fixture.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Caller kAda{1001, 1001, 5};
constexpr Caller kBob{1002, 1002, 6};
constexpr Caller kEve{1003, 1003, 7};
constexpr Caller kRoot{0, 0, 8};

FlightInfo SomeFlight() {
  return {.id = 7,
          .domain = kSharedDomain,
          .subject = {"checkpoint", "https://h.org/a", "h.org"},
          .uids = {kAda.uid, kAda.uid, kBob.uid},
          .progress = {.phase = Progress::Phase::kWaiting,
                       .subject = "https://h.org/a",
                       .done_bytes = 100,
                       .total_bytes = 400,
                       .connections = 2,
                       .failures = 1,
                       .last_error = "it broke\x1b",
                       .resume_at = absl::FromUnixSeconds(50)},
          .bytes_per_second = 100,
          .since = absl::FromUnixSeconds(40)};
}

TEST(JobSeenByTest, ItsOwnCallersAndTheAdministratorSeeAllOfIt) {
  for (const bool administrator : {false, true}) {
    const v1::Job job =
        *JobSeenBy(administrator ? kRoot : kBob, administrator, SomeFlight());
    EXPECT_EQ(job.id(), 7);
    EXPECT_EQ(job.kind(), "checkpoint");
    EXPECT_EQ(job.subject(), "https://h.org/a");
    EXPECT_EQ(job.host(), "h.org");
    EXPECT_EQ(job.callers(), 3);
    EXPECT_THAT(job.uids(), ElementsAre(kAda.uid, kBob.uid));
    EXPECT_EQ(job.progress().phase(), v1::Progress::WAITING);
    EXPECT_EQ(job.progress().subject(), "");
    EXPECT_EQ(job.progress().failures(), 1);
    EXPECT_EQ(job.progress().last_error(), "it broke\uFFFD");
    EXPECT_EQ(job.progress().resume_at(), 50);
    EXPECT_EQ(job.bytes_per_second(), 100);
    EXPECT_EQ(job.seconds_left(), 3);
    EXPECT_EQ(job.started_at(), 40);
  }
}

TEST(JobSeenByTest, OthersSeeHostAndBytesAndNothingElse) {
  v1::Job job = *JobSeenBy(kEve, false, SomeFlight());
  v1::Job expected;
  expected.set_id(7);
  expected.set_host("h.org");
  expected.mutable_progress()->set_done_bytes(100);
  expected.mutable_progress()->set_total_bytes(400);
  expected.set_bytes_per_second(100);
  expected.set_seconds_left(3);
  EXPECT_EQ(job.SerializeAsString(), expected.SerializeAsString());
}

TEST(JobSeenByTest, WhatIsNotSharedIsNotThereForOthers) {
  FlightInfo flight = SomeFlight();
  flight.domain = "uid 1001";
  EXPECT_FALSE(JobSeenBy(kEve, false, flight));
  EXPECT_TRUE(JobSeenBy(kAda, false, flight));
}

// A system daemon's.
class JobBoardTest : public FetchFixture {
 protected:
  // One more caller of the flight `name`, which runs until it is stopped.
  std::future<absl::Status> Join(const std::string& name, const Caller& caller,
                                 const std::string& kind = "checkpoint") {
    auto ended = std::make_shared<std::promise<absl::Status>>();
    tickets_.push_back(flights_.Join(
        {kSharedDomain, name}, {kind, name, "h.org"},
        [](FlightTable::Context& flight) -> absl::StatusOr<Fetched> {
          std::promise<void> stopped;
          std::stop_callback callback(flight.stop(),
                                      [&] { stopped.set_value(); });
          stopped.get_future().wait();
          return absl::CancelledError("stopped");
        },
        {.uid = caller.uid,
         .accept = nullptr,
         .progress = nullptr,
         .done = [ended](const absl::StatusOr<Fetched>& result) {
           ended->set_value(result.status());
         }}));
    return ended->get_future();
  }

  int64_t IdOf(const std::string& name) {
    const v1::ListJobsResponse jobs = board_.List(kRoot);
    for (const v1::Job& job : jobs.jobs()) {
      if (job.subject() == name) return job.id();
    }
    return -1;
  }

  absl::Status Limit(const Caller& caller, const v1::SetLimitRequest& limit) {
    return board_.SetLimit(caller, limit);
  }

  Admission admission_{
      {.system_mode = true, .uid = 900}, store_->catalog(), clock_};
  JobBoard board_{flights_, bandwidth_, admission_};
  std::vector<FlightTable::Ticket> tickets_;
};

TEST_F(JobBoardTest, ListsInTheOrderOfBeginning) {
  auto b = Join("b", kAda);
  auto a = Join("a", kBob);
  const v1::ListJobsResponse jobs = board_.List(kAda);
  ASSERT_EQ(jobs.jobs_size(), 2);
  EXPECT_TRUE(jobs.complete());
  EXPECT_EQ(jobs.jobs(0).subject(), "b");
  EXPECT_EQ(jobs.jobs(1).subject(), "");
}

TEST_F(JobBoardTest, OnlyWhoWaitsAloneOrRootCancels) {
  auto ada = Join("a", kAda);
  auto bob = Join("a", kBob);
  const int64_t id = IdOf("a");
  EXPECT_EQ(ReasonOf(board_.Cancel(kAda, id).status()), Reason::kNotYours);
  EXPECT_EQ(ReasonOf(board_.Cancel(kEve, id).status()), Reason::kNotYours);
  EXPECT_TRUE(absl::IsNotFound(board_.Cancel(kRoot, id + 100).status()));
  absl::StatusOr<v1::Job> cancelled = board_.Cancel(kRoot, id);
  ASSERT_TRUE(cancelled.ok());
  EXPECT_EQ(cancelled->subject(), "a");
  for (const absl::Status& end : {ada.get(), bob.get()}) {
    EXPECT_EQ(ReasonOf(end), Reason::kJobCancelled);
    EXPECT_THAT(end.message(), HasSubstr("uid 0 has cancelled"));
    EXPECT_THAT(end.message(), HasSubstr("ask again"));
    EXPECT_EQ(MetadataOf(end)["uid"], "0");
  }
  EXPECT_EQ(board_.List(kRoot).jobs_size(), 0);
  auto alone = Join("a", kAda);
  EXPECT_TRUE(board_.Cancel(kAda, IdOf("a")).ok());
  EXPECT_EQ(ReasonOf(alone.get()), Reason::kJobCancelled);
}

TEST_F(JobBoardTest, OnlyRootLimitsTheDaemonAndHosts) {
  v1::SetLimitRequest limit;
  limit.set_bytes_per_second(1 << 20);
  EXPECT_EQ(ReasonOf(Limit(kAda, limit)), Reason::kNotYours);
  EXPECT_TRUE(Limit(kRoot, limit).ok());
  limit.set_host("h.org");
  EXPECT_EQ(ReasonOf(Limit(kAda, limit)), Reason::kNotYours);
  EXPECT_TRUE(Limit(kRoot, limit).ok());
  limit.set_host("not/a host");
  EXPECT_TRUE(absl::IsInvalidArgument(Limit(kRoot, limit)));
  const v1::ListJobsResponse jobs = board_.List(kAda);
  EXPECT_EQ(jobs.limit(), 1 << 20);
  EXPECT_EQ(jobs.host_limits().at("h.org"), 1 << 20);
}

TEST_F(JobBoardTest, OnlyWhatFetchesIsLimited) {
  v1::SetLimitRequest limit;
  limit.set_bytes_per_second(1 << 20);
  for (const char* kind : {"refs", "commit", "unpack", "verify", "import"}) {
    auto ada = Join(kind, kAda, kind);
    limit.set_job(IdOf(kind));
    const absl::Status refused = Limit(kAda, limit);
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << refused;
    EXPECT_THAT(refused.message(), HasSubstr(kind));
    EXPECT_EQ(ReasonOf(Limit(kBob, limit)), Reason::kNotYours);
  }
  auto tree = Join("t", kAda, "tree");
  limit.set_job(IdOf("t"));
  EXPECT_TRUE(Limit(kAda, limit).ok());
}

TEST_F(JobBoardTest, AJobIsLimitedByWhoWaitsAloneOrRoot) {
  auto ada = Join("a", kAda);
  auto both = Join("b", kAda);
  auto bob = Join("b", kBob);
  v1::SetLimitRequest limit;
  limit.set_bytes_per_second(1 << 20);
  limit.set_job(IdOf("a"));
  EXPECT_TRUE(Limit(kAda, limit).ok());
  EXPECT_EQ(ReasonOf(Limit(kBob, limit)), Reason::kNotYours);
  EXPECT_EQ(board_.List(kAda).jobs(0).limit(), 1 << 20);
  EXPECT_EQ(board_.List(kBob).jobs(0).limit(), 0);
  // It is no longer hers alone.
  auto joined = Join("a", kBob);
  EXPECT_EQ(board_.List(kAda).jobs(0).limit(), 0);
  EXPECT_EQ(ReasonOf(Limit(kAda, limit)), Reason::kNotYours);
  limit.set_job(IdOf("b"));
  EXPECT_EQ(ReasonOf(Limit(kAda, limit)), Reason::kNotYours);
  EXPECT_TRUE(Limit(kRoot, limit).ok());
  limit.set_job(12345);
  EXPECT_TRUE(absl::IsNotFound(Limit(kRoot, limit)));
  limit.set_bytes_per_second(-1);
  limit.set_job(IdOf("a"));
  EXPECT_TRUE(absl::IsInvalidArgument(Limit(kRoot, limit)));
}

}  // namespace
}  // namespace hubd
