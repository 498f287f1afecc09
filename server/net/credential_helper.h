// Logins that a caller keeps with git: its credential helpers.

#ifndef HUBD_SERVER_NET_CREDENTIAL_HELPER_H_
#define HUBD_SERVER_NET_CREDENTIAL_HELPER_H_

#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/caller_environment.h"
#include "server/net/url_policy.h"

namespace hubd {

// A secret.
struct HelperLogin {
  std::string user;
  std::string password;
  // All that git said, to be told to it again.
  std::string said;
};

// Asks `git credential` as the caller would: with the caller's configuration,
// HOME and PATH, but without a terminal or a question. REQUIRES: the caller's
// uid is the daemon's own (or root, which lends what it likes).
//
// Thread-compatible. Calls block, and take as long as `timeout` at most; what
// takes longer is killed, as on a stop.
class CredentialHelper {
 public:
  CredentialHelper(LentEnvironment environment, absl::Duration timeout)
      : environment_(std::move(environment)), timeout_(timeout) {}

  // The login for the repository at `url`. NOT_FOUND where no helper has one;
  // INVALID_ARGUMENT where what git says is none, or over 16 KiB;
  // DEADLINE_EXCEEDED, CANCELLED; FAILED_PRECONDITION where git is not
  // installed. No message holds a word of a helper's.
  absl::StatusOr<HelperLogin> Fill(const Url& url,
                                   const std::stop_token& stop) const;

  // Tells the helpers that a host took the login, or refused it, so that they
  // keep or forget it. Their failures do not matter.
  void Approve(const HelperLogin& login, const std::stop_token& stop) const;
  void Reject(const HelperLogin& login, const std::stop_token& stop) const;

 private:
  // What `git credential VERB` answers to `input`.
  absl::StatusOr<std::string> Ask(const char* verb, const std::string& input,
                                  const std::stop_token& stop) const;

  const LentEnvironment environment_;
  const absl::Duration timeout_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_NET_CREDENTIAL_HELPER_H_
