#include "client/environment.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "absl/strings/ascii.h"
#include "client/duration.h"
#include "server/base/status.h"

namespace hubd {
namespace {

std::string Lowered(const char* variable) {
  return absl::AsciiStrToLower(EnvironmentOrEmpty(variable));
}

constexpr size_t kMaxLent = 16 << 10;
constexpr const char* kLent[] = {"DBUS_SESSION_BUS_ADDRESS",
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

std::vector<std::pair<std::string, std::string>> LentVariables() {
  std::vector<std::pair<std::string, std::string>> lent;
  for (const char* name : kLent) {
    const char* value = std::getenv(name);
    if (value != nullptr && std::strlen(value) <= kMaxLent) {
      lent.emplace_back(name, value);
    }
  }
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
