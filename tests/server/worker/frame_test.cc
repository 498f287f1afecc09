#include "server/worker/frame.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace hubd {
namespace {

std::string Frame(const std::string& body) {
  std::string frame("HUBD\x01", 5);
  for (int shift : {0, 8, 16, 24}) {
    frame.push_back(static_cast<char>(body.size() >> shift));
  }
  return frame + body;
}

TEST(FrameTest, ReadsAResult) {
  const auto result = ParseFrame(Frame(
      R"({"entrypoints": [{"name": "b", "summary": "B."}, {"name": "a"}],
          "dependencies": ["numpy"]})"));
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->entrypoints_size(), 2);
  EXPECT_EQ(result->entrypoints(0).name(), "a");
  EXPECT_EQ(result->entrypoints(1).summary(), "B.");
  EXPECT_EQ(result->dependencies(0), "numpy");
  EXPECT_FALSE(result->has_doc());
}

TEST(FrameTest, TellsAnEmptyDocFromNone) {
  EXPECT_TRUE(ParseFrame(Frame(R"({"doc": ""})"))->has_doc());
}

TEST(FrameTest, RefusesWhatIsNotExactlyOneFrame) {
  const std::string frame = Frame("{}");
  ASSERT_TRUE(ParseFrame(frame).ok());
  for (const std::string& bytes :
       {std::string(), std::string("HUBD"), std::string("HUBX\x01\0\0\0\0", 9),
        std::string("HUBD\x02\2\0\0\0{}", 11), frame + "x", frame + frame,
        frame.substr(0, frame.size() - 1), "x" + frame}) {
    EXPECT_FALSE(ParseFrame(bytes).ok()) << absl::CEscape(bytes);
  }
  std::string huge = Frame("{}");
  huge[8] = '\xff';
  EXPECT_FALSE(ParseFrame(huge).ok());
}

TEST(FrameTest, RefusesJsonThatDoesNotFit) {
  for (const std::string& body :
       {std::string(""), std::string("[]"), std::string("{"),
        std::string(R"({"repo": "victim/private"})"),
        std::string(R"({"entrypoints": {"name": 1}})"),
        std::string(1 << 20, '['),
        absl::StrCat(R"({"entrypoints":)", std::string(1 << 20, '['))}) {
    EXPECT_FALSE(ParseFrame(Frame(body)).ok()) << body.substr(0, 40);
  }
}

TEST(FrameTest, DropsNamesThatAreNoIdentifiersAndDoubles) {
  const std::string longest(128, 'n');
  const auto result = ParseFrame(Frame(absl::StrCat(
      R"({"entrypoints": [{"name": "a b"}, {"name": ""}, {"name": "1a"},
          {"name": "caf\u00e9"}, {"name": "\u001b[31m"}, {"name": "_ok"},
          {"name": "_ok", "summary": "again"}, {"name": "n)",
      longest, R"("}, {"name": ")", longest, R"("}]})")));
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->entrypoints_size(), 2);
  EXPECT_EQ(result->entrypoints(0).name(), "_ok");
  EXPECT_EQ(result->entrypoints(0).summary(), "");
  EXPECT_EQ(result->entrypoints(1).name(), longest);
  EXPECT_EQ(result->omitted_entrypoints(), 6);
}

TEST(FrameTest, BoundsWhatTheCodeSaysItLeavesOut) {
  const auto omitted = [](const std::string& count) {
    return ParseFrame(Frame(R"({"omittedEntrypoints": ")" + count +
                            R"(", "entrypoints": [{"name": "?"}]})"))
        ->omitted_entrypoints();
  };
  EXPECT_EQ(omitted("5"), 6);
  EXPECT_EQ(omitted("-5"), 1);
  EXPECT_EQ(omitted("9223372036854775807"), 1000000001);
}

TEST(FrameTest, BesideAFailureThereIsNothing) {
  const auto result = ParseFrame(Frame(
      R"({"failure": {"message": "m"}, "doc": "d", "signature": "s",
          "entrypoints": [{"name": "f"}], "dependencies": ["x"]})"));
  ASSERT_TRUE(result.ok()) << result.status();
  worker::v1::InspectResult expected;
  expected.mutable_failure()->set_message("m");
  EXPECT_EQ(result->SerializeAsString(), expected.SerializeAsString());
}

TEST(FrameTest, RefusesTooManyEntrypoints) {
  std::string list;
  for (int i = 0; i < 4096; ++i) {
    absl::StrAppend(&list, i ? "," : "", R"({"name": "f)", i, R"("})");
  }
  EXPECT_TRUE(ParseFrame(Frame(R"({"entrypoints": [)" + list + "]}")).ok());
  list += R"(,{"name": "more"})";
  EXPECT_FALSE(ParseFrame(Frame(R"({"entrypoints": [)" + list + "]}")).ok());
}

TEST(FrameTest, WhatGoesIntoAMessageStaysOnItsLine) {
  const auto result = ParseFrame(Frame(
      R"({"failure": {"exception": "E\nhubd: all is well", "message": "a\nb",
                      "missing": ["c\nd"]}})"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->failure().exception(), "E hubd: all is well");
  EXPECT_EQ(result->failure().message(), "a b");
  EXPECT_EQ(result->failure().missing(0), "c d");
  const auto list = ParseFrame(Frame(
      R"({"dependencies": ["e\nf"],
          "entrypoints": [{"name": "g", "summary": "h\ni"}]})"));
  ASSERT_TRUE(list.ok()) << list.status();
  EXPECT_EQ(list->dependencies(0), "e f");
  EXPECT_EQ(list->entrypoints(0).summary(), "h i");
}

TEST(FrameTest, CutsAndCleansTexts) {
  const std::string many(100000, 's');
  std::string list;
  for (int i = 0; i < 40; ++i) {
    absl::StrAppend(&list, i ? "," : "", R"({"name": "f)", i,
                    R"(", "summary": ")", many, R"("})");
  }
  const auto result = ParseFrame(
      Frame(absl::StrCat(R"({"doc": "\u001b\u202e)", many.substr(0, 70000),
                         R"(", "entrypoints": [)", list, "]}")));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(absl::StartsWith(result->doc(), "\xEF\xBF\xBD\xEF\xBF\xBDs"));
  EXPECT_EQ(result->doc().size(), 64u << 10);
  EXPECT_TRUE(result->doc_is_cut());
  EXPECT_FALSE(ParseFrame(Frame(R"({"doc": "d"})"))->doc_is_cut());
  size_t bytes = 0;
  for (const auto& entrypoint : result->entrypoints()) {
    EXPECT_LE(entrypoint.summary().size(), 64u << 10);
    bytes += entrypoint.summary().size();
  }
  EXPECT_EQ(bytes, 2u << 20);
  const auto failed = ParseFrame(Frame(
      absl::StrCat(R"({"failure": {"exception": "\u0007", "traceback": ")",
                   many, R"("}})")));
  EXPECT_EQ(failed->failure().exception(), "\xEF\xBF\xBD");
  EXPECT_EQ(failed->failure().traceback().size(), 2048u);
}

}  // namespace
}  // namespace hubd
