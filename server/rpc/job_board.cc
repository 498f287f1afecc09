#include "server/rpc/job_board.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/text.h"
#include "server/rpc/convert.h"
#include "server/store/objects.h"

namespace hubd {
namespace {

// A list must fit into one message.
constexpr int kMaxJobs = 500;
constexpr size_t kMaxShown = 1024;
constexpr size_t kMaxUids = 100;

int64_t SecondsLeft(const Progress& progress, double bytes_per_second) {
  const int64_t left = progress.total_bytes - progress.done_bytes;
  if (progress.total_bytes <= 0 || left <= 0 || bytes_per_second < 1) return 0;
  return std::max<int64_t>(1, static_cast<int64_t>(left / bytes_per_second));
}

// What everybody may know.
v1::Job Outline(const FlightInfo& flight) {
  v1::Job job;
  job.set_id(flight.id);
  job.set_host(CleanText(flight.subject.host, kMaxShown));
  job.mutable_progress()->set_done_bytes(flight.progress.done_bytes);
  job.mutable_progress()->set_total_bytes(flight.progress.total_bytes);
  job.set_bytes_per_second(static_cast<int64_t>(flight.bytes_per_second));
  job.set_seconds_left(SecondsLeft(flight.progress, flight.bytes_per_second));
  return job;
}

v1::Job Whole(const FlightInfo& flight) {
  v1::Job job = Outline(flight);
  job.set_kind(flight.subject.kind);
  job.set_subject(CleanText(flight.subject.name, kMaxShown));
  job.set_callers(static_cast<int32_t>(flight.uids.size()));
  std::vector<uid_t> uids = flight.uids;
  uids.erase(std::unique(uids.begin(), uids.end()), uids.end());
  uids.resize(std::min(uids.size(), kMaxUids));
  job.mutable_uids()->Add(uids.begin(), uids.end());
  v1::Progress& progress = *job.mutable_progress();
  progress = ToProto(flight.progress);
  progress.clear_subject();
  progress.set_last_error(CleanText(progress.last_error(), kMaxShown));
  job.set_started_at(absl::ToUnixSeconds(flight.since));
  return job;
}

absl::Status CancelledBy(const Caller& caller, const v1::Job& job) {
  return ReasonError(
      Reason::kJobCancelled,
      absl::StrCat("uid ", caller.uid, " has cancelled job ", job.id(), ", ",
                   job.kind(), " ", job.subject(),
                   "; ask again: what can be gone on with is kept"),
      {{"job", absl::StrCat(job.id())},
       {"uid", absl::StrCat(caller.uid)},
       {"kind", job.kind()},
       {"subject", job.subject()}});
}

absl::Status IsOver(int64_t id) {
  return absl::NotFoundError(absl::StrCat("job ", id, " is over"));
}

}  // namespace

std::optional<v1::Job> JobSeenBy(const Caller& caller, bool administrator,
                                 const FlightInfo& flight) {
  const bool own =
      std::binary_search(flight.uids.begin(), flight.uids.end(), caller.uid);
  if (own || administrator) return Whole(flight);
  if (flight.domain == kSharedDomain) return Outline(flight);
  return std::nullopt;
}

v1::ListJobsResponse JobBoard::List(const Caller& caller) const {
  const bool administrator = admission_.IsAdministrator(caller);
  v1::ListJobsResponse answer;
  answer.set_complete(true);
  for (const FlightInfo& flight : flights_.List()) {
    std::optional<v1::Job> job = JobSeenBy(caller, administrator, flight);
    if (!job) continue;
    if (answer.jobs_size() == kMaxJobs) {
      answer.set_complete(false);
      break;
    }
    // Of others' jobs it is not told, as little as by whom they are wanted.
    if (job->callers() > 0) job->set_limit(bandwidth_.LimitOfJob(job->id()));
    *answer.add_jobs() = *std::move(job);
  }
  answer.set_limit(bandwidth_.LimitOfAll());
  for (const auto& [host, limit] : bandwidth_.LimitsOfHosts()) {
    (*answer.mutable_host_limits())[host] = limit;
  }
  return answer;
}

absl::StatusOr<v1::Job> JobBoard::Find(const Caller& caller, int64_t id) const {
  for (const FlightInfo& flight : flights_.List()) {
    if (flight.id != id) continue;
    std::optional<v1::Job> job =
        JobSeenBy(caller, admission_.IsAdministrator(caller), flight);
    if (job) return *std::move(job);
  }
  return absl::NotFoundError(absl::StrCat(
      "there is no job ", id, ", or it is over; hubctl jobs ls lists them"));
}

absl::StatusOr<v1::Job> JobBoard::Cancel(const Caller& caller, int64_t id) {
  HUBD_ASSIGN_OR_RETURN(v1::Job job, Find(caller, id));
  std::optional<uid_t> only_of;
  if (!admission_.IsAdministrator(caller)) only_of = caller.uid;
  switch (flights_.Stop(id, only_of, CancelledBy(caller, job))) {
    case FlightTable::Outcome::kDone:
      break;
    case FlightTable::Outcome::kNotThere:
      return IsOver(id);
    case FlightTable::Outcome::kOthersWait:
      return ReasonError(
          Reason::kNotYours,
          absl::StrCat("other users wait for job ", id,
                       ": only root can cancel it; to wait no longer, end "
                       "your own call"),
          {{"job", absl::StrCat(id)}});
  }
  HUBD_LOG(kInfo) << "event=job_cancelled job=" << id << " uid=" << caller.uid
                  << " kind=" << job.kind()
                  << " subject=" << LogQuote(job.subject());
  return job;
}

absl::Status JobBoard::SetLimit(const Caller& caller,
                                const v1::SetLimitRequest& request) {
  const int64_t limit = request.bytes_per_second();
  if (request.what_case() == v1::SetLimitRequest::kJob) {
    return LimitJob(caller, request.job(), limit);
  }
  if (!admission_.IsAdministrator(caller)) {
    return ReasonError(Reason::kNotYours,
                       "only root can limit the daemon or a host; what you "
                       "alone wait for is limited by its job (--job ID)");
  }
  if (request.what_case() == v1::SetLimitRequest::kHost) {
    HUBD_RETURN_IF_ERROR(bandwidth_.LimitHost(request.host(), limit));
  } else {
    HUBD_RETURN_IF_ERROR(bandwidth_.LimitAll(limit));
  }
  HUBD_LOG(kInfo) << "event=limit uid=" << caller.uid
                  << " host=" << LogQuote(request.host())
                  << " bytes_per_second=" << limit;
  return absl::OkStatus();
}

absl::Status JobBoard::LimitJob(const Caller& caller, int64_t id,
                                int64_t bytes_per_second) {
  HUBD_ASSIGN_OR_RETURN(const v1::Job job, Find(caller, id));
  // Of others' jobs no kind is told; they are refused below.
  if (!job.kind().empty() && job.kind() != "tree" &&
      job.kind() != "checkpoint") {
    return absl::InvalidArgumentError(absl::StrCat(
        "job ", id, ", ", job.kind(), " ", job.subject(),
        ", has nothing to limit: only jobs that fetch a checkpoint or a tree "
        "can be limited"));
  }
  std::optional<uid_t> only_of;
  if (!admission_.IsAdministrator(caller)) only_of = caller.uid;
  HUBD_ASSIGN_OR_RETURN(const FlightTable::Outcome outcome,
                        flights_.Limit(id, only_of, bytes_per_second));
  switch (outcome) {
    case FlightTable::Outcome::kDone:
      break;
    case FlightTable::Outcome::kNotThere:
      return IsOver(id);
    case FlightTable::Outcome::kOthersWait:
      return ReasonError(Reason::kNotYours,
                         absl::StrCat("other users wait for job ", id,
                                      ": only root can limit it"),
                         {{"job", absl::StrCat(id)}});
  }
  HUBD_LOG(kInfo) << "event=limit uid=" << caller.uid << " job=" << id
                  << " bytes_per_second=" << bytes_per_second;
  return absl::OkStatus();
}

}  // namespace hubd
