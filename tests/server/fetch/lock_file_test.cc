#include "server/fetch/lock_file.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/status.h"

namespace hubd {
namespace {

const std::string kCommit(40, 'c');
const std::string kDigest(64, 'd');

LockedRepo Repo(const std::string& name, const std::string& ref,
                bool is_default = false) {
  return {
      {"github.com", "o", name}, ref, is_default, kCommit, "archive", kDigest};
}

// A lock file with one of each, which tests spoil.
std::string Sample() {
  LockFile lock;
  lock.Put(Repo("r", "main"));
  lock.Put(LockedCheckpoint{"https://h.org/x", kDigest});
  return lock.Format();
}

RepoSpec Typed(const std::string& text) { return *ParseRepoSpec(text); }

TEST(LockFileTest, WhatIsWrittenIsReadAgainSorted) {
  LockFile lock;
  lock.Put(LockedCheckpoint{"https://h.org/'\"\\%0a", kDigest});
  lock.Put(LockedCheckpoint{"https://h.org/a", kDigest});
  lock.Put(Repo("r", "v1"));
  lock.Put(Repo("r", "main", true));
  lock.Put(Repo("a", "main"));
  const absl::StatusOr<LockFile> read = LockFile::Parse(lock.Format());
  ASSERT_TRUE(read.ok()) << read.status() << lock.Format();
  EXPECT_EQ(read->repos(),
            (std::vector<LockedRepo>{Repo("a", "main"), Repo("r", "main", true),
                                     Repo("r", "v1")}));
  EXPECT_EQ(read->checkpoints(), lock.checkpoints());
  EXPECT_EQ(read->checkpoints()[1].url, "https://h.org/a");
}

// Users keep it among their sources: what is written must not change by itself.
TEST(LockFileTest, IsTomlWithALineForEachValue) {
  LockFile lock;
  lock.Put(Repo("r", "main", true));
  lock.Put(LockedCheckpoint{"https://h.org/x", kDigest});
  EXPECT_EQ(lock.Format(),
            "# What hubd may use here. Written by: hubctl lock\n\n"
            "version = 1\n\n"
            "[[checkpoint]]\n"
            "sha256 = \"" +
                kDigest +
                "\"\n"
                "url = \"https://h.org/x\"\n\n"
                "[[repo]]\n"
                "commit = \"" +
                kCommit +
                "\"\n"
                "default = true\n"
                "digest = \"" +
                kDigest +
                "\"\n"
                "ref = \"main\"\n"
                "repo = \"github.com/o/r\"\n"
                "route = \"archive\"\n");
}

TEST(LockFileTest, AShortNameMeansGitHub) {
  const std::string text =
      absl::StrReplaceAll(Sample(), {{"\"github.com/o/r\"", "\"o/r\""}});
  EXPECT_EQ(LockFile::Parse(text)->repos()[0].repo.ToString(),
            "github.com/o/r");
}

TEST(LockFileTest, WhatIsNoLockIsRefusedByLineAndReason) {
  struct Case {
    std::string from, to, says;
  };
  const Case cases[] = {
      {"version = 1", "version = 2", "line 3: this hubd knows version 1 only"},
      {"version = 1", "version = \"1\"", "line 3: "},
      {"version = 1", "", "it says no version = 1"},
      {"version = 1", "version = 1\nmore = 1", "line 4: unknown key \"more\""},
      {"ref = \"main\"", "ref = \"main\"\nreff = \"x\"",
       "[[repo]] has no key \"reff\""},
      {"ref = \"main\"\n", "", "line 9: [[repo]] lacks ref"},
      {"ref = \"main\"", "ref = 7", "ref is not a text"},
      {"ref = \"main\"", "ref = \"\"", "repo or ref is none"},
      {"ref = \"main\"", "ref = \"a b\"", "line 9: "},
      {"github.com/o/r", "github.com/../r", "line 9: "},
      {"github.com/o/r", "o/r:main", "line 9: "},
      {kCommit, "abc", "commit is not 40 lower-case hex digits"},
      {"digest = \"dd", "digest = \"DD", "digest is not 64 lower-case"},
      {"route = \"archive\"", "route = \"../x\"", "route is not a lower-case"},
      {"route = \"archive\"", "route = \"archive\"\ndefault = \"yes\"",
       "default is not true or false"},
      {"sha256 = \"dd", "sha256 = \"xd", "sha256 is not 64 lower-case"},
      {"https://h.org/x", "", "url is not a URL"},
      {"[[checkpoint]]", "[checkpoint]", "line 5: write [[checkpoint]]"},
      {"[[repo]]", "[[repo]", "line "},
  };
  for (const Case& one : cases) {
    ASSERT_TRUE(absl::StrContains(Sample(), one.from)) << one.from;
    const absl::Status status =
        LockFile::Parse(absl::StrReplaceAll(Sample(), {{one.from, one.to}}))
            .status();
    EXPECT_EQ(ReasonOf(status), Reason::kInvalidLock) << one.to;
    EXPECT_TRUE(absl::StrContains(status.message(), one.says))
        << status << " for " << one.to;
  }
}

TEST(LockFileTest, NothingIsLockedTwice) {
  const std::string text = Sample();
  const std::string entries = text.substr(text.find("[["));
  const absl::Status status =
      LockFile::Parse(absl::StrCat(text, entries)).status();
  EXPECT_EQ(ReasonOf(status), Reason::kInvalidLock);
  EXPECT_TRUE(absl::StrContains(status.message(), "twice")) << status;
}

// Such as two signed URLs that a hubd wrote as they were.
TEST(LockFileTest, OneUrlMayStandTwiceWithOneDigest) {
  const auto entry = [](const std::string& signature, char digit) {
    return absl::StrCat("[[checkpoint]]\nurl = \"https://h.org/x?",
                        "X-Amz-Signature=", signature, "\"\nsha256 = \"",
                        std::string(64, digit), "\"\n");
  };
  const std::string one = absl::StrCat("version = 1\n", entry("one", 'd'));
  const absl::StatusOr<LockFile> same =
      LockFile::Parse(absl::StrCat(one, entry("two", 'd')));
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(same->checkpoints(),
            (std::vector<LockedCheckpoint>{{"https://h.org/x", kDigest}}));
  const absl::Status other =
      LockFile::Parse(absl::StrCat(one, entry("two", 'e'))).status();
  EXPECT_EQ(ReasonOf(other), Reason::kInvalidLock);
  EXPECT_THAT(std::string(other.message()),
              testing::HasSubstr("line 5: https://h.org/x is locked twice"));
}

TEST(LockFileTest, KeysOfManyPartsNeverReachTheParser) {
  std::string parts = "a";
  while (parts.size() < 900'000) parts += ".a";
  for (const std::string& text :
       {parts + " = 1\n", "[" + parts + "]\n", "x = {" + parts + " = 1}\n",
        "version = 1\n# comment\xe2\x80\xa8" + parts + " = 1\n",
        "x = \"\\\"\"\n" + parts + " = 1\n", std::string("'a'.\"b\" = 1\n")}) {
    const absl::Status status = LockFile::Parse(text).status();
    EXPECT_EQ(ReasonOf(status), Reason::kInvalidLock) << status;
    EXPECT_THAT(std::string(status.message()),
                testing::HasSubstr("outside of quotes"));
  }
  for (const char* text : {"x = \"\"\"\na.a\n\"\"\"\n", "x = '''a'''\n"}) {
    EXPECT_THAT(std::string(LockFile::Parse(text).status().message()),
                testing::HasSubstr("three quotes"));
  }
  EXPECT_TRUE(LockFile::Parse("# A comment. It's one.\nversion = 1\n").ok());
}

TEST(LockFileTest, AFileThatIsTooLongIsNotRead) {
  const std::string text =
      absl::StrCat(Sample(), "#", std::string(LockFile::kMaxBytes, 'x'));
  EXPECT_EQ(ReasonOf(LockFile::Parse(text).status()), Reason::kInvalidLock);
}

TEST(LockFileTest, ARefFindsItsEntryAndNoRefTheDefaultOrTheOnlyOne) {
  LockFile lock;
  lock.Put(Repo("r", "v1"));
  EXPECT_EQ(lock.FindRepo(Typed("o/r"))->ref, "v1");
  EXPECT_EQ(lock.FindRepo(Typed("o/r:v1"))->ref, "v1");
  EXPECT_EQ(lock.FindRepo(Typed("o/r:" + kCommit))->ref, "v1");
  lock.Put(Repo("r", "v2"));
  EXPECT_EQ(ReasonOf(lock.FindRepo(Typed("o/r")).status()), Reason::kNotLocked);
  lock.Put(Repo("r", "main", true));
  EXPECT_EQ(lock.FindRepo(Typed("o/r"))->ref, "main");
  EXPECT_EQ(lock.FindRepo(Typed("o/r:v2"))->ref, "v2");
}

TEST(LockFileTest, WhatIsNotThereIsNamedWithTheWayOut) {
  LockFile lock;
  lock.Put(Repo("r", "main"));
  for (const char* typed : {"o/r:dev", "o/other", "gitlab.com/o/r"}) {
    const absl::Status status = lock.FindRepo(Typed(typed)).status();
    EXPECT_EQ(ReasonOf(status), Reason::kNotLocked);
    EXPECT_TRUE(absl::StrContains(status.message(), typed)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), "hubctl lock ")) << status;
  }
  EXPECT_TRUE(absl::StrContains(
      lock.FindRepo(Typed("o/r:dev")).status().message(), "at main"));
  const absl::Status status =
      lock.FindCheckpoint("https://me:word@h.org/x").status();
  EXPECT_EQ(ReasonOf(status), Reason::kNotLocked);
  EXPECT_TRUE(absl::StrContains(status.message(), "https://h.org/x"));
}

TEST(LockFileTest, HoldsNoSignatureAndHoldsForEach) {
  LockFile lock;
  lock.Put(LockedCheckpoint{"https://h.org/x?X-Amz-Signature=one", kDigest});
  EXPECT_FALSE(absl::StrContains(lock.Format(), "Signature"));
  for (const char* url :
       {"https://h.org/x", "https://h.org/x?X-Amz-Signature=two"}) {
    EXPECT_TRUE(lock.FindCheckpoint(url).ok()) << url;
  }
  EXPECT_FALSE(lock.FindCheckpoint("https://h.org/x?versionId=2").ok());
}

TEST(LockFileTest, PutReplacesTheSameRefAndTheSameDefault) {
  LockFile lock;
  lock.Put(Repo("r", "master", true));
  lock.Put(Repo("r", "main", true));
  ASSERT_EQ(lock.repos().size(), 1u);
  EXPECT_EQ(lock.repos()[0].ref, "main");
  LockedRepo moved = Repo("r", "main");
  moved.commit = std::string(40, 'e');
  lock.Put(moved);
  ASSERT_EQ(lock.repos().size(), 1u);
  EXPECT_EQ(lock.repos()[0].commit, moved.commit);
  EXPECT_TRUE(lock.repos()[0].is_default);
}

}  // namespace
}  // namespace hubd
