#include "client/cli/job_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/progress_bar.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

v1::Job Checkpoint() {
  v1::Job job;
  job.set_id(7);
  job.set_kind("checkpoint");
  job.set_subject("https://h.org/w");
  job.set_host("h.org");
  job.set_callers(3);
  job.add_uids(1000);
  job.add_uids(1001);
  job.set_bytes_per_second(1'000'000);
  job.set_seconds_left(125);
  job.set_started_at(absl::ToUnixSeconds(kNow) - 65);
  v1::Progress& progress = *job.mutable_progress();
  progress.set_phase(v1::Progress::DOWNLOADING);
  progress.set_done_bytes(65'000'000);
  progress.set_total_bytes(190'000'000);
  progress.set_connections(4);
  return job;
}

v1::Job OfOthers() {
  v1::Job job;
  job.set_id(12);
  job.set_host("h.org");
  job.mutable_progress()->set_done_bytes(5);
  return job;
}

v1::ListJobsResponse List(const std::vector<v1::Job>& jobs) {
  v1::ListJobsResponse list;
  list.set_complete(true);
  for (const v1::Job& job : jobs) *list.add_jobs() = job;
  return list;
}

TEST(JobTableTest, ShowsOwnJobsWholeAndOthersAsHostAndBytes) {
  EXPECT_EQ(FormatJobs(List({Checkpoint(), OfOthers()}), kNow, 0),
            "ID  STATE        BYTES                RATE     LEFT  CONNS  FOR"
            "                     AGE  WHAT\n"
            " 7  downloading  65 MB of 190 MB  1.0 MB/s  2 m 5 s      4  "
            "3 (uid 1000, 1001)  1 m 5 s  checkpoint https://h.org/w\n"
            "12  -            5 B                     -        -      -  "
            "others                    -  h.org\n");
}

TEST(JobTableTest, SaysWhatFailedAndUntilWhenItWaits) {
  v1::Job job = Checkpoint();
  job.mutable_progress()->set_phase(v1::Progress::WAITING);
  job.mutable_progress()->set_failures(2);
  job.mutable_progress()->set_last_error("it\nbroke");
  job.mutable_progress()->set_resume_at(absl::ToUnixSeconds(kNow) + 9);
  const std::string until =
      "waiting until " + ClockTime(job.progress().resume_at());
  const std::string table = FormatJobs(List({job}), kNow, 0);
  EXPECT_THAT(table, HasSubstr(until));
  EXPECT_THAT(table, HasSubstr("  2 tries failed: it broke\n"));
  EXPECT_EQ(FormatJobLines(List({job})),
            "job 7: " + until +
                ", 65 MB of 190 MB, 1.0 MB/s, for 3 (uid 1000, 1001): "
                "checkpoint https://h.org/w; 2 tries failed: it broke\n");
}

TEST(JobTableTest, EndsWithTheLimits) {
  v1::Job job = Checkpoint();
  job.set_limit(100'000);
  v1::ListJobsResponse list = List({job});
  list.set_limit(5'000'000);
  (*list.mutable_host_limits())["h.org"] = 2'000'000;
  list.set_complete(false);
  EXPECT_THAT(FormatJobs(list, kNow, 0),
              HasSubstr("\nLimit of the daemon: 5.0 MB/s\n"
                        "Limit of h.org: 2.0 MB/s\n"
                        "Limit of job 7: 100 kB/s\n"
                        "There are more.\n"));
}

TEST(JobTableTest, WithoutJobsThereIsNoTable) {
  EXPECT_EQ(FormatJobs(List({}), kNow, 0), "");
  EXPECT_EQ(FormatJobLines(List({})), "no jobs\n");
}

TEST(JobTableTest, BringsNoControlCharacterToATerminal) {
  v1::Job job = Checkpoint();
  job.set_subject("a\x1b[2J\nb");
  for (const std::string& text :
       {FormatJobs(List({job}), kNow, 0), FormatJobLines(List({job}))}) {
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(text, Not(HasSubstr("\nb")));
  }
}

}  // namespace
}  // namespace hubd
