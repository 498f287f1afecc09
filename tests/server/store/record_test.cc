#include "server/store/record.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "tests/server/store/sample_objects.h"

namespace hubd {
namespace {

// What a record tells, without the path, which is the layout's.
template <class Object>
void ExpectComesBack(Object object) {
  absl::StatusOr<Object> decoded = DecodeRecord<Object>(EncodeRecord(object));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  object.path.clear();
  EXPECT_TRUE(*decoded == object);
}

const Layout kLayout("/root");

TEST(RecordTest, EveryKindComesBackWithAllFieldsAndOddBytes) {
  ExpectComesBack(SampleTree(kLayout, 1));
  ExpectComesBack(SampleCheckpoint(kLayout, 1));
  ExpectComesBack(SampleUnpacked(kLayout, 1));
  absl::StatusOr<RefsObject> refs =
      DecodeRecord<RefsObject>(EncodeRecord(SampleRefs(3)));
  ASSERT_TRUE(refs.ok()) << refs.status();
  EXPECT_TRUE(*refs == SampleRefs(3));
  RefsObject moved = SampleRefs(0);
  moved.moved_to = RepoId{"github.com", "new", "name"};
  refs = DecodeRecord<RefsObject>(EncodeRecord(moved));
  ASSERT_TRUE(refs.ok()) << refs.status();
  EXPECT_TRUE(*refs == moved);
}

TEST(RecordTest, IsJsonWithTheFieldNamesOfTheProto) {
  std::string json = EncodeRecord(SampleCheckpoint(kLayout, 1));
  EXPECT_TRUE(absl::StrContains(
      json, "\"last_modified\": \"Wed, 21 Oct 2015 07:28:00 GMT\""));
  EXPECT_TRUE(absl::StrContains(
      json, "\"created_at\": \"2023-11-14T22:13:20.123457Z\""));
}

TEST(RecordTest, FieldsOfALaterVersionArePassedOver) {
  TreeObject tree = SampleTree(kLayout, 1);
  std::string json = absl::StrReplaceAll(
      EncodeRecord(tree),
      {{"\"route\"", "\"later\": [{\"x\": 1}], \"route\""}});
  EXPECT_EQ(DecodeRecord<TreeObject>(json)->key, tree.key);
}

TEST(RecordTest, ATreeOfBeforeDigestsWereKeptHasNone) {
  TreeObject tree = SampleTree(kLayout, 1);
  std::string json =
      absl::StrReplaceAll(EncodeRecord(tree), {{"\"digest\"", "\"later\""}});
  EXPECT_EQ(DecodeRecord<TreeObject>(json)->digest, "");
}

TEST(RecordTest, WhatIsNoRecordIsDataLoss) {
  for (const std::string& content :
       {std::string(), std::string("{"), std::string("{}"), std::string("[]"),
        std::string(4096, '\0'), EncodeRecord(SampleTree(kLayout, 1)).substr(9),
        EncodeRecord(SampleRefs(1))}) {
    EXPECT_TRUE(
        absl::IsDataLoss(DecodeRecord<CheckpointObject>(content).status()));
    EXPECT_TRUE(
        absl::IsDataLoss(DecodeRecord<UnpackedObject>(content).status()));
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeRecord<TreeObject>("{}").status()));
  EXPECT_TRUE(absl::IsDataLoss(DecodeRecord<RefsObject>("{}").status()));
}

TEST(RecordTest, NamesThatWouldLeadOutOfTheRootAreDataLoss) {
  TreeObject tree = SampleTree(kLayout, 1);
  tree.key.repo.owner = "..";
  EXPECT_FALSE(DecodeRecord<TreeObject>(EncodeRecord(tree)).ok());
  tree = SampleTree(kLayout, 1);
  tree.key.route = "../x";
  EXPECT_FALSE(DecodeRecord<TreeObject>(EncodeRecord(tree)).ok());
  tree = SampleTree(kLayout, 1);
  tree.digest = "x";
  EXPECT_FALSE(DecodeRecord<TreeObject>(EncodeRecord(tree)).ok());
  UnpackedObject unpacked = SampleUnpacked(kLayout, 1);
  unpacked.sha256 = "../../x";
  EXPECT_FALSE(DecodeRecord<UnpackedObject>(EncodeRecord(unpacked)).ok());
}

}  // namespace
}  // namespace hubd
