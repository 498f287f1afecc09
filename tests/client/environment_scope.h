// The environment of one test.

#ifndef HUBD_TESTS_CLIENT_ENVIRONMENT_SCOPE_H_
#define HUBD_TESTS_CLIENT_ENVIRONMENT_SCOPE_H_

#include <stdlib.h>

#include <map>
#include <optional>
#include <string>

namespace hubd {

// Begins with no variable that hubd reads, but HOME; what was there comes back
// when it goes. One at a time, with no other thread running.
class EnvironmentScope {
 public:
  EnvironmentScope() {
    for (const char* name :
         {"HUBD_HOME", "HUBD_SOCKET", "HUBD_AUTOSTART", "HUBD_DAEMON",
          "HUBD_OFFLINE", "HF_HUB_OFFLINE", "HUBD_TIMEOUT", "HUBD_PROGRESS",
          "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "VIRTUAL_ENV", "CONDA_PREFIX",
          "FAKE_HUBD"}) {
      Unset(name);
    }
  }
  ~EnvironmentScope() {
    for (const auto& [name, value] : before_) {
      if (value) {
        ::setenv(name.c_str(), value->c_str(), 1);
      } else {
        ::unsetenv(name.c_str());
      }
    }
  }
  EnvironmentScope(const EnvironmentScope&) = delete;
  EnvironmentScope& operator=(const EnvironmentScope&) = delete;

  void Set(const std::string& name, const std::string& value) {
    Remember(name);
    ::setenv(name.c_str(), value.c_str(), 1);
  }
  void Unset(const std::string& name) {
    Remember(name);
    ::unsetenv(name.c_str());
  }

 private:
  void Remember(const std::string& name) {
    const char* value = ::getenv(name.c_str());
    before_.try_emplace(name, value == nullptr
                                  ? std::nullopt
                                  : std::optional<std::string>(value));
  }

  std::map<std::string, std::optional<std::string>> before_;
};

}  // namespace hubd

#endif  // HUBD_TESTS_CLIENT_ENVIRONMENT_SCOPE_H_
