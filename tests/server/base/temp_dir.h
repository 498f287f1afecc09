// A directory for one test.

#ifndef HUBD_TESTS_SERVER_BASE_TEMP_DIR_H_
#define HUBD_TESTS_SERVER_BASE_TEMP_DIR_H_

#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>

#include "server/base/fs.h"
#include "server/base/status.h"

namespace hubd {

// Empty; goes with all that is in it. Its path is short enough for a socket's
// name, which Bazel's own directory for tests is not.
class TempDir {
 public:
  TempDir() : path_("/tmp/hubd-test-XXXXXX") {
    HUBD_CHECK(::mkdtemp(path_.data()) != nullptr);
  }
  ~TempDir() { (void)RemoveAll(path_); }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string Below(const std::string& name) const {
    return path_ + "/" + name;
  }

 private:
  std::string path_;
};

}  // namespace hubd

#endif  // HUBD_TESTS_SERVER_BASE_TEMP_DIR_H_
