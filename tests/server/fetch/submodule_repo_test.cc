#include "server/fetch/submodule_repo.h"

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "server/base/status.h"

namespace hubd {
namespace {

const RepoId kParent = {"git.example.org", "o", "r"};

TEST(SubmoduleRepoTest, TakesHttpsUrlsAndThoseRelativeToTheParents) {
  const std::pair<std::string, std::string> cases[] = {
      {"https://github.com/O/Lib.git", "github.com/o/lib"},
      {"https://git.example.org:8443/a/b/", "git.example.org:8443/a/b"},
      {"../lib.git", "git.example.org/o/lib"},
      {"./lib", "git.example.org/o/r/lib"},
      {".././lib", "git.example.org/o/lib"},
      {"../../other/lib", "git.example.org/other/lib"},
      {"../../../github.com/o/lib", "github.com/o/lib"},
  };
  for (const auto& [url, repo] : cases) {
    const auto found = RepoOfSubmodule(kParent, url);
    ASSERT_TRUE(found.ok()) << url << found.status();
    EXPECT_EQ(found->ToString(), repo) << url;
  }
}

TEST(SubmoduleRepoTest, TakesNothingElse) {
  for (const char* url : {"",
                          "o/lib",
                          "/srv/git/lib",
                          "lib",
                          "../../../../lib",
                          "../../../../../../etc/passwd",
                          "../../../..",
                          "..",
                          "../",
                          "../../../../../github.com/o/lib",
                          "http://github.com/o/lib",
                          "git://github.com/o/lib",
                          "ssh://git@github.com/o/lib",
                          "git@github.com:o/lib.git",
                          "file:///srv/lib",
                          "ext::sh -c true",
                          "-u./lib",
                          "https://user:word@github.com/o/lib",
                          "https://github.com/o/lib:main",
                          "https://github.com/o",
                          "https://github.com/o/../lib",
                          "https:/github.com/o/lib"}) {
    const auto found = RepoOfSubmodule(kParent, url);
    EXPECT_EQ(ReasonOf(found.status()), Reason::kInvalidRepo)
        << url << (found.ok() ? found->ToString() : "");
  }
}

}  // namespace
}  // namespace hubd
