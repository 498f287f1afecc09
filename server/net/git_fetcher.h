// Git objects of a remote: what its list of refs does not tell.

#ifndef HUBD_SERVER_NET_GIT_FETCHER_H_
#define HUBD_SERVER_NET_GIT_FETCHER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/net/credentials.h"
#include "server/net/git_relay.h"
#include "server/net/git_source.h"
#include "server/net/git_submodules.h"
#include "server/net/http_transport.h"

namespace hubd {

// Thread-safe. Calls block, and use an existing, empty directory on the disk of
// the caller's choice for what they receive; the caller removes it. What is
// private is asked for as the source's caller (caller_http.h). Common errors:
// those of RelayGit or TunnelGit; UPSTREAM_UNAVAILABLE where what the host
// sends is no sound pack; FAILED_PRECONDITION where git is not installed.
class GitFetcher {
 public:
  virtual ~GitFetcher() = default;

  // The id of the commit that begins with `prefix` (hex digits) and is
  // on a branch or tag of the repository, or before one. Receives all
  // such commits, but no files. REF_NOT_FOUND where there is none, as for one
  // that only a fork has, or where several begin so.
  virtual absl::StatusOr<std::string> FindCommit(const GitSource& source,
                                                 const std::string& prefix,
                                                 const std::string& directory,
                                                 std::stop_token stop) = 0;

  // Receives the files of one commit, without its history, and gives them to
  // `sink` as a tar.gz with one top folder and the commit's id in its header.
  // The attributes export-ignore and export-subst have no effect, unless the
  // source says so: these are the commit's own files. Every object's id was
  // compared with its bytes. `received` is told of all bytes so far.
  // BAD_ARCHIVE where the host gives what cannot be read; an error of `sink` is
  // returned as it is.
  virtual absl::Status FetchFiles(
      const GitSource& source, const std::string& commit,
      const std::string& directory,
      const std::function<void(int64_t)>& received,
      const std::function<absl::Status(absl::string_view)>& sink,
      std::stop_token stop) = 0;

  // The submodules of a commit, whose .gitmodules has the text `modules`; git
  // reads it. Receives the commit without its files, where the host can leave
  // them out. BAD_ARCHIVE where git cannot read the text, or the commit.
  virtual absl::StatusOr<std::vector<GitSubmodule>> ListSubmodules(
      const GitSource& source, const std::string& commit,
      const std::string& modules, const std::string& directory,
      std::stop_token stop) = 0;
};

struct GitFetcherOptions {
  CredentialOptions credentials = {};
  GitRelayOptions relay;
  // The whole of one call may take so long.
  absl::Duration timeout = absl::Hours(1);
};

// By Debian's git in a child without a network (git_program.h), its questions
// answered over `http`, which must outlive it.
std::unique_ptr<GitFetcher> CreateGitFetcher(HttpTransport& http,
                                             const GitFetcherOptions& options);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_GIT_FETCHER_H_
