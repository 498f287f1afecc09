// The program of the launcher stage; see launcher.h.

#include <sys/prctl.h>
#include <unistd.h>

#include "server/sandbox/launcher.h"

int main() {
  // For ps: a program from memory is called by its descriptor's number.
  ::prctl(PR_SET_NAME, "hubd-launcher");
  // Without exit handlers: a leak check fails under a sandbox's limits.
  ::_exit(hubd::SandboxLaunchMain());
}
