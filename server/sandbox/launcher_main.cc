// The program of the launcher stage; see launcher.h.

#include <unistd.h>

#include "server/sandbox/launcher.h"

int main() {
  // Without exit handlers: a leak check fails under a sandbox's limits.
  ::_exit(hubd::SandboxLaunchMain());
}
