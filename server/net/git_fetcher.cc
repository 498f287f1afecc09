#include "server/net/git_fetcher.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/base/fs.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/net/caller_http.h"
#include "server/net/git_program.h"
#include "server/net/git_response.h"
#include "server/net/git_tunnel.h"

namespace hubd {
namespace {

// A name is printed with each of its settings.
constexpr size_t kMaxSettings = 16 << 20;
constexpr char kRemote[] = "fd::3";
static_assert(kGitRemoteFd == 3);
constexpr char kBranches[] = "+refs/heads/*:refs/heads/*";
// For --filter.
constexpr char kWithFiles[] = "--no-filter";
constexpr char kWithoutFiles[] = "--filter=blob:none";
constexpr char kTags[] = "+refs/tags/*:refs/tags/*";
// Highest of all in precedence: nothing that a tree's own attributes say may
// change what is written.
constexpr char kAttributes[] =
    "* -export-ignore -export-subst -ident -text -filter !eol "
    "!working-tree-encoding\n";

struct Pair {
  UniqueFd ours;
  UniqueFd gits;
};

absl::StatusOr<Pair> MakeSocketPair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return ErrnoError(errno, "cannot make sockets for git");
  }
  return Pair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

absl::StatusOr<Pair> MakePipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) {
    return ErrnoError(errno, "cannot make a pipe for git");
  }
  return Pair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

absl::Status IgnoreAttributes(const std::string& directory) {
  const std::string info = absl::StrCat(directory, "/info");
  HUBD_RETURN_IF_ERROR(MakeDirectories(info, 0700));
  return WriteFileDurably(absl::StrCat(info, "/attributes"), kAttributes, 0600);
}

class ChildGitFetcher final : public GitFetcher {
 public:
  ChildGitFetcher(HttpTransport& http, const GitFetcherOptions& options)
      : http_(http), options_(options) {}

  absl::StatusOr<std::string> FindCommit(const GitSource& source,
                                         const std::string& prefix,
                                         const std::string& directory,
                                         std::stop_token stop) override;
  absl::Status FetchFiles(
      const GitSource& source, const std::string& commit,
      const std::string& directory,
      const std::function<void(int64_t)>& received,
      const std::function<absl::Status(absl::string_view)>& sink,
      std::stop_token stop) override;
  absl::StatusOr<std::vector<GitSubmodule>> ListSubmodules(
      const GitSource& source, const std::string& commit,
      const std::string& modules, const std::string& directory,
      std::stop_token stop) override;

 private:
  // Makes `directory` a bare repository and fetches into it.
  absl::Status Fetch(const GitSource& source, const std::string& directory,
                     std::vector<std::string> what, absl::Time deadline,
                     const GitRelayOptions& relay,
                     const std::function<void(int64_t)>& received,
                     const std::stop_token& stop);

  // A commit without its history; `filter` as git takes it.
  absl::Status FetchCommit(const GitSource& source, const std::string& commit,
                           const std::string& directory, absl::Time deadline,
                           const std::string& filter,
                           const std::function<void(int64_t)>& received,
                           const std::stop_token& stop);
  // Serves the git at the other end of `socket`.
  absl::Status Serve(const GitSource& source, int socket, absl::Time deadline,
                     const GitRelayOptions& relay,
                     const std::function<void(int64_t)>& received,
                     const std::stop_token& stop);

  HttpTransport& http_;
  const GitFetcherOptions options_;
};

// What an error of git means for who asked for `url`.
absl::Status FailureOf(const absl::Status& status, const std::string& url,
                       const std::string& what) {
  const std::string said(status.message());
  if (absl::IsDeadlineExceeded(status)) {
    return GitUnavailable(url, "timeout", said);
  }
  if (!absl::IsAborted(status)) return status;
  if (absl::StrContains(said, "No space left on device")) {
    return Annotate(ErrnoError(ENOSPC, said),
                    absl::StrCat("cannot fetch ", RedactUrl(url)));
  }
  if (absl::StrContains(said, "not our ref")) {
    return ReasonError(
        Reason::kRefNotFound,
        absl::StrCat("Cannot find ", what, " in ", RedactUrl(url),
                     ": the host has no such commit"),
        {{"url", RedactUrl(url)}, {"ref", what}});
  }
  return GitUnavailable(url, "protocol", said);
}

