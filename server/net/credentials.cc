#include "server/net/credentials.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace hubd {
namespace {

constexpr char kGitHub[] = "github.com";
constexpr char kHelper[] = "git's credential helper";
constexpr int kUnauthorized = 401;

bool HasControlBytes(absl::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char byte) {
    return absl::ascii_iscntrl(static_cast<unsigned char>(byte));
  });
}

// Nullopt for what no host can be shown: the first colon ends the user's name.
// Of the rest base64 makes bytes that cannot end a header.
std::optional<std::string> Basic(absl::string_view user,
                                 absl::string_view password) {
  if (HasControlBytes(user) || HasControlBytes(password) ||
      absl::StrContains(user, ':')) {
    return std::nullopt;
  }
  return absl::StrCat("Authorization: Basic ",
                      absl::Base64Escape(absl::StrCat(user, ":", password)));
}

// A fifo or a device would hold up who opens it.
bool IsReadableFile(const std::string& path) {
  struct stat found = {};
  return ::stat(path.c_str(), &found) == 0 && S_ISREG(found.st_mode) &&
         ::access(path.c_str(), R_OK) == 0;
}

}  // namespace

Credentials::Credentials(const GitSource& source, const Url& url,
                         const CredentialOptions& options, bool limited)
    : source_url_(source.url),
      environment_(source.environment),
      url_(url),
      heeded_(options.heeded),
      limited_(limited),
      helper_timeout_(options.helper_timeout),
      helper_(source.environment, options.helper_timeout) {}

std::optional<Credential> Credentials::Next(const std::stop_token& stop) {
  const int kinds = limited_ ? 1 : 3;
  while (heeded_ && environment_ != nullptr && next_ < kinds &&
         !stop.stop_requested()) {
    const int kind = next_++;
    std::optional<Credential> found = kind == 0   ? Token()
                                      : kind == 1 ? Netrc()
                                                  : Helper(stop);
    if (found) return found;
  }
  return std::nullopt;
}

// GitHub takes any of its tokens as a password over git's protocol; the user's
// name is the one that it documents for this.
std::optional<Credential> Credentials::Token() {
  if (url_.scheme != "https" || url_.host != kGitHub) return std::nullopt;
  for (const char* name : {"GITHUB_TOKEN", "GH_TOKEN"}) {
    const std::string token = VariableOf(environment_, name);
    if (token.empty()) continue;
    std::optional<std::string> header = Basic("x-access-token", token);
    if (header) return Credential{name, *std::move(header), "", std::nullopt};
    notes_.push_back(absl::StrCat(name, " has control bytes in it"));
    return std::nullopt;
  }
  if (!limited_) notes_.push_back("GITHUB_TOKEN is not set");
  return std::nullopt;
}

std::optional<Credential> Credentials::Netrc() {
  std::string file = VariableOf(environment_, "NETRC");
  const char* name = file.empty() ? "~/.netrc" : "the file of NETRC";
  if (file.empty()) {
    file = absl::StrCat(VariableOf(environment_, "HOME"), "/.netrc");
  }
  if (!IsReadableFile(file)) {
    notes_.push_back(absl::StrCat(name, " is not there"));
    return std::nullopt;
  }
  return Credential{name, "", file, std::nullopt};
}

std::optional<Credential> Credentials::Helper(const std::stop_token& stop) {
  absl::StatusOr<HelperLogin> login = helper_.Fill(url_, stop);
  if (login.ok()) {
    std::optional<std::string> header = Basic(login->user, login->password);
    if (header) {
      return Credential{kHelper, *std::move(header), "", *std::move(login)};
    }
    login = absl::InvalidArgumentError("its login has control bytes in it");
  }
  const absl::Status& why = login.status();
  notes_.push_back(
      absl::IsNotFound(why)
          ? absl::StrCat(kHelper, " has nothing for ", url_.host)
      : absl::IsDeadlineExceeded(why)
          ? absl::StrCat(kHelper, " gave no answer within ",
                         absl::FormatDuration(helper_timeout_))
          : absl::StrCat(kHelper, " gave nothing: ", why.message()));
  return std::nullopt;
}

void Credentials::Accept(const Credential& credential,
                         const std::stop_token& stop) {
  if (credential.login) helper_.Approve(*credential.login, stop);
}

void Credentials::Refuse(const Credential& credential,
                         const HttpResponse& response,
                         const std::stop_token& stop) {
  if (!response.effective_url.empty() &&
      !SameOrigin(response.effective_url, source_url_)) {
    notes_.push_back(absl::StrCat(credential.name,
                                  " was not asked for: the host leads to "
                                  "another one, which refuses (HTTP ",
                                  response.status, ")"));
    return;
  }
  if (!credential.netrc_file.empty() && !response.netrc_used) {
    notes_.push_back(
        absl::StrCat(credential.name, " has nothing for ", url_.host));
    return;
  }
  notes_.push_back(absl::StrCat(credential.name, " was refused (HTTP ",
                                response.status, ")"));
  if (credential.login && response.status == kUnauthorized) {
    helper_.Reject(*credential.login, stop);
  }
}

std::string Credentials::Explain() const {
  if (!heeded_) {
    if (limited_ && url_.host != kGitHub) return "";
    return "; this daemon serves all users and shows no host what one of them "
           "lends (GITHUB_TOKEN, ~/.netrc, git's credential helper): for what "
           "is private, run a daemon of your own (hubd --socket PATH) and name "
           "its socket (HUBD_SOCKET=PATH)";
  }
  if (notes_.empty()) return "";
  return absl::StrCat("; ", absl::StrJoin(notes_, "; "),
                      limited_ ? "" : ": what is private needs one of these");
}

}  // namespace hubd
