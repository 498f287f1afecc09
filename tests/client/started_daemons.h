// A root whose daemon is tests/client/fake_hubd.

#ifndef HUBD_TESTS_CLIENT_STARTED_DAEMONS_H_
#define HUBD_TESTS_CLIENT_STARTED_DAEMONS_H_

#include <signal.h>
#include <stdlib.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/client/environment_scope.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {

// An empty root; clients that start a daemon start fake_hubd. Kills the daemons
// that were started when it goes.
class StartedDaemons {
 public:
  StartedDaemons() {
    environment_.Set("HUBD_DAEMON", Program());
    environment_.Set("XDG_RUNTIME_DIR", runtime_.path());
    environment_.Set("HUBD_HOME", root());
  }
  ~StartedDaemons() {
    for (const std::string& pid : Lines("starts")) {
      ::kill(std::stoi(pid), SIGKILL);
    }
  }

  static std::string Program() {
    return std::string(::getenv("TEST_SRCDIR")) +
           "/hubd/tests/client/fake_hubd";
  }

  const std::string& root() const { return root_.path(); }
  std::string Below(const std::string& name) const { return root_.Below(name); }
  EnvironmentScope& environment() { return environment_; }

  // The lines of a file in the root; none where there is no file.
  std::vector<std::string> Lines(const std::string& name) const {
    std::ifstream file(Below(name));
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }

 private:
  EnvironmentScope environment_;
  TempDir root_;
  TempDir runtime_;
};

}  // namespace hubd

#endif  // HUBD_TESTS_CLIENT_STARTED_DAEMONS_H_
