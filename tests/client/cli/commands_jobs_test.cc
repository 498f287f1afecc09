#include "client/cli/commands_jobs.h"

#include <gmock/gmock.h>

#include "tests/client/cli/hubctl_fixture.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class JobsTest : public HubctlTest {
 protected:
  JobsTest() { daemon_.jobs.set_complete(true); }

  void AddJob(int64_t id) {
    v1::Job& job = *daemon_.jobs.add_jobs();
    job.set_id(id);
    job.set_kind("tree");
    job.set_subject("github.com/o/r at abc");
    job.set_callers(1);
    job.add_uids(0);
  }
};

TEST_F(JobsTest, LsShowsATableOrJson) {
  AddJob(7);
  const Ended ended = Hubctl({"jobs", "ls"});
  EXPECT_THAT(ended.out, StartsWith("ID  STATE"));
  EXPECT_THAT(ended.out, HasSubstr("tree github.com/o/r at abc\n"));
  EXPECT_THAT(Hubctl({"jobs", "ls", "--json"}).out,
              HasSubstr("\"kind\": \"tree\""));
}

TEST_F(JobsTest, LsSaysThatThereIsNone) {
  const Ended ended = Hubctl({"jobs", "ls"});
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(ended.out, "");
  EXPECT_EQ(ended.err, "Nothing is being fetched.\n");
}

TEST_F(JobsTest, WatchShowsLinesUntilItFails) {
  AddJob(7);
  const Ended ended = Hubctl({"jobs", "watch"});
  // The fake ends it so.
  EXPECT_EQ(ended.code, 4);
  EXPECT_EQ(ended.out,
            "job 7: -, -, -, for 1 (uid 0): tree github.com/o/r at abc\n");
  EXPECT_THAT(Hubctl({"jobs", "watch", "--json"}).out,
              StartsWith("{\"jobs\":[{\"id\":\"7\""));
}

TEST_F(JobsTest, CancelNamesTheJob) {
  AddJob(7);
  EXPECT_EQ(Hubctl({"jobs", "cancel", "7"}).err,
            "Cancelled: tree github.com/o/r at abc\n");
  EXPECT_THAT(Hubctl({"jobs", "cancel", "7", "--json"}).out,
              HasSubstr("\"id\": \"7\""));
  EXPECT_EQ(Hubctl({"jobs", "cancel", "8"}).code, 5);
}

TEST_F(JobsTest, LimitIsOfTheDaemonAHostOrAJob) {
  EXPECT_EQ(Hubctl({"jobs", "limit", "5MB"}).err,
            "Limit of the daemon: 5.0 MB/s\n");
  EXPECT_EQ(daemon_.last_limit().what_case(),
            v1::SetLimitRequest::WHAT_NOT_SET);
  EXPECT_EQ(daemon_.last_limit().bytes_per_second(), 5'000'000);
  EXPECT_EQ(Hubctl({"jobs", "limit", "--host", "h.org", "none"}).err,
            "No limit of h.org\n");
  EXPECT_EQ(daemon_.last_limit().host(), "h.org");
  EXPECT_EQ(daemon_.last_limit().bytes_per_second(), 0);
  EXPECT_EQ(Hubctl({"jobs", "limit", "--job", "7", "1MiB/s"}).err,
            "Limit of job 7: 1.0 MB/s\n");
  EXPECT_EQ(daemon_.last_limit().job(), 7);
}

}  // namespace
}  // namespace hubd
