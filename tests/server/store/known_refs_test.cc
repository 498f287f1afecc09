#include "server/store/known_refs.h"

#include <gtest/gtest.h>

#include <string>

namespace hubd {
namespace {

std::shared_ptr<const RefsObject> RefsOf(const std::string& name, int count,
                                         char commit = 'a',
                                         size_t name_size = 0) {
  RefsObject refs;
  refs.repo = {"github.com", "o", name};
  for (int i = 0; i < count; ++i) {
    refs.advertisement.refs.push_back(
        {"refs/heads/" + std::string(name_size, 'x') + std::to_string(i),
         std::string(40, commit)});
  }
  return std::make_shared<const RefsObject>(std::move(refs));
}

RepoId Repo(const std::string& name) { return {"github.com", "o", name}; }

TEST(KnownRefsTest, GivesWhatWasReadAndWhatReplacedIt) {
  KnownRefs known;
  EXPECT_EQ(known.Find("shared", Repo("r")), nullptr);
  auto first = RefsOf("r", 2);
  known.NoteRead(first, known.generation());
  EXPECT_EQ(known.Find("shared", Repo("r")), first);
  EXPECT_EQ(known.Find("shared", Repo("s")), nullptr);
  EXPECT_EQ(known.Find("private", Repo("r")), nullptr);
  auto second = RefsOf("r", 2, 'b');
  known.NoteWritten(second);
  EXPECT_EQ(known.Find("shared", Repo("r")), second);
}

TEST(KnownRefsTest, WhatWasReadBeforeAWriteIsNotKept) {
  KnownRefs known;
  const int64_t before = known.generation();
  auto written = RefsOf("r", 2, 'b');
  known.NoteWritten(written);
  known.NoteRead(RefsOf("r", 2, 'a'), before);
  EXPECT_EQ(known.Find("shared", Repo("r")), written);
}

TEST(KnownRefsTest, WhatWasUsedLongestAgoGoesFirst) {
  // Room for two such, and not for three.
  KnownRefs known(10'000);
  for (const char* name : {"a", "b"}) known.NoteWritten(RefsOf(name, 30));
  EXPECT_NE(known.Find("shared", Repo("a")), nullptr);
  known.NoteWritten(RefsOf("c", 30));
  EXPECT_NE(known.Find("shared", Repo("a")), nullptr);
  EXPECT_EQ(known.Find("shared", Repo("b")), nullptr);
  // One that is too large for all of it is not kept, and leaves nothing else.
  known.NoteWritten(RefsOf("a", 200));
  EXPECT_EQ(known.Find("shared", Repo("a")), nullptr);
}

TEST(KnownRefsTest, LongNamesTakeMoreOfTheRoom) {
  KnownRefs known(10'000);
  known.NoteWritten(RefsOf("short", 1));
  EXPECT_NE(known.Find("shared", Repo("short")), nullptr);
  known.NoteWritten(RefsOf("long", 1, 'a', 10'000));
  EXPECT_EQ(known.Find("shared", Repo("long")), nullptr);
}

}  // namespace
}  // namespace hubd
