#include "server/net/credential_helper.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/net/git_program.h"

namespace hubd {
namespace {

// Below what a pipe holds, so that all of it is written before git reads.
constexpr size_t kMaxInput = 32 << 10;
constexpr size_t kMaxAnswer = 16 << 10;

// By these, of all that is lent, programs find a user's things.
constexpr const char* kPassedOn[] = {"DBUS_SESSION_BUS_ADDRESS",
                                     "GH_TOKEN",
                                     "GITHUB_TOKEN",
                                     "GIT_CONFIG_GLOBAL",
                                     "HOME",
                                     "PATH",
                                     "SSH_AUTH_SOCK",
                                     "XDG_CACHE_HOME",
                                     "XDG_CONFIG_HOME",
                                     "XDG_RUNTIME_DIR"};

// An empty GIT_ASKPASS keeps git from core.askPass and SSH_ASKPASS, too; the
// repository that is none, from the configuration of where the daemon began.
constexpr const char* kNoQuestions[] = {
    "GCM_INTERACTIVE=never", "GIT_ASKPASS=", "GIT_DIR=/dev/null",
    "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",     "SSH_ASKPASS="};

std::vector<std::string> EnvironmentOf(const LentEnvironment& lent) {
  std::vector<std::string> environment(std::begin(kNoQuestions),
                                       std::end(kNoQuestions));
  for (const char* name : kPassedOn) {
    if (lent != nullptr && lent->contains(name)) {
      environment.push_back(absl::StrCat(name, "=", lent->at(name)));
    }
  }
  return environment;
}

// "protocol=https\nhost=HOST[:PORT]\npath=OWNER/NAME\n".
std::string Describe(const Url& url) {
  std::string host = url.host;
  if (absl::StrContains(host, ':')) host = absl::StrCat("[", host, "]");
  if (url.port != (url.scheme == "https" ? 443 : 80)) {
    absl::StrAppend(&host, ":", url.port);
  }
  return absl::StrCat("protocol=", url.scheme, "\nhost=", host,
                      "\npath=", absl::StripPrefix(url.path, "/"), "\n");
}

struct Pipe {
  UniqueFd read, write;
};

absl::StatusOr<Pipe> MakePipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) != 0) {
    return ErrnoError(errno, "cannot make a pipe for git");
  }
  return Pipe{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

// What reads as `text`. It passes through the kernel only: neither a file nor a
// command line, which others could read, holds it.
absl::StatusOr<UniqueFd> InputOf(const std::string& text) {
  if (text.size() > kMaxInput) {
    return absl::InvalidArgumentError("too much to ask git");
  }
  HUBD_ASSIGN_OR_RETURN(Pipe pipe, MakePipe());
  // A user with many pipes gets small ones: then it fails, and waits for
  // nobody.
  ::fcntl(pipe.write.get(), F_SETFL, O_NONBLOCK);
  if (::write(pipe.write.get(), text.data(), text.size()) !=
      static_cast<ssize_t>(text.size())) {
    return ErrnoError(errno, "cannot write to a pipe for git");
  }
  return std::move(pipe.read);
}

}  // namespace

absl::StatusOr<std::string> CredentialHelper::Ask(
    const char* verb, const std::string& input,
    const std::stop_token& stop) const {
  const absl::Time deadline = absl::Now() + timeout_;
  HUBD_ASSIGN_OR_RETURN(Pipe pipe, MakePipe());
  GitCommand command;
  command.arguments = {"credential", verb};
  command.environment = EnvironmentOf(environment_);
  command.output = std::move(pipe.write);
  HUBD_ASSIGN_OR_RETURN(command.input, InputOf(input));
  HUBD_ASSIGN_OR_RETURN(std::unique_ptr<GitProgram> program,
                        GitProgram::Start(std::move(command)));
  std::string answer;
  HUBD_RETURN_IF_ERROR(ReadGit(
      *program, pipe.read, deadline,
      [&](absl::string_view bytes) {
        absl::StrAppend(&answer, bytes);
        return answer.size() <= kMaxAnswer
                   ? absl::OkStatus()
                   : absl::InvalidArgumentError("it says too much");
      },
      stop));
  return answer;
}

absl::StatusOr<HelperLogin> CredentialHelper::Fill(
    const Url& url, const std::stop_token& stop) const {
  absl::StatusOr<std::string> said =
      Ask("fill", absl::StrCat(Describe(url), "\n"), stop);
  // It fails where it would have to ask the user, and says so.
  if (absl::IsAborted(said.status())) {
    return absl::NotFoundError("no helper has a login");
  }
  HUBD_RETURN_IF_ERROR(said.status());
  std::optional<std::string> user, password;
  for (absl::string_view line : absl::StrSplit(*said, '\n')) {
    if (absl::ConsumePrefix(&line, "username=")) user = std::string(line);
    if (absl::ConsumePrefix(&line, "password=")) password = std::string(line);
  }
  if (!user || !password) {
    return absl::InvalidArgumentError("what it says is no login");
  }
  return HelperLogin{*std::move(user), *std::move(password), *std::move(said)};
}

void CredentialHelper::Approve(const HelperLogin& login,
                               const std::stop_token& stop) const {
  Ask("approve", absl::StrCat(login.said, "\n"), stop).IgnoreError();
}

void CredentialHelper::Reject(const HelperLogin& login,
                              const std::stop_token& stop) const {
  Ask("reject", absl::StrCat(login.said, "\n"), stop).IgnoreError();
}

}  // namespace hubd
