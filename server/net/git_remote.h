// What a git host says about its refs.

#ifndef HUBD_SERVER_NET_GIT_REMOTE_H_
#define HUBD_SERVER_NET_GIT_REMOTE_H_

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/repo.h"
#include "server/net/credentials.h"
#include "server/net/git_source.h"
#include "server/net/http_transport.h"

namespace hubd {

// Thread-safe. Calls block.
class GitRemote {
 public:
  virtual ~GitRemote() = default;

  // Asks a git repository (a RepoId::Url()) for all its refs. Branches and tags
  // only, tags peeled. Redirects are followed, and where https://.../name is
  // nothing name.git is asked for. What is private is asked for as the source's
  // caller (caller_http.h). By SSH or on this machine the errors are those of
  // TunnelAdvertisement. Over HTTPS: REPO_NOT_FOUND
  // (404, and 401 as GitHub answers for what is not there or private),
  // RATE_LIMITED, UPSTREAM_FORBIDDEN, UPSTREAM_UNAVAILABLE (also when the
  // answer is no advertisement, is over max_bytes or takes longer than
  // timeout), CANCELLED.
  virtual absl::StatusOr<Advertisement> ListRefs(const GitSource& source,
                                                 std::stop_token stop) = 0;
};

struct GitRemoteOptions {
  CredentialOptions credentials = {};
  // The host must connect and begin to answer within this time.
  absl::Duration connect_timeout = absl::Seconds(3);
  absl::Duration timeout = absl::Seconds(60);
  int64_t max_bytes = 64 << 20;
};

// libgit2's advertisement over `http`, so that time-outs, proxies, certificates
// and the URL policy are those of every other request. `http` must outlive it.
std::unique_ptr<GitRemote> CreateGitRemote(HttpTransport& http,
                                           GitRemoteOptions options);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_GIT_REMOTE_H_
