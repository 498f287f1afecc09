// Room that is kept for the index.

#ifndef HUBD_SERVER_STORE_RESERVE_H_
#define HUBD_SERVER_STORE_RESERVE_H_

#include <string>
#include <utility>

namespace hubd {

// A file of zeros that is given up when a write of the index finds the disk
// full, so that what people decide can be kept, and things be removed, on a
// disk that others filled. Thread-compatible.
class Reserve {
 public:
  explicit Reserve(std::string path) : path_(std::move(path)) {}

  // Sets it aside where it is not there. A disk that is full has none.
  void Fill();

  // Whether there was one to give up.
  bool GiveUp();

 private:
  std::string path_;
  bool held_ = false;
};

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_RESERVE_H_
