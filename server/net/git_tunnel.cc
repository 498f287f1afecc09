#include "server/net/git_tunnel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "server/base/repo.h"
#include "server/base/status.h"
#include "server/base/text.h"
#include "server/base/unique_fd.h"
#include "server/net/git_answer.h"
#include "server/net/git_program.h"
#include "server/net/git_response.h"
#include "server/net/ssh_command.h"

namespace hubd {
namespace {

constexpr size_t kPiece = 64 << 10;
constexpr absl::Duration kLook = absl::Milliseconds(200);
// Between a connection and the first byte are a login and a program's start.
constexpr int kLoginFactor = 5;
// What has closed its output ends soon.
constexpr absl::Duration kEnd = absl::Seconds(10);
constexpr size_t kShownWords = 512;
constexpr char kVersion2[] = "GIT_PROTOCOL=version=2";
// Git has none there: the repository is an argument.
constexpr char kNowhere[] = "/nonexistent";

// A running git-upload-pack and our end of its input and output.
struct Server {
  std::unique_ptr<GitProgram> program;
  UniqueFd socket;
};

absl::StatusOr<Server> StartServer(const GitSource& source, bool version_2,
                                   const GitRelayOptions& options) {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
    return ErrnoError(errno, "cannot make sockets for git");
  }
  Server server;
  server.socket = UniqueFd(fds[0]);
  UniqueFd input(fds[1]);
  UniqueFd output(::fcntl(fds[1], F_DUPFD_CLOEXEC, 0));
  if (!output.valid()) return ErrnoError(errno, "cannot copy a descriptor");
  if (IsFileUrl(source.url)) {
    GitCommand command;
    command.arguments = {"-c", "uploadpack.allowFilter=true",
                         // Not only those that a branch or tag stands for.
                         "-c", "uploadpack.allowAnySHA1InWant=true",
                         "upload-pack", "--",
                         std::string(absl::StripPrefix(source.url, "file://"))};
    command.directory = kNowhere;
    command.input = std::move(input);
    command.output = std::move(output);
    HUBD_ASSIGN_OR_RETURN(server.program,
                          GitProgram::Start(std::move(command)));
    return server;
  }
  HUBD_ASSIGN_OR_RETURN(const SshAddress address, ParseSshUrl(source.url));
  SshCommand command;
  command.arguments =
      SshArguments(address, source.environment, options.connect_timeout);
  if (version_2) command.environment = {kVersion2};
  command.input = std::move(input);
  command.output = std::move(output);
  HUBD_ASSIGN_OR_RETURN(server.program, GitProgram::Start(std::move(command)));
  return server;
}

// Of one that ended before its first byte.
absl::Status LocalFailure(absl::string_view url, absl::string_view words) {
  const absl::string_view path = absl::StripPrefix(url, "file://");
  if (absl::StrContains(words, "dubious ownership")) {
    return ReasonError(
        Reason::kUpstreamForbidden,
        absl::StrCat("cannot read ", path,
                     ": it belongs to another user, and what its files say git "
                     "would do; copy it (git clone --bare) and name the copy"),
        {{"url", std::string(url)}, {"cause", "owner"}});
  }
  if (absl::StrContains(words, "not appear to be a git repository") ||
      absl::StrContains(words, "invalid gitfile")) {
    return ReasonError(Reason::kRepoNotFound,
                       absl::StrCat("no git repository is at ", path,
                                    "; check the path, and who may read it"),
                       {{"url", std::string(url)}});
  }
  return GitUnavailable(
      url, "protocol",
      CleanLine(absl::StripAsciiWhitespace(words.substr(0, kShownWords))));
}

absl::Status FailureOf(Server& server, const GitSource& source,
                       absl::Time deadline) {
  absl::Status ended =
      server.program->Wait(std::min(deadline, absl::Now() + kEnd));
  if (absl::IsFailedPrecondition(ended)) return ended;
  const std::string words = server.program->Words();
  return IsFileUrl(source.url)
             ? LocalFailure(source.url, words)
             : SshFailure(source.url, words, source.environment);
}

absl::Status Silence(const GitSource& source) {
  return GitUnavailable(source.url, "timeout", "the host does not answer");
}

absl::Status TooMuch(const GitSource& source, const GitRelayOptions& options) {
  return GitUnavailable(
      source.url, "protocol",
      absl::StrCat("it sends over ", options.max_bytes, " bytes"));
}

absl::Status NotGit(const GitSource& source) {
  return GitUnavailable(source.url, "protocol",
                        "what it says is not git's protocol");
}

// One of the two directions.
struct Flow {
  int from;
  int to;
  std::string bytes = {};
  bool ended = false;

  // Nothing is read on that is not yet written: each side waits for the other.
  bool reads() const { return bytes.empty() && !ended; }
};

class Tunnel {
 public:
  Tunnel(Server server, const GitSource& source, int git,
         const GitRelayOptions& options, absl::Time deadline,
         const std::function<void(int64_t)>& received)
      : server_(std::move(server)),
        source_(source),
        options_(options),
        deadline_(deadline),
        received_(received),
        up_{git, server_.socket.get()},
        down_{server_.socket.get(), git} {}

  absl::Status Run(const std::stop_token& stop);

 private:
  absl::Status Read(Flow& flow);
  void Write(Flow& flow);
  // What came from the server.
  absl::Status Note(absl::string_view bytes);
  // Until something can be moved, for a while.
  void Poll();
  // Whether nobody reads what is to be git's.
  bool GitIsGone() const;

