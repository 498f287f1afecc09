// Plays one file on a server behind a bad network, by a seed: late answers and
// lost ones, connections that are refused, lost, reset or stall, that have a
// rate each, or packets that are sent again; limits, failures of the server's
// own, hosts that stand few connections; ranges or none, strong validators or
// none, bytes that change on the way. Time is the fake clock's, which whoever
// waits moves.

#ifndef HUBD_TESTS_TESTING_SIMULATED_NETWORK_H_
#define HUBD_TESTS_TESTING_SIMULATED_NETWORK_H_

#include <cstdint>
#include <random>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
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
  // Bytes that were sent again for no reason that lies here: neither was an
  // answer broken off of which the rest cannot be had, nor has the server other
  // bytes, or no ranges any more.
  int64_t wasted_bytes() const;

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

  // What the server has is the same all the time.
  struct Era {
    int64_t size = 0;
    int64_t sent = 0;
    // Sent by answers that broke off, and of no use then.
    int64_t in_vain = 0;
  };

  struct Answer {
    absl::Duration latency;
    // Else it is silent, and fails.
    bool answers = true;
    HttpResponse response;
    std::string body;
    size_t piece = 1;
    // How it ends, after which silence; empty: well.
    std::string failure;
    absl::Duration silence = absl::ZeroDuration();
    size_t era = 0;
    // Whether what it brings is of use without its end.
    bool can_go_on = false;
    int64_t sent = 0;
  };

  // From 0 to `most`.
  int64_t Draw(int64_t most) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return std::uniform_int_distribution<int64_t>(0, most)(random_);
  }
  bool Chance(int percent) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return Draw(99) < percent;
  }

  std::string Body(int64_t size) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void BeginEra() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Answer AnswerTo(const HttpRequest& request);
  absl::Status Send(Answer& answer, HttpHandler& handler,
                    const std::stop_token& stop);
  absl::Status WaitUntil(absl::Time due, const std::stop_token& stop);
  // Until so much has come, after what came before it.
  absl::Duration TimeOf(absl::string_view piece);
  void Fail(const HttpRequest& request, Answer& answer)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
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
  // A second, of each connection.
  int64_t rate_ = 0;
  // Of a hundred pieces, so many are lost once.
  int losses_ = 0;
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
  int requests_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Era> eras_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hubd

#endif  // HUBD_TESTS_TESTING_SIMULATED_NETWORK_H_
