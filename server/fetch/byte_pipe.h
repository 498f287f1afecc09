// A bounded pipe of bytes between two threads of one flight: the one that
// receives and the one that unpacks.

#ifndef HUBD_SERVER_FETCH_BYTE_PIPE_H_
#define HUBD_SERVER_FETCH_BYTE_PIPE_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/mutex.h"

namespace hubd {

// One writer, one reader; thread-safe for these two.
class BytePipe {
 public:
  explicit BytePipe(size_t capacity) : capacity_(capacity) {}

  // Waits for room. After CloseReader the bytes are dropped if its status was
  // OK, else that status is returned.
  absl::Status Write(absl::string_view bytes);

  // No more bytes come; what is left can be read, then `status`, where OK means
  // the end.
  void CloseWriter(const absl::Status& status);

  // Waits for bytes; 0 at the end.
  absl::StatusOr<size_t> Read(char* buffer, size_t size);

  // Nobody reads any more.
  void CloseReader(const absl::Status& status);

 private:
  const size_t capacity_;

  Mutex mutex_;
  CondVar changed_;
  std::string bytes_ ABSL_GUARDED_BY(mutex_);
  bool writer_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool reader_closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status writer_status_ ABSL_GUARDED_BY(mutex_);
  absl::Status reader_status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_BYTE_PIPE_H_
