// How much memory the processes of a sandbox hold.

#ifndef HUBD_SERVER_SANDBOX_BOX_MEMORY_H_
#define HUBD_SERVER_SANDBOX_BOX_MEMORY_H_

#include <sys/types.h>

#include <cstdint>

namespace hubd {

// Whether `root` and all its descendants together hold more than `limit` bytes
// of anonymous and shared memory, page tables and swap; pages of files do not
// count, nor does what the kernel keeps in pipes and sockets. False when `root`
// is gone. Orphans in a pid namespace become children of its first process, so
// none is missed when that is `root`.
bool TreeHoldsMoreThan(pid_t root, int64_t limit);

// The sockets of the network namespace of `pid`, also those in flight; 0 when
// it is gone. What they buffer is in no process's sum.
int SocketsBeside(pid_t pid);

// Whether this kernel lists a process's children (CONFIG_PROC_CHILDREN), which
// TreeHoldsMoreThan needs.
bool CanMeasureTrees();

}  // namespace hubd

#endif  // HUBD_SERVER_SANDBOX_BOX_MEMORY_H_
