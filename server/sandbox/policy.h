// What one sandbox may see, use and take: a value.

#ifndef HUBD_SERVER_SANDBOX_POLICY_H_
#define HUBD_SERVER_SANDBOX_POLICY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace hubd {

// Whatever is not named here is not in the sandbox, but for the system's /usr
// and a few files of /etc and /sys that programs need to start. Nothing in it
// can be written.
struct SandboxPolicy {
  // A file or directory of the host, read-only.
  struct Bind {
    std::string source;
    std::string target;
  };

  // A read-only file that exists in the sandbox only.
  struct DataFile {
    std::string target;
    std::string bytes;
  };

  // A symbolic link.
  struct Link {
    std::string target;
    std::string points_to;
  };

  struct Variable {
    std::string name;
    std::string value;
  };

  struct Limits {
    // Wall clock of the run; also the processor time of each process.
    absl::Duration time = absl::Seconds(60);
    // Memory of all processes together. A watchdog looks 20 times a second, so
    // a run can pass it for a moment.
    int64_t memory_bytes = int64_t{2} << 30;
    // How much of the output is kept, and how much ends the run.
    int64_t output_bytes = 64 << 10;
    int64_t max_output_bytes = 8 << 20;
    // A longer result ends the run.
    int64_t result_bytes = 4 << 20;
    // The longest file that a process may write, where it can write one.
    int64_t file_bytes = 64 << 20;
    // Of each process.
    int open_files = 256;
    // Of all processes together, since the kernel's buffers for them count as
    // nobody's memory. More end the run as too much memory does.
    int sockets = 256;
  };

  std::string bubblewrap = "/usr/bin/bwrap";
  // A target inside an earlier target hides what is there.
  std::vector<Bind> binds;
  std::vector<DataFile> data_files;
  std::vector<Link> links;
  Limits limits;
  // Whether IP sockets can be made: they reach the sandbox's own loopback only.
  bool inet = false;
  // The whole environment.
  std::vector<Variable> environment;
  // The program, absolute, and its arguments.
  std::vector<std::string> argv;
  std::string working_directory = "/tmp";
};

// The policy under which a hubconf.py is inspected, without a program: no
// network, no home, no writable file, sockets on its own loopback.
SandboxPolicy InspectPolicy();

}  // namespace hubd

#endif  // HUBD_SERVER_SANDBOX_POLICY_H_