  Server server_;
  const GitSource& source_;
  const GitRelayOptions& options_;
  const absl::Time deadline_;
  const std::function<void(int64_t)>& received_;
  Flow up_;
  Flow down_;
  AnswerEnd answer_;
  int64_t bytes_ = 0;
  // Whether the server is to speak: at first, and after what git says, until
  // its answer ends.
  bool asked_ = true;
  absl::Time moved_at_ = absl::Now();
};

absl::Status Tunnel::Note(absl::string_view bytes) {
  bytes_ += bytes.size();
  if (bytes_ > options_.max_bytes) return TooMuch(source_, options_);
  if (!answer_.Follow(bytes)) return NotGit(source_);
  asked_ = !answer_.ended();
  received_(bytes_);
  return absl::OkStatus();
}

absl::Status Tunnel::Read(Flow& flow) {
  if (!flow.reads()) return absl::OkStatus();
  flow.bytes.resize(kPiece);
  const ssize_t got =
      ::recv(flow.from, flow.bytes.data(), flow.bytes.size(), MSG_DONTWAIT);
  const int error = errno;
  flow.bytes.resize(std::max<ssize_t>(got, 0));
  if (got < 0) {
    flow.ended = error != EAGAIN && error != EINTR;
    return absl::OkStatus();
  }
  moved_at_ = absl::Now();
  flow.ended = got == 0;
  return &flow == &down_ ? Note(flow.bytes) : absl::OkStatus();
}

void Tunnel::Write(Flow& flow) {
  if (flow.bytes.empty()) return;
  const ssize_t sent = ::send(flow.to, flow.bytes.data(), flow.bytes.size(),
                              MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
  moved_at_ = absl::Now();
  if (&flow == &up_) asked_ = true;
  // Where nobody reads any more, that side ends, too.
  flow.bytes.erase(0, sent < 0 ? flow.bytes.size() : sent);
}

void Tunnel::Poll() {
  const auto events = [](const Flow& in, const Flow& out) -> int16_t {
    return static_cast<int16_t>((in.reads() ? POLLIN : 0) |
                                (out.bytes.empty() ? 0 : POLLOUT));
  };
  pollfd ends[] = {{up_.from, events(up_, down_), 0},
                   {down_.from, events(down_, up_), 0}};
  // An end that is closed would be told at once, and again.
  for (pollfd& end : ends) {
    if (end.events == 0) end.fd = -1;
  }
  ::poll(ends, 2, absl::ToInt64Milliseconds(kLook));
}

bool Tunnel::GitIsGone() const {
  pollfd git = {down_.to, 0, 0};
  return ::poll(&git, 1, 0) > 0;
}

absl::Status Tunnel::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    for (Flow* flow : {&up_, &down_}) {
      HUBD_RETURN_IF_ERROR(Read(*flow));
      Write(*flow);
    }
    if (up_.ended && up_.bytes.empty()) {
      if (GitIsGone()) return absl::OkStatus();
      // Git has asked all. What is still to come comes, then the server ends.
      ::shutdown(up_.to, SHUT_WR);
      asked_ = true;
    }
    if (down_.ended && down_.bytes.empty()) {
      return bytes_ > 0 ? absl::OkStatus()
                        : FailureOf(server_, source_, deadline_);
    }
    const absl::Time now = absl::Now();
    if (now > deadline_) return absl::DeadlineExceededError("it took too long");
    const absl::Duration patience =
        bytes_ > 0 ? options_.stall_timeout
                   : options_.connect_timeout * kLoginFactor;
    if (asked_ && now - moved_at_ > patience) return Silence(source_);
    Poll();
  }
  return absl::CancelledError("the fetch was stopped");
}

// As recv; EAGAIN where nothing comes for a while.
ssize_t ReadSome(const UniqueFd& socket, std::string& piece) {
  pollfd wanted = {socket.get(), POLLIN, 0};
  ::poll(&wanted, 1, absl::ToInt64Milliseconds(kLook));
  return ::recv(socket.get(), piece.data(), piece.size(), MSG_DONTWAIT);
}

}  // namespace

bool IsTunnelled(absl::string_view url) {
  return IsSshUrl(url) || IsFileUrl(url);
}

absl::StatusOr<std::string> TunnelAdvertisement(const GitSource& source,
                                                const GitRelayOptions& options,
                                                absl::Time deadline,
                                                const std::stop_token& stop) {
  HUBD_ASSIGN_OR_RETURN(Server server,
                        StartServer(source, /*version_2=*/false, options));
  const absl::Time first =
      std::min(deadline, absl::Now() + options.connect_timeout * kLoginFactor);
  std::string text;
  std::string piece(kPiece, '\0');
  AnswerEnd answer;
  while (!answer.ended()) {
    if (stop.stop_requested()) {
      return absl::CancelledError("the question was stopped");
    }
    if (absl::Now() > (text.empty() ? first : deadline)) return Silence(source);
    const ssize_t got = ReadSome(server.socket, piece);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got <= 0 && text.empty()) return FailureOf(server, source, deadline);
    if (got <= 0) return NotGit(source);
    const absl::string_view bytes(piece.data(), got);
    text.append(piece, 0, got);
    if (static_cast<int64_t>(text.size()) > options.max_bytes) {
      return TooMuch(source, options);
    }
    if (!answer.Follow(bytes)) return NotGit(source);
  }
  return text;
}

absl::Status TunnelGit(const GitSource& source, int socket,
                       const GitRelayOptions& options, absl::Time deadline,
                       const std::function<void(int64_t)>& received,
                       const std::stop_token& stop) {
  HUBD_ASSIGN_OR_RETURN(Server server,
                        StartServer(source, /*version_2=*/true, options));
  return Tunnel(std::move(server), source, socket, options, deadline, received)
      .Run(stop);
}

}  // namespace hubd
