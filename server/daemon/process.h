// The daemon's process: signals and limits.
//
// SIGTERM and SIGINT are taken by the main thread, which waits for them and
// for nothing else; there is no handler, so nothing runs between two
// instructions of other code.

#ifndef HUBD_SERVER_DAEMON_PROCESS_H_
#define HUBD_SERVER_DAEMON_PROCESS_H_

#include "absl/time/time.h"

namespace hubd {

// Blocks SIGTERM and SIGINT here and in every thread made from here on; ignores
// SIGHUP, SIGPIPE and SIGXFSZ, of which the first must not end a daemon and the
// others come back as errors of the calls. Raises the limit of descriptors to
// the hard one. Sets the umask to 022: what others may not read has a mode of
// its own.
// REQUIRES: called by the main thread before there is another.
void PrepareProcess();

// Whether a SIGTERM or SIGINT came within `timeout`; takes it.
bool WaitForStopSignal(absl::Duration timeout);

}  // namespace hubd

#endif  // HUBD_SERVER_DAEMON_PROCESS_H_
