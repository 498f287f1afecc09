// Room that is kept for index and records.

#ifndef HUBD_SERVER_STORE_RESERVE_H_
#define HUBD_SERVER_STORE_RESERVE_H_

#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"

namespace hubd {

// A file of zeros that is given up when a write of the index or of a record
// finds the disk full, or the daemon's start does, so that what people decide
// and what has come can be kept, and things be removed, on a disk that others
// filled. All who name the same path share it. Thread-safe.
class Reserve {
 public:
  explicit Reserve(std::string path) : path_(std::move(path)) {}

  // Sets it aside where it is not there. A disk that is full has none.
  void Fill();

  // Whether there was one to give up.
  bool GiveUp();

  // What `write` says; where that is that the disk is full, what it says once
  // more, after the reserve was given up.
  absl::Status Write(const std::function<absl::Status()>& write);

 private:
  std::string path_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_RESERVE_H_
