#include "server/net/git_submodules.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/status.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::string kCommit(40, 'a');

// With "%" for NUL.
std::string Nul(const std::string& text) {
  return absl::StrReplaceAll(text, {{"%", std::string(1, '\0')}});
}

std::string Link(const std::string& path) {
  return absl::StrCat("160000 commit ", kCommit, "\t", path, "%");
}

TEST(GitSubmodulesTest, KeepsTheLinksToOtherCommits) {
  const std::string printed =
      Nul(absl::StrCat("100644 blob ", std::string(40, 'b'), "\ta.py%",
                       Link("lib"), "120000 blob ", std::string(40, 'b'),
                       "\tlink%", Link("deep/a\tb\n\xff")));
  for (size_t piece : {1, 7, 1000}) {
    GitlinkReader reader;
    for (size_t at = 0; at < printed.size(); at += piece) {
      ASSERT_EQ(reader.Read(absl::string_view(printed).substr(at, piece)),
                absl::OkStatus());
    }
    EXPECT_THAT(reader.links(),
                ElementsAre(GitSubmodule{"lib", kCommit, ""},
                            GitSubmodule{"deep/a\tb\n\xff", kCommit, ""}));
  }
}

TEST(GitSubmodulesTest, PassesOverPathsThatNoTreeCanHave) {
  GitlinkReader reader;
  ASSERT_EQ(reader.Read(Nul(Link(std::string(100000, 'x')) + Link("lib"))),
            absl::OkStatus());
  EXPECT_THAT(reader.links(), ElementsAre(GitSubmodule{"lib", kCommit, ""}));
}

TEST(GitSubmodulesTest, RefusesTooManyAndWhatIsNoCommit) {
  GitlinkReader reader;
  absl::Status status;
  for (int i = 0; i < 10001 && status.ok(); ++i) {
    status = reader.Read(Nul(Link(absl::StrCat(i))));
  }
  EXPECT_EQ(ReasonOf(status), Reason::kBadArchive);
  EXPECT_THAT(std::string(status.message()), HasSubstr("10000"));
  EXPECT_EQ(ReasonOf(GitlinkReader().Read(Nul("160000 commit short\ta%"))),
            Reason::kBadArchive);
}

TEST(GitSubmodulesTest, FindsTheUrlOfAPath) {
  const std::string settings =
      Nul("core.bare\ntrue%submodule.one.path\nlib%submodule.one.url\nold%"
          "submodule.one.url\n../lib.git%submodule.one.branch\nmain%"
          "submodule.a.path.path\nodd%submodule.a.path.url\nhttps://h/o/odd%"
          "submodule.out.path\n../x%submodule.out.url\nhttps://h/o/x%"
          "submodule.flag%");
  const std::vector<GitSubmodule> links = {
      {"lib", kCommit, ""}, {"odd", kCommit, ""}, {"alone", kCommit, ""}};
  EXPECT_THAT(WithUrls(links, settings),
              ElementsAre(GitSubmodule{"lib", kCommit, "../lib.git"},
                          GitSubmodule{"odd", kCommit, "https://h/o/odd"},
                          GitSubmodule{"alone", kCommit, ""}));
  EXPECT_THAT(WithUrls({}, settings), IsEmpty());
}

}  // namespace
}  // namespace hubd
