#include "server/fetch/member_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/base/status.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

TEST(MemberPathTest, KeepsNamesAsTheyAre) {
  const std::string longest = std::string(255, 'p') + "/b";
  for (const std::string& name :
       {std::string("a"), std::string("a/b.c/d"), std::string("a b\n\x1b[0m"),
        std::string("gr\xc3\xbc\xc3\x9f"), std::string("\xff\xfe"),
        std::string("..."), std::string("a\\..\\b"), longest}) {
    EXPECT_EQ(*CheckedMemberPath(name), name);
  }
  EXPECT_EQ(*CheckedMemberPath("folder/"), "folder");
}

TEST(MemberPathTest, RefusesNamesThatAreNoPathBelow) {
  std::string deep;
  while (deep.size() <= 4096) deep += "d/";
  for (const std::string& name :
       {std::string(), std::string("/"), std::string("/etc/passwd"),
        std::string(".."), std::string("../a"), std::string("a/../b"),
        std::string("a/.."), std::string("./a"), std::string("a//b"),
        std::string("a//"), std::string("a\0b", 3), std::string(256, 'p'),
        deep}) {
    const absl::Status status = CheckedMemberPath(name).status();
    EXPECT_EQ(ReasonOf(status), Reason::kBadArchive) << name;
  }
}

TEST(MemberPathTest, ShowsNamesEscapedAndShort) {
  EXPECT_EQ(ShownName("a\x1b\xff\"b"), "\"a\\x1b\\xff\\\"b\"");
  EXPECT_LT(ShownName(std::string(4000, 'x')).size(), 300u);
  EXPECT_THAT(std::string(BadMember("a\n", "why").message()),
              HasSubstr("\"a\\n\": why"));
}

TEST(MemberPathTest, FindsGitInAnyPartAndCase) {
  for (const char* path : {".git", ".git/config", "a/.GIT/b", "a/.Git"}) {
    EXPECT_TRUE(IsGitMember(path)) << path;
  }
  for (const char* path : {".gitignore", "a.git", ".github/x", "git"}) {
    EXPECT_FALSE(IsGitMember(path)) << path;
  }
}

TEST(MemberPathTest, SplitsFolderAndLastPart) {
  EXPECT_EQ(FolderOf("a/b/c"), "a/b");
  EXPECT_EQ(LastPart("a/b/c"), "c");
  EXPECT_EQ(FolderOf("c"), "");
  EXPECT_EQ(LastPart("c"), "c");
}

TEST(MemberPathTest, JudgesWhereLinksLead) {
  struct Case {
    const char* path;
    const char* target;
    LinkTarget expected;
  };
  for (const Case& c : {
           Case{"l", "a", LinkTarget::kInside},
           Case{"l", ".", LinkTarget::kInside},
           Case{"d/l", "../a", LinkTarget::kInside},
           Case{"d/e/l", "..//./../a/b", LinkTarget::kInside},
           Case{"d/l", "..", LinkTarget::kInside},
           Case{"l", "a/../b", LinkTarget::kDetour},
           Case{"d/l", "../a/../b", LinkTarget::kDetour},
           Case{"l", "..", LinkTarget::kOutside},
           Case{"d/l", "../../top/a", LinkTarget::kOutside},
           Case{"l", "a/../../b", LinkTarget::kOutside},
           Case{"l", "/etc/passwd", LinkTarget::kOutside},
       }) {
    EXPECT_EQ(JudgeLink(c.path, c.target), c.expected)
        << c.path << " -> " << c.target;
  }
}

}  // namespace
}  // namespace hubd
