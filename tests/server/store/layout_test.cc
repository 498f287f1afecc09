#include "server/store/layout.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace hubd {
namespace {

const RepoId kRepo = {"github.com", "o", "r"};
const std::string kCommit(40, 'c');
const std::string kDigest = "ab" + std::string(62, '0');

TEST(LayoutTest, ObjectsLieWhereTheirDocumentationSays) {
  Layout layout("/root");
  EXPECT_EQ(layout.lock(), "/root/store/LOCK");
  EXPECT_EQ(layout.address(), "/root/store/ADDRESS");
  EXPECT_EQ(layout.log(), "/root/store/log");
  EXPECT_EQ(layout.Blob(kDigest), "/root/store/blobs/ab/" + kDigest);
  EXPECT_EQ(layout.Tree({kSharedDomain, kRepo, kCommit, "archive"}),
            "/root/store/trees/github.com/o/r/" + kCommit + ".archive");
  EXPECT_EQ(layout.Unpacked(kDigest), "/root/store/unpacked/" + kDigest);
}

TEST(LayoutTest, APartialIsOfOneSourceOfOneUrl) {
  Layout layout("/root");
  EXPECT_EQ(layout.partials(), "/root/store/partial");
  const std::string partial = layout.Partial("shared", "https://h/x", "m");
  EXPECT_EQ(partial.find(layout.partials() + "/"), 0u);
  EXPECT_NE(layout.Partial("uid", "https://h/x", "m"), partial);
  EXPECT_NE(layout.Partial("shared", "https://h/y", "m"), partial);
  EXPECT_NE(layout.Partial("shared", "https://h/x", "n"), partial);
}

TEST(LayoutTest, ATreeLiesAtTheSameDepthWhateverItsRepo) {
  const std::string trees = "/root/store/trees/";
  const std::string tree = "/" + kCommit + ".git";
  const struct {
    RepoId repo;
    std::string folder;
  } kCases[] = {
      {{"gitlab.com", "g/s", "n"}, "gitlab.com/g%s/n"},
      {{"ssh://git@h:22", "g/s", "n.git"}, "ssh:%%git@h:22/g%s/n.git"},
      {{"ssh://h", "", "n"}, "ssh:%%h/%/n"},
      {{"file://", "srv/git", "n"}, "file:%%/srv%git/n"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(Layout("/root").Tree({kSharedDomain, c.repo, kCommit, "git"}),
              trees + c.folder + tree);
  }
}

TEST(LayoutTest, EveryPartOfAKeyMakesAnotherRecord) {
  Layout layout("/root");
  std::set<std::string> records = {
      layout.TreeRecord({"shared", kRepo, kCommit, "archive"}),
      layout.TreeRecord({"uid", kRepo, kCommit, "archive"}),
      layout.TreeRecord({"shared", kRepo, kCommit, "git"}),
      layout.TreeRecord({"shared", kRepo, std::string(40, 'd'), "archive"}),
      layout.TreeRecord({"shared", {"h", "o", "r"}, kCommit, "archive"}),
      layout.CheckpointRecord("shared", "https://h/x"),
      layout.CheckpointRecord("uid", "https://h/x"),
      layout.CheckpointRecord("shared", "https://h/y"),
      layout.RefRecord("shared", kRepo),
      layout.RefRecord("uid", kRepo),
  };
  EXPECT_EQ(records.size(), 10u);
}

}  // namespace
}  // namespace hubd
