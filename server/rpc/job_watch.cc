#include "server/rpc/job_watch.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <utility>

namespace hubd {
namespace {

bool SameJobs(const v1::ListJobsResponse& a, const v1::ListJobsResponse& b) {
  return std::equal(
      a.jobs().begin(), a.jobs().end(), b.jobs().begin(), b.jobs().end(),
      [](const v1::Job& x, const v1::Job& y) { return x.id() == y.id(); });
}

}  // namespace

JobWatch::JobWatch(const Options& options, IoThread& io, ListFn list,
                   TellFn tell)
    : options_(options),
      io_(io),
      list_(std::move(list)),
      tell_(std::move(tell)) {
  Look();
}

void JobWatch::Look() {
  v1::ListJobsResponse jobs = list_();
  if (MustTell(jobs)) {
    tell_(jobs);
    told_ = std::move(jobs);
    since_told_ = absl::ZeroDuration();
  }
  since_told_ += options_.look;
  // The timer is gone before this is.
  timer_ = io_.RunAfter(options_.look, [this] { Look(); });
}

bool JobWatch::MustTell(const v1::ListJobsResponse& jobs) const {
  if (!told_ || !SameJobs(*told_, jobs)) return true;
  using google::protobuf::util::MessageDifferencer;
  return since_told_ >= options_.pause &&
         !MessageDifferencer::Equals(*told_, jobs);
}

}  // namespace hubd
