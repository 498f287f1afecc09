// How fast the daemon may receive: as a whole, from one host, for one job.

#ifndef HUBD_SERVER_NET_BANDWIDTH_H_
#define HUBD_SERVER_NET_BANDWIDTH_H_

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/clock.h"
#include "server/base/mutex.h"

namespace hubd {

// The limits, and the wait of those who receive. A limit is in bytes a second;
// none at first. Those who share one get their turns in the order in which they
// ask. A limit that changes counts at once, for those who wait too.
// Thread-safe.
class Bandwidth {
 public:
  // With less, hosts would give up who reads so slowly.
  static constexpr int64_t kLeast = 16 << 10;

  // `clock` must outlive it.
  explicit Bandwidth(const Clock& clock) : clock_(clock) {}

  // 0 means none. INVALID_ARGUMENT for a limit between 0 and kLeast, and for a
  // host that cannot stand in a URL.
  absl::Status LimitAll(int64_t bytes_per_second);
  absl::Status LimitHost(const std::string& host, int64_t bytes_per_second);
  absl::Status LimitJob(int64_t job, int64_t bytes_per_second);

  // 0 where there is none.
  int64_t LimitOfAll() const;
  int64_t LimitOfJob(int64_t job) const;
  std::map<std::string, int64_t> LimitsOfHosts() const;

  // Whether what comes from `host` for `job` may have to wait.
  bool IsLimited(absl::string_view host, int64_t job) const;

  // Blocks until so many bytes that have come from `host` for `job` are within
  // all limits. Soon after the stop: CANCELLED.
  absl::Status Take(absl::string_view host, int64_t job, int64_t bytes,
                    const std::stop_token& stop);

 private:
  // Plain data under the mutex. Those who wait hold one that is gone from the
  // maps, too; it has no rate then.
  struct Bucket {
    int64_t rate = 0;
    // Sums of bytes: that somebody wanted, and that were let through by `at`.
    // The latter is ahead by what nobody wanted, up to a short burst.
    double wanted = 0;
    double granted = 0;
    absl::Time at = absl::InfinitePast();
  };
  using BucketPtr = std::shared_ptr<Bucket>;

  // A turn: the bucket has to have granted so much.
  struct Turn {
    BucketPtr bucket;
    double mark = 0;
  };

  template <class Key>
  void Set(std::map<Key, BucketPtr>& buckets, const Key& key,
           int64_t bytes_per_second) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetRate(Bucket& bucket, int64_t bytes_per_second)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Begins the waits.
  std::vector<Turn> Queue(absl::string_view host, int64_t job, int64_t bytes)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Refill(Bucket& bucket) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // How long until the turn comes.
  absl::Duration WaitFor(const Turn& turn) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock& clock_;

  mutable Mutex mutex_;
  CondVar changed_;
  const BucketPtr all_ ABSL_GUARDED_BY(mutex_) = std::make_shared<Bucket>();
  std::map<std::string, BucketPtr> hosts_ ABSL_GUARDED_BY(mutex_);
  std::map<int64_t, BucketPtr> jobs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hubd

#endif  // HUBD_SERVER_NET_BANDWIDTH_H_
