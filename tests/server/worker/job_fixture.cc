#include "tests/server/worker/job_fixture.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "server/base/status.h"

namespace hubd {

OpenDirectory::OpenDirectory() : path_("/tmp/hubd-test-XXXXXX") {
  HUBD_CHECK(::mkdtemp(path_.data()) != nullptr);
  ::chmod(path_.c_str(), 0755);
}

OpenDirectory::~OpenDirectory() { std::filesystem::remove_all(path_); }

void Tree::Add(const std::string& name, const std::string& text) {
  const std::filesystem::path file = directory_.path() + "/" + name;
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

void Tree::Link(const std::string& name, const std::string& points_to) {
  std::filesystem::create_symlink(points_to, directory_.path() + "/" + name);
}

worker::v1::StartJob JobFor(const Tree& tree) {
  worker::v1::StartJob job;
  job.set_job_id(1);
  job.set_tree_path(tree.path());
  job.mutable_interpreter()->set_executable("/usr/bin/python3");
  job.mutable_interpreter()->set_prefix("/usr");
  job.mutable_interpreter()->set_base_prefix("/usr");
  return job;
}

}  // namespace hubd
