// The daemon's configuration file: TOML, as a value.

#ifndef HUBD_SERVER_DAEMON_CONFIG_H_
#define HUBD_SERVER_DAEMON_CONFIG_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/net/mirrors.h"

namespace hubd {

// One struct per table of the file, one member per key, with the built-in
// values.
struct Config {
  // "user": for one user, started by a client. "system": for all users.
  enum class Mode { kUser, kSystem };

  struct Daemon {
    Mode mode = Mode::kUser;
    // A user daemon that nobody has called for this long exits; zero: never. A
    // system daemon never does.
    absl::Duration idle_exit = absl::Minutes(10);
    // After SIGTERM the daemon is gone within this time.
    absl::Duration drain_timeout = absl::Seconds(30);
    bool reflection = false;
  };

  struct Net {
    // PEM file that replaces the system's certificates; empty: the system's.
    std::string ca_file;
    std::string proxy;
    // "HOST:PORT:HOST:PORT".
    std::vector<std::string> connect_to;
    // "ADDRESS", "ADDRESS:PORT", "ADDRESS/BITS".
    std::vector<std::string> allow_address;
    bool allow_http = false;
    absl::Duration connect_timeout = absl::Seconds(15);
    absl::Duration stall_timeout = absl::Seconds(30);
    // Bytes a second.
    int64_t stall_rate = 1024;
    int64_t max_redirects = 10;
    // Requests for a checkpoint in a row without progress, until it fails.
    int64_t tries = 5;
    // The longest wait before the second one; it doubles with each further one.
    absl::Duration retry_base = absl::Milliseconds(100);
    // The longest wait that an origin may ask for, until the request fails.
    absl::Duration retry_max_wait = absl::Seconds(120);
    // Of one download, and of all downloads from one host.
    int64_t connections_per_object = 16;
    int64_t connections_per_host = 32;
    // Bytes a second that the daemon may receive over HTTP as a whole, but for
    // lists of refs; 0: no limit.
    int64_t bandwidth = 0;
  };

  struct Cache {
    // How long what has come of a download is kept without a caller.
    absl::Duration partial_age = absl::Hours(24 * 7);
    // Bytes of the file system that stay free; absent: Space decides.
    std::optional<int64_t> min_free = {};
    // The most that the cache may take; absent: no limit.
    std::optional<int64_t> max_bytes = {};
  };

  struct Refs {
    // How long an answer about refs is taken without asking again.
    absl::Duration ttl = absl::Minutes(5);
    // How long a host is not asked again for what it said it does not have.
    absl::Duration negative_ttl = absl::Seconds(30);
    // How long a git host may take to connect and begin its answer.
    absl::Duration timeout = absl::Seconds(3);
  };

  // What an archive may unpack to.
  struct Tree {
    int64_t max_entries = 200'000;
    int64_t max_bytes = int64_t{8} << 30;
    // Unpacked bytes for each packed one.
    int64_t max_ratio = 200;
  };

  // What one sandboxed job gets.
  struct Sandbox {
    absl::Duration time = absl::Seconds(60);
    int64_t memory = int64_t{2} << 30;
    int64_t output = 64 << 10;
  };

  Daemon daemon;
  Net net;
  Cache cache;
  Refs refs;
  // One for each [[mirror]]; no two of one `from`.
  std::vector<Mirror> mirrors;
  Tree tree;
  Sandbox sandbox;
};

// Reads the text of a file called `file`. INVALID_ARGUMENT names file, line and
// key: a syntax error, a value that is not what the key takes, or an unknown
// key with the nearest known one.
absl::StatusOr<Config> ParseConfig(absl::string_view text,
                                   absl::string_view file);

// The file to read: `flag` where given, else $HUBD_CONFIG, else the first that
// exists of HOME/.config/hubd/hubd.toml and /etc/hubd/hubd.toml; nullopt where
// there is none.
std::optional<std::string> FindConfigFile(
    const std::optional<std::string>& flag);

// Reads a file; one that is not there is an error.
absl::StatusOr<Config> ReadConfig(const std::string& file);

}  // namespace hubd

#endif  // HUBD_SERVER_DAEMON_CONFIG_H_
