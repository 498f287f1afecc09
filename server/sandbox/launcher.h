// The launcher stage: from a spawned small program to bubblewrap.
//
// It exists because between spawn and exec only a process of one thread can set
// limits, change its uid and its mounts, and because a large daemon must not be
// forked.

#ifndef HUBD_SERVER_SANDBOX_LAUNCHER_H_
#define HUBD_SERVER_SANDBOX_LAUNCHER_H_

namespace hubd {

// Runs the launcher stage. Its descriptors: 0 to 4 are the payload's, then
// kOrdersFd, kStatusFd and kProgramFd (orders.h). Becomes bubblewrap; returns
// an exit status only when it cannot, with the reason on stderr. REQUIRES:
// called first thing in main(), with one thread.
int SandboxLaunchMain();

}  // namespace hubd

#endif  // HUBD_SERVER_SANDBOX_LAUNCHER_H_
