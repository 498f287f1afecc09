// What a caller can show a host that refuses a request of nobody's.

#ifndef HUBD_SERVER_NET_CREDENTIALS_H_
#define HUBD_SERVER_NET_CREDENTIALS_H_

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "server/net/credential_helper.h"
#include "server/net/git_source.h"
#include "server/net/http_transport.h"
#include "server/net/url_policy.h"

namespace hubd {

struct CredentialOptions {
  // Whether what callers lend is used at all: not by a daemon that serves many
  // users, to whom it would give what only one of them may see, or what came
  // by one's proxy.
  bool heeded = true;
  // A helper that takes longer is killed.
  absl::Duration helper_timeout = absl::Seconds(10);
};

// One of them. A secret.
struct Credential {
  // As messages call it: "GITHUB_TOKEN".
  std::string name;
  // "Authorization: ..."; empty for that of a netrc file.
  std::string header;
  std::string netrc_file;
  // Where it is a credential helper's.
  std::optional<HelperLogin> login;
};

// The credentials for one repository, in the order in which they are tried:
//   1. GITHUB_TOKEN, else GH_TOKEN: for https://github.com alone;
//   2. what the netrc file ($NETRC, else ~/.netrc) has for the host;
//   3. what `git credential` has for the repository.
// Each is looked for when its turn comes. Values with control bytes are no
// candidates. Thread-compatible.
class Credentials {
 public:
  // `limited`: the host refused since it was asked too often, against which
  // only a token helps.
  Credentials(const GitSource& source, const Url& url,
              const CredentialOptions& options, bool limited);

  // The next one; nullopt after the last, or when stopped. May wait for a
  // helper.
  std::optional<Credential> Next(const std::stop_token& stop);

  // The host took it, or did not, and answered so. Git's helpers are told; to
  // forget it only on 401, which says that it is none: 403 and 404 say that
  // it is not enough. May wait for a helper.
  void Accept(const Credential& credential, const std::stop_token& stop);
  void Refuse(const Credential& credential, const HttpResponse& response,
              const std::stop_token& stop);

  // What was tried, why none of it helped, and the way out; for the end of a
  // message: "; GITHUB_TOKEN is not set; ...". Holds no secret.
  std::string Explain() const;

 private:
  std::optional<Credential> Token();
  std::optional<Credential> Netrc();
  std::optional<Credential> Helper(const std::stop_token& stop);

  const std::string source_url_;
  const LentEnvironment environment_;
  const Url url_;
  const bool heeded_;
  const bool limited_;
  const absl::Duration helper_timeout_;
  const CredentialHelper helper_;
  int next_ = 0;
  std::vector<std::string> notes_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_NET_CREDENTIALS_H_
