#include "server/fetch/old_names.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/digest.h"
#include "server/base/status.h"

namespace hubd {
namespace {

// "host/owner/name:ref", or what is said against it.
std::string Read(const std::string& directory,
                 const std::vector<std::string>& repos = {}) {
  std::vector<NamedRepo> named;
  for (const std::string& repo : repos) {
    named.push_back(*ParseNamedRepo(repo));
  }
  absl::StatusOr<RepoSpec> spec = ReadTreeName(directory, named);
  if (!spec.ok()) return std::string(spec.status().message());
  return absl::StrCat(spec->id.ToString(), ":", spec->ref);
}

std::string MegEngineName(const std::string& key) {
  return absl::StrCat("1_13_0_", Sha1Hex(key).substr(0, 16));
}

TEST(OldNamesTest, ADirectoryMeansOnlyWhatItCannotButMean) {
  struct Case {
    std::string directory;
    std::vector<std::string> repos;
    std::string read;
  };
  const Case cases[] = {
      {"pytorch_vision_v0.10.0", {}, "github.com/pytorch/vision:v0.10.0"},
      {"NVIDIA_Deep-Learning_main", {}, "github.com/nvidia/deep-learning:main"},
      {"o_r_x_main", {"o/r_x"}, "github.com/o/r_x:main"},
      {"o_r_x_main", {"o/r_x:main"}, "github.com/o/r_x:main"},
      {"o_r_x_main", {"o/r:x_main"}, "github.com/o/r:x_main"},
      {"o_r_x_main", {"o/r:x/main"}, "github.com/o/r:x_main"},
      {"o_r_x_main", {"o_r/x"}, "github.com/o_r/x:main"},
      {"O_R_X_Main", {"https://github.com/o/r_x.git"}, "github.com/o/r_x:Main"},
      {"o_r_main", {"a/b"}, "github.com/o/r:main"},
      {"o_r_x_main", {"o/r_x", "o/r_x:main"}, "github.com/o/r_x:main"},
  };
  for (const Case& one : cases) {
    EXPECT_EQ(Read(one.directory, one.repos), one.read) << one.directory;
  }
}

TEST(OldNamesTest, OnlyWhatAHubCanHaveIsNamed) {
  for (const char* repo :
       {"git@h.org:n", "ssh://h.org/n", "/srv/n", "file:///srv/o/n", "o"}) {
    EXPECT_EQ(ReasonOf(ParseNamedRepo(repo).status()), Reason::kInvalidRepo)
        << repo;
  }
  for (const char* repo : {"https://h.org/o/n/", "https://h.org/o/n.git/"}) {
    const auto named = ParseNamedRepo(repo);
    ASSERT_TRUE(named.ok()) << named.status();
    EXPECT_EQ(named->owner + " " + named->name, "o n");
  }
}

TEST(OldNamesTest, WhatItCanMeanInSeveralWaysIsNotGuessed) {
  struct Case {
    std::string directory;
    std::vector<std::string> repos;
    std::string says;
  };
  const Case cases[] = {
      {"o_r_x_main", {}, "several repos; name the repo"},
      {"o_r_x_main", {"o/r"}, "several repos"},
      {"o_r_x_main", {"o/r_x:v1"}, "several repos"},
      {"o_r_x_main", {"git.example.org/o/r_x"}, "several repos"},
      {"o_r_x_main", {"o/r_x", "o/r:x_main"}, "name one"},
      {"o_r_", {}, "OWNER_NAME_REF"},
      {"_r_main", {}, "OWNER_NAME_REF"},
      {"o_r", {}, "OWNER_NAME_REF"},
      {"o_r_ma in", {}, "OWNER_NAME_REF"},
      {"o_.._main", {}, "OWNER_NAME_REF"},
      {"", {}, "OWNER_NAME_REF"},
  };
  for (const Case& one : cases) {
    EXPECT_TRUE(absl::StrContains(Read(one.directory, one.repos), one.says))
        << one.directory << ": " << Read(one.directory, one.repos);
  }
}

TEST(OldNamesTest, MegEnginesDigestIsReadByWhoKnowsWhatItIsOf) {
  const std::string commit(40, 'a');
  const std::string master = MegEngineName("MegEngine_Models_master");
  EXPECT_TRUE(absl::StrContains(Read(master), "MegEngine's"));
  EXPECT_TRUE(absl::StrContains(Read(master, {"a/b"}), "MegEngine's"));
  EXPECT_TRUE(
      absl::StrContains(Read(master, {"megengine/models"}), "MegEngine's"));
  EXPECT_EQ(Read(master, {"a/b", "MegEngine/Models"}),
            "github.com/megengine/models:master");
  EXPECT_EQ(Read(master, {"git.example.org/MegEngine/Models:master"}),
            "git.example.org/MegEngine/Models:master");
  EXPECT_EQ(Read(MegEngineName("o_r_a_b"), {"o/r:a/b"}), "github.com/o/r:a_b");
  EXPECT_EQ(Read(MegEngineName("o_r_master_" + commit), {"o/r:" + commit}),
            "github.com/o/r:" + commit);
  // Two parts of a version and a digest are no owner, name and ref.
  EXPECT_TRUE(absl::StrContains(Read("1_13_0123456789abcdef"), "MegEngine's"));
}

TEST(OldNamesTest, ALineOfTrustedListMeansOneRepoOrNone) {
  EXPECT_EQ(ReadTrustLine("pytorch_Vision")->ToString(),
            "github.com/pytorch/vision");
  for (const char* line : {"o_r_x", "o", "", "_r", "o_", "o_r:main", "o_a/b"}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(ReadTrustLine(line).status()))
        << line;
  }
}

TEST(OldNamesTest, CheckpointsAreCalledAsTheirUrlEnds) {
  const std::string url = "https://e.org/a/net-0123abcd.pth?x=a/b#c";
  const std::vector<std::string> names = CheckpointNames(url);
  ASSERT_EQ(names.size(), 2u);
  EXPECT_EQ(names[0], "net-0123abcd.pth");
  EXPECT_EQ(names[1], Sha256Hex(url).substr(0, 6) + "_net-0123abcd.pth");
  EXPECT_TRUE(CheckpointNames("https://e.org/a/").empty());
  EXPECT_TRUE(IsCheckpointName("net-0123abcd.pth"));
  for (const std::string& name :
       {std::string(), std::string("a b"), std::string("a?b"),
        std::string("a\x1b"), std::string("\xff"), std::string(256, 'a')}) {
    EXPECT_FALSE(IsCheckpointName(name)) << name;
  }
}

}  // namespace
}  // namespace hubd
