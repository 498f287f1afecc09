// hubctl's command line.

#ifndef HUBD_CLIENT_CLI_ARGUMENTS_H_
#define HUBD_CLIENT_CLI_ARGUMENTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"

namespace hubd {

enum class Command {
  kList,
  kHelp,
  kLoad,
  kFetch,
  kLock,
  kImport,
  kGetDir,
  kStatus,
  kWhoami,
  kCacheLs,
  kCacheVerify,
  kCacheRepair,
  kCachePrune,
  kJobsLs,
  kJobsWatch,
  kJobsCancel,
  kJobsLimit,
  kTrustLs,
  kTrustAdd,
  kTrustRm,
  kTrustCheck,
  kRun,
};

// What the user asked for. A value.
struct Arguments {
  Command command = Command::kStatus;

  // Common flags.
  std::string dir = {};
  std::string socket = {};
  std::string python = {};
  bool offline = false;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  bool progress = true;
  // Of the command as a whole; absent: no limit.
  std::optional<absl::Duration> timeout = {};

  // Of list, help, load, trust, cache verify and cache repair.
  std::string repo = {};
  std::string entrypoint = {};

  // Of cache verify and cache repair.
  bool quick = false;

  // Of list, help, load and fetch: only what this file has; empty: no lock. Of
  // lock: the file to write.
  std::string lock_file = {};
  // Of lock: repos and URLs.
  std::vector<std::string> things = {};

  // Of import. As typed; and repos that have a directory there.
  std::string directory = {};
  std::vector<std::string> repos = {};

  // Of fetch.
  std::string url = {};
  std::string to = {};
  std::string sha256 = {};
  bool refresh = false;
  bool any = false;
  bool check_hash = true;

  // Of jobs cancel and limit: the job; nullopt: none was named.
  std::optional<int64_t> job = {};
  // Of jobs limit: the host; empty: none was named. Bytes a second; 0: none.
  std::string host = {};
  int64_t rate = 0;

  // Of run: the program and its arguments.
  std::vector<std::string> program = {};
};

// Nothing is to be done but to print and to end: --help, --version, misuse.
struct EarlyExit {
  int code = 0;
  std::string out;
  std::string err;
};

// Reads the command line, and HUBD_TIMEOUT where it names no time.
std::variant<Arguments, EarlyExit> ParseArguments(int argc,
                                                  const char* const* argv);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_ARGUMENTS_H_
