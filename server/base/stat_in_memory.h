// What stat shows, where the kernel has it in memory.

#ifndef HUBD_SERVER_BASE_STAT_IN_MEMORY_H_
#define HUBD_SERVER_BASE_STAT_IN_MEMORY_H_

#include <sys/stat.h>

#include <string>

#include "absl/status/statusor.h"

namespace hubd {

enum class Links { kFollow, kKeep };

// What stat shows of `path`, or lstat where `links` are not followed: device,
// inode, type, mode, size and the times of the last change; the rest is
// zero. Waits for no disk and no server, so that any thread may ask.
//
// NOT_FOUND: nothing is there. UNAVAILABLE: who may wait has to look, as
// always where the kernel cannot be asked like this. Of what another machine
// serves it may be out of date.
absl::StatusOr<struct stat> StatInMemory(const std::string& path, Links links);

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_STAT_IN_MEMORY_H_
