#include "server/fetch/lfs_content.h"

#include <sys/stat.h>

#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/beneath.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/fetch/fetch_fixture.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kBatch[] =
    "https://git.example.org/o/n.git/info/lfs/objects/batch";

class LfsContentTest : public FetchFixture {
 protected:
  LfsContentTest() { HUBD_CHECK(MakeDirectories(tree_ + "/w", 0755).ok()); }

  static std::string Url(const std::string& content) {
    return "https://objects/" + Sha256Hex(content);
  }
  // A pointer at `path` to `content`.
  void AddPointer(const std::string& path, const std::string& content,
                  int mode = 0644) {
    HUBD_CHECK(WriteFileDurably(tree_ + "/" + path, "pointer", mode).ok());
    tree_files_.lfs_files.push_back(
        {path,
         LfsObject{Sha256Hex(content), static_cast<int64_t>(content.size())}});
    tree_files_.size_bytes += 7;
  }
  // The server names a download for each of these.
  void ServeBatch(const std::vector<std::string>& contents) {
    std::vector<std::string> objects;
    for (const std::string& content : contents) {
      objects.push_back(absl::StrCat(R"({"oid": ")", Sha256Hex(content),
                                     R"(", "actions": {"download": {"href": ")",
                                     Url(content), "\"}}}"));
    }
    http_.Serve(
        kBatch,
        absl::StrCat(R"({"objects": [)", absl::StrJoin(objects, ","), "]}"),
        {{"content-type", "application/vnd.git-lfs+json"}});
  }
  void ServeStatus(const std::string& url, int status) {
    FakeHttpTransport::Answer answer;
    answer.response.status = status;
    http_.Set(url, answer);
  }
  absl::StatusOr<UnpackedTree> Run(FlightTable::Context& flight,
                                   const ArchiveLimits& limits = {}) {
    const UniqueFd root(open(tree_.c_str(), static_cast<int>(kOpenFolder)));
    UnpackMeter meter(limits, flight.stop());
    return WithLfsContent(context(), key_, root.get(), tree_files_, meter,
                          flight);
  }
  absl::StatusOr<UnpackedTree> Run() { return Run(flight_); }
  std::string Content(const std::string& path) {
    return ReadFile(tree_ + "/" + path).value_or("no file");
  }
  int ModeOf(const std::string& path) {
    struct stat info = {};
    EXPECT_EQ(lstat((tree_ + "/" + path).c_str(), &info), 0);
    return info.st_mode & 07777;
  }
  // How often a URL was asked for.
  int Asked(const std::string& url) {
    int count = 0;
    for (const auto& request : http_.requests()) count += request.url == url;
    return count;
  }

  TreeKey key_ = {kSharedDomain,
                  {"git.example.org", "o", "n"},
                  std::string(40, 'a'),
                  "git"};
  const std::string tree_ = temp_.path() + "/tree";
  UnpackedTree tree_files_;
  FreeFlight flight_;
};

TEST_F(LfsContentTest, PointersStayWhereTheRepoIsNotOverHttps) {
  AddPointer("model.pth", "weights");
  for (const char* host : {"ssh://git@h.org", "file://"}) {
    key_.repo.host = host;
    const auto tree = Run();
    ASSERT_TRUE(tree.ok()) << tree.status();
    EXPECT_THAT(tree->warnings, ElementsAre(HasSubstr("over HTTPS only")));
    EXPECT_TRUE(http_.requests().empty());
  }
}

TEST_F(LfsContentTest, PutsContentInThePlaceOfPointers) {
  AddPointer("model.pth", "weights");
  AddPointer("w/run", "#!/bin/sh\n", 0755);
  ServeBatch({"weights", "#!/bin/sh\n"});
  http_.Serve(Url("weights"), "weights");
  http_.Serve(Url("#!/bin/sh\n"), "#!/bin/sh\n");
  const auto tree = Run();
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(Content("model.pth"), "weights");
  EXPECT_EQ(ModeOf("model.pth"), 0644);
  EXPECT_EQ(Content("w/run"), "#!/bin/sh\n");
  EXPECT_EQ(ModeOf("w/run"), 0755);
  EXPECT_EQ(tree->size_bytes, 17);
  EXPECT_THAT(tree->warnings, IsEmpty());
  EXPECT_THAT(tree->lfs_files, IsEmpty());
  EXPECT_EQ(flight_.reports().back().done_bytes, 17);
  EXPECT_EQ(flight_.reports().back().total_bytes, 17);
  EXPECT_TRUE(ListDirectory(store_->layout().tmp())->empty());
}

TEST_F(LfsContentTest, FetchesTheSameContentOnce) {
  for (const char* path : {"a", "b", "w/c"}) AddPointer(path, "same");
  ServeBatch({"same"});
  http_.Serve(Url("same"), "same");
  ASSERT_TRUE(Run().ok());
  for (const char* path : {"a", "b", "w/c"}) EXPECT_EQ(Content(path), "same");
  EXPECT_EQ(Asked(Url("same")), 1);
}

TEST_F(LfsContentTest, AsksForAHundredAtOnce) {
  std::vector<std::string> contents;
  for (int i = 0; i < 250; ++i) {
    contents.push_back(absl::StrCat("content ", i));
    AddPointer(absl::StrCat("f", i), contents.back());
    http_.Serve(Url(contents.back()), contents.back());
  }
  ServeBatch(contents);
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(Content("f249"), "content 249");
  EXPECT_EQ(Asked(kBatch), 3);
}

TEST_F(LfsContentTest, LeavesPointersWhereThereIsNoServer) {
  for (int i = 0; i < 150; ++i) {
    AddPointer(absl::StrCat("f", 100 + i), absl::StrCat(i));
  }
  ServeStatus(kBatch, 404);
  const auto tree = Run();
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_THAT(
      tree->warnings,
      ElementsAre(testing::AllOf(
          HasSubstr("of 150 files the tree has the pointers of Git LFS only, "
                    "not the content: \"f100\", \"f101\", \"f102\", \"f103\", "
                    "\"f104\", ...; "),
          HasSubstr("HTTP 404"))));
  EXPECT_EQ(Content("f100"), "pointer");
  EXPECT_EQ(tree->size_bytes, 150 * 7);
  EXPECT_EQ(Asked(kBatch), 1);
}

TEST_F(LfsContentTest, SaysWhyPointersStay) {
  AddPointer("a\x1b[31m", "private");
  AddPointer("good", "good");
  tree_files_.lfs_files.push_back({"odd", std::nullopt});
  ServeBatch({"private", "good"});
  http_.Serve(Url("good"), "good");
  ServeStatus(Url("private"), 403);
  const auto tree = Run();
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(Content("good"), "good");
  EXPECT_THAT(tree->warnings, testing::UnorderedElementsAre(
                                  testing::AllOf(HasSubstr("a\\x1b[31m"),
                                                 HasSubstr("HTTP 403")),
                                  HasSubstr("\"odd\"; hubd cannot read")));
  // Leave to download it may have ended: the server was asked for it again.
  EXPECT_EQ(Asked(Url("private")), 2);
  EXPECT_EQ(Asked(kBatch), 2);
}

TEST_F(LfsContentTest, KeepsTheReasonsFew) {
  std::vector<std::string> contents;
  for (int i = 0; i < 20; ++i) {
    contents.push_back(absl::StrCat(i));
    AddPointer(absl::StrCat("f", i), contents.back());
    ServeStatus(Url(contents.back()), 404);
  }
  ServeBatch(contents);
  const auto tree = Run();
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_THAT(tree->warnings, SizeIs(6));
}

TEST_F(LfsContentTest, FailsWhereOtherBytesCome) {
  for (const char* bytes : {"weight", "weights!", "WEIGHTS"}) {
    tree_files_ = {};
    AddPointer("model.pth", "weights");
    ServeBatch({"weights"});
    http_.Serve(Url("weights"), bytes);
    const absl::Status status = Run().status();
    EXPECT_EQ(ReasonOf(status), Reason::kDigestMismatch) << bytes;
    EXPECT_THAT(std::string(status.message()),
                testing::AllOf(HasSubstr("git.example.org/o/n"),
                               HasSubstr("\"model.pth\""),
                               HasSubstr(Sha256Hex("weights")),
                               HasSubstr("Try again later")));
    EXPECT_EQ(Content("model.pth"), "pointer");
    EXPECT_TRUE(ListDirectory(store_->layout().tmp())->empty());
  }
}

TEST_F(LfsContentTest, FailsWhereTheHostFails) {
  AddPointer("model.pth", "weights");
  for (int status : {429, 500, 503}) {
    ServeStatus(kBatch, status);
    const absl::Status failed = Run().status();
    EXPECT_TRUE(absl::IsUnavailable(failed)) << failed;
    EXPECT_THAT(std::string(failed.message()), HasSubstr("\"model.pth\""));
    ServeBatch({"weights"});
    ServeStatus(Url("weights"), status);
    EXPECT_TRUE(absl::IsUnavailable(Run().status()));
  }
}

TEST_F(LfsContentTest, TakesNoMoreThanTheLimits) {
  AddPointer("a", "12345");
  AddPointer("b", "12345");
  ServeBatch({"12345"});
  http_.Serve(Url("12345"), "12345");
  const absl::Status status = Run(flight_, {.max_bytes = 9}).status();
  EXPECT_EQ(ReasonOf(status), Reason::kBadArchive) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("max_bytes"));
  EXPECT_TRUE(Run(flight_, {.max_bytes = 10}).ok());
}