// What `what` of a repository is where git, which received it, ends with
// `failure`.
absl::Status Unreadable(absl::string_view what, const absl::Status& failure,
                        const std::string& url) {
  return ReasonError(
      Reason::kBadArchive,
      absl::StrCat(what, " cannot be read: ", std::string(failure.message())),
      {{"url", RedactUrl(url)}});
}

absl::Status ChildGitFetcher::Serve(
    const GitSource& source, int socket, absl::Time deadline,
    const GitRelayOptions& relay, const std::function<void(int64_t)>& received,
    const std::stop_token& stop) {
  if (IsTunnelled(source.url)) {
    return TunnelGit(source, socket, relay, deadline, received, stop);
  }
  CallerHttp http(http_, source, options_.credentials);
  return RelayGit(http, source.url, socket, relay, deadline, received, stop);
}

absl::Status ChildGitFetcher::Fetch(
    const GitSource& source, const std::string& directory,
    std::vector<std::string> what, absl::Time deadline,
    const GitRelayOptions& relay, const std::function<void(int64_t)>& received,
    const std::stop_token& stop) {
  HUBD_RETURN_IF_ERROR(
      RunGit({{"init", "-q", "--bare", "--template="}, directory}, deadline));
  HUBD_ASSIGN_OR_RETURN(Pair sockets, MakeSocketPair());
  what.insert(what.begin(), {"fetch", "--quiet", "--no-tags"});
  HUBD_ASSIGN_OR_RETURN(
      std::unique_ptr<GitProgram> program,
      GitProgram::Start(
          {std::move(what), directory, {}, std::move(sockets.gits)}));
  absl::Status relayed =
      Serve(source, sockets.ours.get(), deadline, relay, received, stop);
  // Why git went away is what git says.
  if (!relayed.ok() && !absl::IsAborted(relayed)) return relayed;
  sockets.ours.reset();
  const std::stop_callback kill(stop, [&] { program->Kill(); });
  absl::Status ended = program->Wait(deadline);
  return stop.stop_requested() ? absl::CancelledError("the fetch was stopped")
                               : ended;
}

// Runs a git in the repository at `directory` and reads what it prints.
absl::Status RunGitIn(
    std::vector<std::string> arguments, const std::string& directory,
    absl::Time deadline,
    const std::function<absl::Status(absl::string_view)>& sink,
    const std::stop_token& stop) {
  HUBD_ASSIGN_OR_RETURN(Pair pipe, MakePipe());
  HUBD_ASSIGN_OR_RETURN(std::unique_ptr<GitProgram> program,
                        GitProgram::Start({std::move(arguments), directory,
                                           std::move(pipe.gits)}));
  return ReadGit(*program, pipe.ours, deadline, sink, stop);
}

absl::StatusOr<std::string> ChildGitFetcher::FindCommit(
    const GitSource& source, const std::string& prefix,
    const std::string& directory, std::stop_token stop) {
  const std::string& url = source.url;
  const absl::Time deadline = absl::Now() + options_.timeout;
  GitRelayOptions relay = options_.relay;
  // Without it all files of all refs would come. By SSH they do: whoever keeps
  // a repository there can seldom switch it on.
  relay.ability = "filter";
  if (absl::Status fetched = Fetch(
          source, directory, {"--filter=tree:0", kRemote, kBranches, kTags},
          deadline, relay, [](int64_t) {}, stop);
      !fetched.ok()) {
    return FailureOf(fetched, url, prefix);
  }
  std::set<std::string> found;
  std::string line;
  const auto collect = [&](absl::string_view bytes) {
    for (char byte : bytes) {
      if (byte != '\n') {
        line += byte;
      } else {
        if (absl::StartsWith(line, prefix)) found.insert(line);
        line.clear();
      }
    }
    return absl::OkStatus();
  };
  if (absl::Status read =
          RunGitIn({"rev-list", "--all"}, directory, deadline, collect, stop);
      !read.ok()) {
    return FailureOf(read, url, prefix);
  }
  if (found.size() == 1) return *found.begin();
  const std::string shown = RedactUrl(url);
  return ReasonError(
      Reason::kRefNotFound,
      found.empty()
          ? absl::StrCat("Cannot find ", prefix, " in ", shown,
                         ": it is on no branch or tag; it may be a fork's. "
                         "Name the fork, or skip the validation of its origin")
          : absl::StrCat(prefix, " is the beginning of ", found.size(),
                         " commits of ", shown, "; write more digits"),
      {{"url", shown}, {"ref", prefix}});
}

