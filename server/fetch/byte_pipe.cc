#include "server/fetch/byte_pipe.h"

#include <algorithm>
#include <cstring>

namespace hubd {

absl::Status BytePipe::Write(absl::string_view bytes) {
  MutexLock lock(mutex_);
  while (!bytes.empty()) {
    while (bytes_.size() >= capacity_ && !reader_closed_) {
      changed_.Wait(mutex_);
    }
    if (reader_closed_) return reader_status_;
    size_t count = std::min(bytes.size(), capacity_ - bytes_.size());
    bytes_.append(bytes.data(), count);
    bytes.remove_prefix(count);
    changed_.NotifyAll();
  }
  return absl::OkStatus();
}

void BytePipe::CloseWriter(const absl::Status& status) {
  MutexLock lock(mutex_);
  writer_closed_ = true;
  writer_status_ = status;
  changed_.NotifyAll();
}

absl::StatusOr<size_t> BytePipe::Read(char* buffer, size_t size) {
  MutexLock lock(mutex_);
  while (bytes_.empty() && !writer_closed_) changed_.Wait(mutex_);
  // Bytes of a transfer that failed are not worth looking at.
  if (writer_closed_ && !writer_status_.ok()) return writer_status_;
  size_t count = std::min(size, bytes_.size());
  std::memcpy(buffer, bytes_.data(), count);
  bytes_.erase(0, count);
  changed_.NotifyAll();
  return count;
}

void BytePipe::CloseReader(const absl::Status& status) {
  MutexLock lock(mutex_);
  reader_closed_ = true;
  reader_status_ = status;
  changed_.NotifyAll();
}

}  // namespace hubd
