// How many connections downloads have to one host, and in all.

#ifndef HUBD_SERVER_FETCH_CONNECTION_BUDGET_H_
#define HUBD_SERVER_FETCH_CONNECTION_BUDGET_H_

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "server/base/mutex.h"

namespace hubd {

// A host is that of the URL that is asked for, whatever it redirects to. Every
// download has its first connection, whatever the limits say: how many
// downloads there are is limited elsewhere. Further ones are had while there is
// room. Thread-safe.
class ConnectionBudget {
 public:
  struct Options {
    // Of one download, to one host, and to all hosts.
    int per_object = 16;
    int per_host = 32;
    int in_all = 128;
  };

  // One connection; gives it back when it goes. Thread-compatible.
  class Hold {
   public:
    Hold(Hold&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)),
          host_(std::move(other.host_)) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold() {
      if (budget_ != nullptr) budget_->GiveBack(host_);
    }

   private:
    friend class ConnectionBudget;
    Hold(ConnectionBudget* budget, std::string host)
        : budget_(budget), host_(std::move(host)) {}

    ConnectionBudget* budget_;  // Null when moved from.
    std::string host_;
  };

  // Must outlive what it gives.
  explicit ConnectionBudget(Options options) : options_(options) {}

  int per_object() const { return options_.per_object; }

  Hold TakeFirst(const std::string& host);
  std::optional<Hold> TakeFurther(const std::string& host);

 private:
  void GiveBack(const std::string& host);

  const Options options_;
  Mutex mutex_;
  int in_all_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, int> of_host_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_CONNECTION_BUDGET_H_
