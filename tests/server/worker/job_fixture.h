// Trees and jobs for tests that run sandboxes.

#ifndef HUBD_TESTS_SERVER_WORKER_JOB_FIXTURE_H_
#define HUBD_TESTS_SERVER_WORKER_JOB_FIXTURE_H_

#include <string>

#include "hubd/worker/v1/worker.pb.h"

namespace hubd {

// A directory below /tmp that every uid can pass; removed when it goes.
class OpenDirectory {
 public:
  OpenDirectory();
  ~OpenDirectory();
  OpenDirectory(const OpenDirectory&) = delete;
  OpenDirectory& operator=(const OpenDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A repo's files.
class Tree {
 public:
  void Add(const std::string& name, const std::string& text);
  void Link(const std::string& name, const std::string& points_to);
  const std::string& path() const { return directory_.path(); }

 private:
  OpenDirectory directory_;
};

// A job that lists `tree` with the system's Python.
worker::v1::StartJob JobFor(const Tree& tree);

}  // namespace hubd

#endif  // HUBD_TESTS_SERVER_WORKER_JOB_FIXTURE_H_
