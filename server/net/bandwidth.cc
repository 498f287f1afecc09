#include "server/net/bandwidth.h"

#include <algorithm>
#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/net/url_policy.h"

namespace hubd {
namespace {

// How long who was slower than allowed may catch up for.
constexpr absl::Duration kBurst = absl::Milliseconds(100);
// The clock is looked at so often at least: it may be set.
constexpr absl::Duration kLook = absl::Milliseconds(100);
constexpr size_t kMaxShown = 200;

absl::Status CheckLimit(int64_t bytes_per_second) {
  if (bytes_per_second == 0 || bytes_per_second >= Bandwidth::kLeast) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("a limit of ", bytes_per_second,
                   " bytes a second is too low: hosts give up who reads so "
                   "slowly; set at least ",
                   Bandwidth::kLeast, ", or 0 for none"));
}

}  // namespace

absl::Status Bandwidth::LimitAll(int64_t bytes_per_second) {
  HUBD_RETURN_IF_ERROR(CheckLimit(bytes_per_second));
  MutexLock lock(mutex_);
  SetRate(*all_, bytes_per_second);
  return absl::OkStatus();
}

absl::Status Bandwidth::LimitHost(const std::string& host,
                                  int64_t bytes_per_second) {
  HUBD_RETURN_IF_ERROR(CheckLimit(bytes_per_second));
  const std::string name = HostOf(absl::StrCat("https://", host, "/"));
  if (name.empty() || name != absl::AsciiStrToLower(host)) {
    return absl::InvalidArgumentError(
        absl::StrCat(LogQuote(host.substr(0, kMaxShown)),
                     " is no host; name it as it stands in URLs, without a "
                     "port, as in huggingface.co"));
  }
  MutexLock lock(mutex_);
  Set(hosts_, name, bytes_per_second);
  return absl::OkStatus();
}

absl::Status Bandwidth::LimitJob(int64_t job, int64_t bytes_per_second) {
  HUBD_RETURN_IF_ERROR(CheckLimit(bytes_per_second));
  MutexLock lock(mutex_);
  Set(jobs_, job, bytes_per_second);
  return absl::OkStatus();
}

template <class Key>
void Bandwidth::Set(std::map<Key, BucketPtr>& buckets, const Key& key,
                    int64_t bytes_per_second) {
  BucketPtr& bucket = buckets[key];
  if (bucket == nullptr) bucket = std::make_shared<Bucket>();
  SetRate(*bucket, bytes_per_second);
  if (bytes_per_second == 0) buckets.erase(key);
}

void Bandwidth::SetRate(Bucket& bucket, int64_t bytes_per_second) {
  if (bucket.rate > 0) {
    Refill(bucket);
  } else {
    // Without a limit nothing was counted.
    bucket.granted = bucket.wanted;
    bucket.at = clock_.Now();
  }
  bucket.rate = bytes_per_second;
  changed_.NotifyAll();
}

int64_t Bandwidth::LimitOfAll() const {
  MutexLock lock(mutex_);
  return all_->rate;
}

int64_t Bandwidth::LimitOfJob(int64_t job) const {
  MutexLock lock(mutex_);
  const auto found = jobs_.find(job);
  return found == jobs_.end() ? 0 : found->second->rate;
}

std::map<std::string, int64_t> Bandwidth::LimitsOfHosts() const {
  MutexLock lock(mutex_);
  std::map<std::string, int64_t> limits;
  for (const auto& [host, bucket] : hosts_) limits[host] = bucket->rate;
  return limits;
}

bool Bandwidth::IsLimited(absl::string_view host, int64_t job) const {
  MutexLock lock(mutex_);
  return all_->rate > 0 || jobs_.contains(job) ||
         hosts_.contains(std::string(host));
}

void Bandwidth::Refill(Bucket& bucket) const {
  const absl::Time now = clock_.Now();
  // A clock that was set back grants nothing.
  const double seconds = std::max(0.0, absl::ToDoubleSeconds(now - bucket.at));
  const double rate = static_cast<double>(bucket.rate);
  bucket.granted =
      std::min(bucket.granted + rate * seconds,
               bucket.wanted + rate * absl::ToDoubleSeconds(kBurst));
  bucket.at = now;
}

absl::Duration Bandwidth::WaitFor(const Turn& turn) const {
  Bucket& bucket = *turn.bucket;
  if (bucket.rate == 0) return absl::ZeroDuration();
  Refill(bucket);
  const double missing = turn.mark - bucket.granted;
  if (missing <= 0) return absl::ZeroDuration();
  return absl::Seconds(missing / static_cast<double>(bucket.rate));
}

std::vector<Bandwidth::Turn> Bandwidth::Queue(absl::string_view host,
                                              int64_t job, int64_t bytes) {
  std::vector<BucketPtr> buckets = {all_};
  const auto of_host = hosts_.find(std::string(host));
  if (of_host != hosts_.end()) buckets.push_back(of_host->second);
  const auto of_job = jobs_.find(job);
  if (of_job != jobs_.end()) buckets.push_back(of_job->second);
  std::vector<Turn> turns;
  for (BucketPtr& bucket : buckets) {
    if (bucket->rate == 0) continue;
    Refill(*bucket);
    bucket->wanted += static_cast<double>(bytes);
    const double mark = bucket->wanted;
    turns.push_back({std::move(bucket), mark});
  }
  return turns;
}

absl::Status Bandwidth::Take(absl::string_view host, int64_t job, int64_t bytes,
                             const std::stop_token& stop) {
  std::vector<Turn> turns;
  {
    MutexLock lock(mutex_);
    turns = Queue(host, job, bytes);
  }
  if (turns.empty()) return absl::OkStatus();
  const std::stop_callback wake(stop, [this] {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  });
  MutexLock lock(mutex_);
  while (!stop.stop_requested()) {
    absl::Duration wait;
    for (const Turn& turn : turns) wait = std::max(wait, WaitFor(turn));
    if (wait == absl::ZeroDuration()) return absl::OkStatus();
    changed_.WaitUntil(mutex_,
                       std::chrono::steady_clock::now() +
                           absl::ToChronoNanoseconds(std::min(wait, kLook)));
  }
  return absl::CancelledError("stopped while it waited for its turn");
}

}  // namespace hubd
