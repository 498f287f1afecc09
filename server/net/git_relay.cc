#include "server/net/git_relay.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "server/base/status.h"
#include "server/net/git_answer.h"
#include "server/net/git_response.h"

namespace hubd {
namespace {

constexpr char kRequestType[] = "application/x-git-upload-pack-request";
constexpr char kResultType[] = "application/x-git-upload-pack-result";
constexpr char kVersionHeader[] = "Git-Protocol: version=2";
constexpr char kFlush[] = "0000";
constexpr char kVersionLine[] = "000eversion 2\n";
constexpr size_t kLengthDigits = 4;
// What a host says of its abilities; what git asks for, one line for each ref.
constexpr size_t kMaxAbilities = 64 << 10;
constexpr size_t kMaxQuestion = 64 << 20;
constexpr absl::Duration kLook = absl::Milliseconds(200);

// The socket to git: waits no longer than the deadline and the stop allow.
class GitSocket {
 public:
  GitSocket(int fd, absl::Time deadline, std::stop_token stop)
      : fd_(fd), deadline_(deadline), stop_(std::move(stop)) {}

  absl::Status Write(absl::string_view bytes) {
    while (!bytes.empty()) {
      HUBD_RETURN_IF_ERROR(WaitFor(POLLOUT));
      const ssize_t sent =
          ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0) {
        bytes.remove_prefix(sent);
      } else if (errno != EAGAIN && errno != EINTR) {
        return absl::AbortedError("git went away");
      }
    }
    return absl::OkStatus();
  }

  // Appends `size` bytes to `to`; false where git closes before the first.
  absl::StatusOr<bool> Read(size_t size, std::string& to) {
    const size_t begin = to.size();
    to.resize(begin + size);
    for (size_t done = 0; done < size;) {
      HUBD_RETURN_IF_ERROR(WaitFor(POLLIN));
      const ssize_t got =
          ::recv(fd_, to.data() + begin + done, size - done, MSG_DONTWAIT);
      if (got > 0) {
        done += got;
      } else if (got == 0) {
        if (done == 0) return false;
        return absl::AbortedError("git went away in a question");
      } else if (errno != EAGAIN && errno != EINTR) {
        return absl::AbortedError("git went away");
      }
    }
    return true;
  }

 private:
  absl::Status WaitFor(int16_t what) {
    for (pollfd wanted = {fd_, what, 0}; !stop_.stop_requested();) {
      const absl::Duration left = deadline_ - absl::Now();
      if (left <= absl::ZeroDuration()) {
        return absl::DeadlineExceededError("git took too long");
      }
      const int wait = absl::ToInt64Milliseconds(std::min(left, kLook)) + 1;
      if (::poll(&wanted, 1, wait) > 0) return absl::OkStatus();
    }
    return absl::CancelledError("the fetch was stopped");
  }

  const int fd_;
  const absl::Time deadline_;
  const std::stop_token stop_;
};

// What git asks next: lines up to a flush, lengths included; nullopt at the
// end.
absl::StatusOr<std::optional<std::string>> ReadQuestion(GitSocket& socket) {
  std::string question;
  for (;;) {
    const size_t begin = question.size();
    HUBD_ASSIGN_OR_RETURN(const bool more,
                          socket.Read(kLengthDigits, question));
    if (!more && begin == 0) return std::nullopt;
    uint32_t length = 0;
    if (!more || !absl::SimpleHexAtoi(absl::string_view(question).substr(begin),
                                      &length)) {
      return absl::InternalError("git asks what is no line of its protocol");
    }
    if (length == 0) return question;
    if (length <= kLengthDigits) continue;  // a delimiter
    if (question.size() + length > kMaxQuestion) {
      return absl::InternalError("git asks for too much at once");
    }
    HUBD_ASSIGN_OR_RETURN(const bool whole,
                          socket.Read(length - kLengthDigits, question));
    if (!whole) return absl::AbortedError("git went away in a question");
  }
}

// Reads what the host can do: its first answer.
class AbilitiesHandler final : public HttpHandler {
 public:
  explicit AbilitiesHandler(std::string url) : url_(std::move(url)) {}

  absl::Status OnResponse(const HttpResponse& response) override {
    HUBD_RETURN_IF_ERROR(
        CheckGitResponse(response, url_, kGitAdvertisementType));
    effective_url_ = std::string(
        absl::StripSuffix(response.effective_url, kGitAdvertisementPath));
    return absl::OkStatus();
  }

  absl::Status OnBody(absl::string_view bytes) override {
    // An answer in the old protocol lists all refs at once.
    text_.append(bytes.data(), bytes.size());
    return text_.size() <= kMaxAbilities ? absl::OkStatus() : NotVersion2();
  }

  // From "version 2" on: without the line that names the service, which only
  // HTTP has.
  absl::StatusOr<std::string> Abilities() const {
    const size_t begin = text_.find(kVersionLine);
    const bool service = absl::StartsWith(text_, "001e# service=") &&
                         begin == 0x1e + (sizeof(kFlush) - 1);
    if (begin != 0 && !service) return NotVersion2();
    return text_.substr(begin);
  }

