// Runs the program hubctl against a FakeDaemon.

#ifndef HUBD_TESTS_CLIENT_CLI_HUBCTL_FIXTURE_H_
#define HUBD_TESTS_CLIENT_CLI_HUBCTL_FIXTURE_H_

#include <gtest/gtest.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/client/environment_scope.h"
#include "tests/client/fake_daemon.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {

// How a run of hubctl ended.
struct Ended {
  int code = -1;  // 128 + the signal where one ended it
  std::string out;
  std::string err;
};

class HubctlTest : public testing::Test {
 protected:
  HubctlTest();

  // Runs it to its end.
  Ended Hubctl(const std::vector<std::string>& arguments);

  // Starts it; stderr is `err`, or what Wait gives where that is -1.
  pid_t Start(const std::vector<std::string>& arguments, int err = -1);
  Ended Wait(pid_t pid);

  TempDir directory_;
  EnvironmentScope environment_;
  const std::string socket_ = directory_.Below("s");
  FakeDaemon daemon_{socket_};
};

}  // namespace hubd

#endif  // HUBD_TESTS_CLIENT_CLI_HUBCTL_FIXTURE_H_
