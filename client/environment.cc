#include "client/environment.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/types/span.h"
#include "client/duration.h"
#include "server/base/status.h"

namespace hubd {
namespace {

std::string Lowered(const char* variable) {
  return absl::AsciiStrToLower(EnvironmentOrEmpty(variable));
}

constexpr size_t kMaxLent = 16 << 10;
// How a caller reaches repositories that are not public.
constexpr const char* kAccess[] = {"DBUS_SESSION_BUS_ADDRESS",
                                   "GH_TOKEN",
                                   "GITHUB_TOKEN",
                                   "GIT_CONFIG_GLOBAL",
                                   "HOME",
                                   "NETRC",
                                   "PATH",
                                   "SSH_AUTH_SOCK",
                                   "XDG_CACHE_HOME",
                                   "XDG_CONFIG_HOME",
                                   "XDG_RUNTIME_DIR"};
// How it reaches the network.
constexpr const char* kNetwork[] = {
    "https_proxy", "HTTPS_PROXY", "http_proxy",     "all_proxy",    "ALL_PROXY",
    "no_proxy",    "NO_PROXY",    "CURL_CA_BUNDLE", "SSL_CERT_FILE"};

void Lend(absl::Span<const char* const> names, Variables& lent) {
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (value != nullptr && std::strlen(value) <= kMaxLent) {
      lent.emplace_back(name, value);
    }
  }
}

}  // namespace

std::optional<std::string> Environment(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr) return std::nullopt;
  return value;
}

std::string EnvironmentOrEmpty(const char* variable) {
  return Environment(variable).value_or("");
}

bool EnvironmentIsOn(const char* variable) {
  const std::string value = Lowered(variable);
  return value == "1" || value == "true" || value == "yes" || value == "on";
}

bool EnvironmentIsOff(const char* variable) {
  const std::string value = Lowered(variable);
  return value == "0" || value == "false" || value == "no" || value == "off";
}

bool EnvironmentIsOffline() {
  return EnvironmentIsOn("HUBD_OFFLINE") || EnvironmentIsOn("HF_HUB_OFFLINE");
}

absl::StatusOr<absl::Duration> EnvironmentTimeout() {
  const std::string value = EnvironmentOrEmpty("HUBD_TIMEOUT");
  if (value.empty()) return absl::InfiniteDuration();
  absl::StatusOr<absl::Duration> timeout = ParseTimeout(value);
  if (!timeout.ok()) return Annotate(timeout.status(), "HUBD_TIMEOUT");
  return timeout;
}

Variables LentVariables() {
  Variables lent = LentNetwork();
  Lend(kAccess, lent);
  return lent;
}

Variables LentNetwork() {
  Variables lent;
  Lend(kNetwork, lent);
  return lent;
}

std::string HomeDirectory() {
  std::string home = EnvironmentOrEmpty("HOME");
  if (!home.empty()) return home;
  struct passwd entry;
  struct passwd* found = nullptr;
  char buffer[4096];
  ::getpwuid_r(::geteuid(), &entry, buffer, sizeof(buffer), &found);
  return found == nullptr ? "" : found->pw_dir;
}

}  // namespace hubd