  // Where the repository is, after redirects.
  const std::string& effective_url() const { return effective_url_; }

 private:
  absl::Status NotVersion2() const {
    return GitUnavailable(
        url_, "protocol",
        "the host does not speak version 2 of git's protocol, which git has "
        "since 2.18; use another copy of the repository");
  }

  const std::string url_;
  std::string effective_url_;
  std::string text_;
};

// Hands an answer on.
class AnswerHandler final : public HttpHandler {
 public:
  AnswerHandler(std::string url, GitSocket& socket,
                const std::function<absl::Status(size_t)>& count)
      : url_(std::move(url)), socket_(socket), count_(count) {}

  absl::Status OnResponse(const HttpResponse& response) override {
    return CheckGitResponse(response, url_, kResultType);
  }

  absl::Status OnBody(absl::string_view bytes) override {
    HUBD_RETURN_IF_ERROR(count_(bytes.size()));
    if (!end_.Follow(bytes)) {
      return GitUnavailable(url_, "protocol", "its answer is none of git's");
    }
    return socket_.Write(bytes);
  }

  bool ended() const { return end_.ended(); }

 private:
  const std::string url_;
  GitSocket& socket_;
  const std::function<absl::Status(size_t)>& count_;
  AnswerEnd end_;
};

// Whether the line of `fetch` among the abilities has the word.
bool CanFetchWith(absl::string_view abilities, absl::string_view word) {
  for (absl::string_view line : absl::StrSplit(abilities, '\n')) {
    const size_t begin = line.find("fetch=");
    if (begin != kLengthDigits) continue;
    const std::vector<absl::string_view> words =
        absl::StrSplit(line.substr(begin + 6), ' ');
    if (std::find(words.begin(), words.end(), word) != words.end()) return true;
  }
  return false;
}

HttpRequest Request(const std::string& url, const GitRelayOptions& options) {
  HttpRequest request;
  request.url = url;
  request.headers = {kVersionHeader};
  request.connect_timeout = options.connect_timeout;
  return request;
}

// The first answer, from `url` or where else the repository is.
absl::StatusOr<std::string> AskAbilities(HttpTransport& http,
                                         const std::string& url,
                                         const GitRelayOptions& options,
                                         AbilitiesHandler& abilities,
                                         const std::stop_token& stop) {
  HttpRequest first =
      Request(absl::StrCat(url, kGitAdvertisementPath), options);
  first.answer_timeout = options.connect_timeout;
  absl::Status asked = http.Fetch(first, abilities, stop);
  if (const std::string other = OtherAddress(url, asked); !other.empty()) {
    first.url = absl::StrCat(other, kGitAdvertisementPath);
    if (http.Fetch(first, abilities, stop).ok()) asked = absl::OkStatus();
  }
  HUBD_RETURN_IF_ERROR(asked);
  HUBD_ASSIGN_OR_RETURN(std::string text, abilities.Abilities());
  if (!options.ability.empty() && !CanFetchWith(text, options.ability)) {
    return GitUnavailable(url, "protocol",
                          absl::StrCat("the host cannot do what is needed (",
                                       options.ability, ")"));
  }
  return text;
}

}  // namespace

absl::Status RelayGit(HttpTransport& http, const std::string& url, int socket,
                      const GitRelayOptions& options, absl::Time deadline,
                      const std::function<void(int64_t)>& received,
                      const std::stop_token& stop) {
  GitSocket git(socket, deadline, stop);
  AbilitiesHandler abilities(url);
  HUBD_ASSIGN_OR_RETURN(const std::string text,
                        AskAbilities(http, url, options, abilities, stop));
  HUBD_RETURN_IF_ERROR(git.Write(text));

  int64_t bytes = 0;
  const std::function<absl::Status(size_t)> count = [&](size_t more) {
    bytes += more;
    if (bytes > options.max_bytes) {
      return GitUnavailable(
          url, "protocol",
          absl::StrCat("it sends over ", options.max_bytes, " bytes"));
    }
    received(bytes);
    return absl::OkStatus();
  };
  for (;;) {
    HUBD_ASSIGN_OR_RETURN(std::optional<std::string> question,
                          ReadQuestion(git));
    if (!question) return absl::OkStatus();
    HttpRequest next = Request(
        absl::StrCat(abilities.effective_url(), "/git-upload-pack"), options);
    next.method = "POST";
    next.headers.push_back(absl::StrCat("Content-Type: ", kRequestType));
    next.headers.push_back(absl::StrCat("Accept: ", kResultType));
    next.body = *std::move(question);
    AnswerHandler answer(url, git, count);
    HUBD_RETURN_IF_ERROR(http.Fetch(next, answer, stop));
    // It ends early, or is an error: no more comes, and git is to know.
    if (!answer.ended()) ::shutdown(socket, SHUT_WR);
  }
}

}  // namespace hubd
