// Where an answer of git's protocol ends.

#ifndef HUBD_SERVER_NET_GIT_ANSWER_H_
#define HUBD_SERVER_NET_GIT_ANSWER_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace hubd {

// Follows an answer from line to line, to know its end: for one that does not
// come git would wait. Thread-compatible.
class AnswerEnd {
 public:
  // Takes the next bytes. False where what comes is no answer.
  bool Follow(absl::string_view bytes);

  // Whether a flush was the last of it.
  bool ended() const { return ended_ && left_ == 0 && digits_.empty(); }

 private:
  std::string digits_;
  size_t left_ = 0;
  bool ended_ = false;
};

}  // namespace hubd

#endif  // HUBD_SERVER_NET_GIT_ANSWER_H_
