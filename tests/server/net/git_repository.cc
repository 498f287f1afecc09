#include "tests/server/net/git_repository.h"

#include <memory>

#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/net/test_server.h"
#include "tests/testing/child_process.h"

namespace hubd {

GitRepository::GitRepository(const std::string& root, const std::string& name)
    : path_(root + "/" + name) {
  HUBD_CHECK(MakeDirectories(path_, 0755).ok());
  Git({"init", "-q", "--bare"});
}

std::string GitRepository::Git(std::vector<std::string> arguments) const {
  std::vector<std::string> argv = {"git",
                                   "-C",
                                   path_,
                                   "-c",
                                   "user.name=t",
                                   "-c",
                                   "user.email=t@example.com",
                                   "-c",
                                   "init.defaultBranch=main"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  auto child = ChildProcess::Spawn(argv);
  HUBD_CHECK(child.ok());
  std::string line = (*child)->ReadLine().value_or("");
  HUBD_CHECK((*child)->Wait() == 0);
  return line;
}

std::string GitRepository::Commit(const std::string& branch,
                                  const std::string& name,
                                  const std::string& content) const {
  const std::string file = MakeTempDirectory() + "/file";
  HUBD_CHECK(WriteFileDurably(file, content, 0644).ok());
  const std::string blob = Git({"hash-object", "-w", file});
  Git({"read-tree", "--empty"});
  Git({"update-index", "--add", "--cacheinfo", "100644", blob, name});
  std::vector<std::string> commit = {"commit-tree", Git({"write-tree"}), "-m",
                                     content};
  const std::string ref = "refs/heads/" + branch;
  const std::string parent =
      Git({"for-each-ref", "--format=%(objectname)", ref});
  if (!parent.empty()) commit.insert(commit.end(), {"-p", parent});
  const std::string id = Git(commit);
  Git({"update-ref", ref, id});
  return id;
}

}  // namespace hubd
