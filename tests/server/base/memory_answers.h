// Whether tests can see what memory answers.

#ifndef HUBD_TESTS_SERVER_BASE_MEMORY_ANSWERS_H_
#define HUBD_TESTS_SERVER_BASE_MEMORY_ANSWERS_H_

#include <string>

#include "server/base/local_disk.h"
#include "server/base/stat_in_memory.h"

namespace hubd {

// Whether the kernel says from memory what is in `directory`: it is on a disk
// of this machine, and neither an old kernel nor a sandbox forbids the look.
// Asked several times, since a mount at this moment makes it fail, too.
inline bool MemoryAnswers(const std::string& directory) {
  if (!IsOnLocalDisk(directory)) return false;
  for (int i = 0; i < 10; ++i) {
    if (StatInMemory(directory, Links::kKeep).ok()) return true;
  }
  return false;
}

}  // namespace hubd

#endif  // HUBD_TESTS_SERVER_BASE_MEMORY_ANSWERS_H_
