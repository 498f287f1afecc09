// Plays one file on a server behind a bad network, by a seed: late answers,
// refused connections, resets, stalls, limits, failures of the server's own,
// hosts that stand few connections; ranges or none, strong validators or none,
// bytes that change on the way. Time is the fake clock's, which whoever waits
// moves.

#ifndef HUBD_TESTS_TESTING_SIMULATED_NETWORK_H_
#define HUBD_TESTS_TESTING_SIMULATED_NETWORK_H_

#include <cstdint>
#include <random>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"
#include "server/net/http_transport.h"
#include "tests/testing/fake_clock.h"

namespace hubd {

// Thread-safe. The draws are the seed's; which request meets which of them is
// the threads' affair.
class SimulatedNetwork final : public HttpTransport {
 public:
  SimulatedNetwork(uint64_t seed, FakeClock& clock);

  const std::vector<std::string>& versions() const { return versions_; }
  // Ranges of one object can be had all the time: no byte need come twice.
  bool steady() const {
    return ranges_ && etags_ == "\"" && changes_at_ < 0 && loses_ranges_at_ < 0;
  }
  int64_t sent_bytes() const {
    MutexLock lock(mutex_);
    return sent_bytes_;
  }

  absl::Status Fetch(const HttpRequest& request, HttpHandler& handler,
                     std::stop_token stop) override;

 private:
  class Connection {
   public:
    explicit Connection(SimulatedNetwork& network) : network_(network) {
      MutexLock lock(network_.mutex_);
      ++network_.connections_;
    }
    ~Connection() {
      MutexLock lock(network_.mutex_);
      --network_.connections_;
    }

   private:
    SimulatedNetwork& network_;
  };

  struct Answer {
    absl::Duration latency;
    bool refused = false;
    HttpResponse response;
    std::string body;
    size_t piece = 1;
    bool stalls = false;
    bool breaks = false;
  };

  // From 0 to `most`.
  int64_t Draw(int64_t most) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return std::uniform_int_distribution<int64_t>(0, most)(random_);
  }
  bool Chance(int percent) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return Draw(99) < percent;
  }

  std::string Body(int64_t size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Answer AnswerTo(const HttpRequest& request);
  void Fail(Answer& answer) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Serve(const HttpRequest& request, Answer& answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  FakeClock& clock_;
  mutable Mutex mutex_;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> versions_;  // Not changed after the constructor.
  int version_ ABSL_GUARDED_BY(mutex_) = 0;
  bool ranges_ = true;
  std::string etags_;
  bool lengths_ = true;
  bool heeds_conditions_ = true;
  int changes_at_ = -1;
  int loses_ranges_at_ = -1;
  // Of a hundred requests, about so many fail.
  int faults_ = 0;
  int most_connections_ = 1000;
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
  int requests_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t sent_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace hubd

#endif  // HUBD_TESTS_TESTING_SIMULATED_NETWORK_H_