absl::Status ChildGitFetcher::FetchCommit(
    const GitSource& source, const std::string& commit,
    const std::string& directory, absl::Time deadline,
    const std::string& filter, const std::function<void(int64_t)>& received,
    const std::stop_token& stop) {
  absl::Status fetched =
      Fetch(source, directory, {"--depth=1", filter, kRemote, commit}, deadline,
            options_.relay, received, stop);
  // In version 0, which an sshd that passes no GIT_PROTOCOL on leads to, most
  // hosts give whole branches and tags only.
  if (!absl::StrContains(fetched.message(), "unadvertised object")) {
    return fetched;
  }
  return Fetch(source, directory, {filter, kRemote, kBranches, kTags}, deadline,
               options_.relay, received, stop);
}

absl::Status ChildGitFetcher::FetchFiles(
    const GitSource& source, const std::string& commit,
    const std::string& directory, const std::function<void(int64_t)>& received,
    const std::function<absl::Status(absl::string_view)>& sink,
    std::stop_token stop) {
  const std::string& url = source.url;
  const absl::Time deadline = absl::Now() + options_.timeout;
  if (absl::Status fetched = FetchCommit(source, commit, directory, deadline,
                                         kWithFiles, received, stop);
      !fetched.ok()) {
    return FailureOf(fetched, url, commit);
  }
  if (!source.exported) HUBD_RETURN_IF_ERROR(IgnoreAttributes(directory));
  const absl::Status read =
      RunGitIn({"archive", "--format=tar.gz", "-0", "--prefix=tree/", commit},
               directory, deadline, sink, stop);
  return absl::IsAborted(read) ? Unreadable("the commit", read, url)
                               : FailureOf(read, url, commit);
}

// What git reads in a file of its settings that has the text `modules`.
absl::StatusOr<std::string> ReadSettings(const std::string& modules,
                                         const std::string& directory,
                                         absl::Time deadline,
                                         const std::stop_token& stop) {
  const std::string file = absl::StrCat(directory, "/gitmodules");
  HUBD_RETURN_IF_ERROR(WriteFileDurably(file, modules, 0600));
  std::string settings;
  HUBD_RETURN_IF_ERROR(RunGitIn(
      {"config", "--no-includes", "--file", file, "--list", "-z"}, directory,
      deadline,
      [&](absl::string_view bytes) {
        absl::StrAppend(&settings, bytes);
        return settings.size() <= kMaxSettings
                   ? absl::OkStatus()
                   : ReasonError(Reason::kBadArchive,
                                 ".gitmodules says too much");
      },
      stop));
  return settings;
}

absl::StatusOr<std::vector<GitSubmodule>> ChildGitFetcher::ListSubmodules(
    const GitSource& source, const std::string& commit,
    const std::string& modules, const std::string& directory,
    std::stop_token stop) {
  const std::string& url = source.url;
  const absl::Time deadline = absl::Now() + options_.timeout;
  // A host that cannot leave the files out sends them too.
  if (absl::Status fetched = FetchCommit(
          source, commit, directory, deadline, kWithoutFiles, [](int64_t) {},
          stop);
      !fetched.ok()) {
    return FailureOf(fetched, url, commit);
  }
  GitlinkReader links;
  if (absl::Status read = RunGitIn(
          {"ls-tree", "-r", "-z", "--full-tree", commit}, directory, deadline,
          [&](absl::string_view bytes) { return links.Read(bytes); }, stop);
      !read.ok()) {
    return absl::IsAborted(read) ? Unreadable("the commit", read, url)
                                 : FailureOf(read, url, commit);
  }
  absl::StatusOr<std::string> settings =
      ReadSettings(modules, directory, deadline, stop);
  if (settings.ok()) return WithUrls(links.links(), *settings);
  return absl::IsAborted(settings.status())
             ? Unreadable(".gitmodules", settings.status(), url)
             : FailureOf(settings.status(), url, commit);
}

}  // namespace

std::unique_ptr<GitFetcher> CreateGitFetcher(HttpTransport& http,
                                             const GitFetcherOptions& options) {
  return std::make_unique<ChildGitFetcher>(http, options);
}

}  // namespace hubd
