// How a repository is reached by SSH.

#ifndef HUBD_SERVER_NET_SSH_COMMAND_H_
#define HUBD_SERVER_NET_SSH_COMMAND_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/caller_environment.h"

namespace hubd {

// A value.
struct SshAddress {
  // Empty: ssh's own choice.
  std::string user;
  std::string host;
  // 0: the usual one.
  int port = 0;
  // As the host reads it: "/srv/git/name.git", "~/name".
  std::string path;
};

// The parts of a RepoId::Url() that IsSshUrl. INVALID_REPO where a part could
// be taken for more than it is by ssh or by a shell.
absl::StatusOr<SshAddress> ParseSshUrl(absl::string_view url);

// What follows "ssh" to run the git-upload-pack of a repository. No
// configuration is read and nothing asked: the host's key must be in the lent
// HOME's known_hosts or the system's; the keys are those of the lent agent and
// the usual files of that HOME. Of the environment GIT_PROTOCOL goes along.
std::vector<std::string> SshArguments(const SshAddress& address,
                                      const LentEnvironment& environment,
                                      absl::Duration connect_timeout);

// What it means that `words` were all that ssh and the host said: UPSTREAM_
// FORBIDDEN (the host's key, cause "host_key"; the caller's, cause "key"),
// REPO_NOT_FOUND, or UPSTREAM_UNAVAILABLE; with the way out.
absl::Status SshFailure(absl::string_view url, absl::string_view words,
                        const LentEnvironment& environment);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_SSH_COMMAND_H_