TEST_F(LfsContentTest, GoesThroughNoLink) {
  HUBD_CHECK(MakeDirectories(temp_.path() + "/out", 0755).ok());
  AddPointer("w/a", "evil");
  HUBD_CHECK(RemoveAll(tree_ + "/w").ok());
  HUBD_CHECK(symlink("../out", (tree_ + "/w").c_str()) == 0);
  const std::string theirs = temp_.path() + "/out/a";
  HUBD_CHECK(WriteFileDurably(theirs, "theirs", 0644).ok());
  ServeBatch({"evil"});
  http_.Serve(Url("evil"), "evil");
  EXPECT_FALSE(Run().ok());
  EXPECT_EQ(*ReadFile(theirs), "theirs");
}

// Is stopped by Stop.
class StoppableFlight final : public FlightTable::Context {
 public:
  int64_t id() const override { return 1; }
  std::stop_token stop() const override { return source_.get_token(); }
  void Report(const Progress&) override {}
  absl::Status Judge(const Fetched&) const override { return absl::OkStatus(); }
  void Stop() { source_.request_stop(); }

 private:
  std::stop_source source_;
};

TEST_F(LfsContentTest, EndsWhenStopped) {
  AddPointer("model.pth", "weights");
  ServeBatch({"weights"});
  FakeHttpTransport::Answer answer;
  answer.response.status = 200;
  answer.body = "weights";
  answer.held = true;
  http_.Set(Url("weights"), answer);
  StoppableFlight flight;
  std::jthread stopper([&] {
    http_.AwaitRequests(2);
    flight.Stop();
  });
  EXPECT_TRUE(absl::IsCancelled(Run(flight).status()));
}

}  // namespace
}  // namespace hubd
