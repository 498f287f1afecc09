// Leases: who uses an object holds a shared flock on it, and while one is held
// the object is not removed.
//
// The kernel keeps them: they end with the process, and outlive the daemon.

#ifndef HUBD_SERVER_STORE_LEASE_H_
#define HUBD_SERVER_STORE_LEASE_H_

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "server/base/unique_fd.h"

namespace hubd {

// Ends when it goes. Thread-compatible.
class Lease {
 public:
  // The leased file, to read, or the leased directory.
  int fd() const { return fd_.get(); }

 private:
  friend absl::StatusOr<Lease> LeaseOpened(UniqueFd fd,
                                           const std::string& path);
  explicit Lease(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

// Takes a lease on a blob or on a tree's directory; never waits. NOT_FOUND
// where there is no such object, or not any more: ask the daemon for it again,
// it fetches it anew.
absl::StatusOr<Lease> TakeLease(const std::string& path);

// The same for an object that was opened by its path before.
absl::StatusOr<Lease> LeaseOpened(UniqueFd fd, const std::string& path);

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_LEASE_H_
