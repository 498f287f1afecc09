// A git repository below a test's own root, made with Debian's git.

#ifndef HUBD_TESTS_SERVER_NET_GIT_REPOSITORY_H_
#define HUBD_TESTS_SERVER_NET_GIT_REPOSITORY_H_

#include <string>
#include <vector>

namespace hubd {

// Thread-compatible. A failing git ends the test program.
class GitRepository {
 public:
  // A bare one at ROOT/`name`.
  GitRepository(const std::string& root, const std::string& name);

  // What `git ARGUMENTS` prints there in its first line, with fixed names.
  std::string Git(std::vector<std::string> arguments) const;

  // Adds a commit with one file ("name": its content) on top of `branch`, if
  // there is one; its id.
  std::string Commit(const std::string& branch, const std::string& name,
                     const std::string& content) const;

 private:
  const std::string path_;
};

}  // namespace hubd

#endif  // HUBD_TESTS_SERVER_NET_GIT_REPOSITORY_H_
