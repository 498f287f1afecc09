#include "server/rpc/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/base/status.h"
#include "server/fetch/lock_file.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;

TEST(ConvertTest, ASelectorBecomesATreeRequest) {
  v1::TreeSelector selector;
  selector.set_repo("o/r:v1");
  selector.set_default_ref(v1::DEFAULT_REF_MASTER);
  selector.set_refresh(true);
  selector.set_skip_validation(true);
  selector.set_offline(true);
  absl::StatusOr<TreeRequest> request = FromProto(selector);
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->spec.id.ToString(), "github.com/o/r");
  EXPECT_EQ(request->spec.ref, "v1");
  EXPECT_EQ(request->default_ref, DefaultRef::kMaster);
  EXPECT_TRUE(request->refresh && request->skip_validation && request->offline);
}

TEST(ConvertTest, TheCallersEnvironmentIsLentAndBounded) {
  v1::TreeSelector selector;
  selector.set_repo("o/r");
  EXPECT_EQ(FromProto(selector)->environment, nullptr);
  (*selector.mutable_environment())["HOME"] = "/h\xff";
  EXPECT_EQ(VariableOf(FromProto(selector)->environment, "HOME"), "/h\xff");
  EXPECT_EQ(VariableOf(FromProto(selector)->environment, "PATH"), "");
  (*selector.mutable_environment())["PATH"] = std::string(256 << 10, 'x');
  EXPECT_EQ(FromProto(selector).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ConvertTest, AFetchLendsItsCallersEnvironment) {
  v1::FetchStateDictRequest request;
  EXPECT_EQ(FromProto(request)->environment, nullptr);
  (*request.mutable_environment())["all_proxy"] = "p";
  EXPECT_EQ(VariableOf(FromProto(request)->environment, "all_proxy"), "p");
  (*request.mutable_environment())["all_proxy"] = std::string(257 << 10, 'x');
  EXPECT_EQ(FromProto(request).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ConvertTest, WhatIsVerifiedIsNamedByRepoAndCommit) {
  v1::VerifyRequest request;
  EXPECT_FALSE(FromProto(request)->repo.has_value());
  request.set_repo("o/r:abcd");
  EXPECT_EQ(FromProto(request)->repo->ToString(), "github.com/o/r");
  EXPECT_EQ(FromProto(request)->commit_prefix, "abcd");
  for (const std::string& ref :
       {std::string("main"), std::string("abc"), std::string(41, 'a')}) {
    request.set_repo("o/r:" + ref);
    EXPECT_EQ(FromProto(request).status().code(),
              absl::StatusCode::kInvalidArgument)
        << ref;
  }
}

TEST(ConvertTest, ADamageKeepsWhatItSays) {
  VerifyReport report;
  report.trees = 1;
  report.complete = false;
  report.damages = {{.kind = Damage::Kind::kBlob,
                     .name = "odd \xff",
                     .path = "/p",
                     .expected = "e",
                     .actual = "a",
                     .problem = "why",
                     .removed = true}};
  const v1::VerifyResult proto = ToProto(report);
  EXPECT_EQ(proto.trees(), 1);
  EXPECT_FALSE(proto.complete());
  ASSERT_EQ(proto.damages_size(), 1);
  EXPECT_EQ(proto.damages(0).kind(), "blob");
  EXPECT_EQ(proto.damages(0).name(), "odd \uFFFD");
  EXPECT_EQ(proto.damages(0).problem(), "why");
  EXPECT_TRUE(proto.damages(0).removed());
}

TEST(ConvertTest, WhatIsImportedIsAnAbsolutePathAndRepos) {
  v1::ImportRequest request;
  request.set_directory("/old");
  request.add_repos("O/r_x:v1");
  const absl::StatusOr<ImportRequest> import = FromProto(request);
  ASSERT_TRUE(import.ok()) << import.status();
  EXPECT_EQ(import->directory, "/old");
  ASSERT_EQ(import->repos.size(), 1u);
  EXPECT_EQ(import->repos[0].owner, "O");
  EXPECT_EQ(import->repos[0].spec.id.ToString(), "github.com/o/r_x");
  for (const std::string& directory :
       {std::string("old"), std::string(), std::string("/o\0d", 4)}) {
    v1::ImportRequest other;
    other.set_directory(directory);
    EXPECT_EQ(FromProto(other).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  request.add_repos("none");
  EXPECT_EQ(ReasonOf(FromProto(request).status()), Reason::kInvalidRepo);
  request.clear_repos();
  for (int i = 0; i <= 1000; ++i) request.add_repos("o/r");
  EXPECT_FALSE(FromProto(request).ok());
}

TEST(ConvertTest, AnImportIsShownCleanAndShort) {
  ImportReport report;
  report.skipped = 3;
  report.complete = false;
  report.entries = {{.kind = ImportEntry::Kind::kCheckpoint,
                     .path = "odd \xff",
                     .name = "n",
                     .size_bytes = 4,
                     .how = "link"},
                    {.problem = std::string(5000, 'x')}};
  const v1::ImportResult proto = ToProto(report);
  EXPECT_EQ(proto.skipped(), 3);
  EXPECT_FALSE(proto.complete());
  EXPECT_EQ(proto.entries(0).kind(), "checkpoint");
  EXPECT_EQ(proto.entries(0).path(), "odd \uFFFD");
  EXPECT_EQ(proto.entries(0).how(), "link");
  EXPECT_EQ(proto.entries(1).kind(), "other");
  EXPECT_LE(proto.entries(1).problem().size(), 1024u);
}

TEST(ConvertTest, AnImportedTreeIsListedByItsRef) {
  TreeObject tree;
  tree.key.commit = std::string(40, 'a');
  EXPECT_EQ(ToProto(tree).ref(), tree.key.commit);
  tree.imported = {"main", {}};
  EXPECT_EQ(ToProto(tree).ref(), "main");
}

std::string SampleLock() {
  LockFile lock;
  lock.Put(LockedRepo{.repo = {"github.com", "o", "r"},
                      .ref = "main",
                      .commit = std::string(40, 'c'),
                      .route = "archive",
                      .digest = std::string(64, 'd')});
  lock.Put(LockedCheckpoint{"https://h.org/x", std::string(64, 'a')});
  return lock.Format();
}

TEST(ConvertTest, ACommitIsTakenWhateverTheRef) {
  v1::TreeSelector selector;
  selector.set_repo("o/r:main");
  selector.set_commit(std::string(40, 'c'));
  absl::StatusOr<TreeRequest> request = FromProto(selector);
  ASSERT_TRUE(request.ok());
  EXPECT_EQ(request->spec.ref, std::string(40, 'c'));
  EXPECT_EQ(request->pin->ref, "main");
  EXPECT_EQ(request->pin->digest, "");
  selector.set_commit("main");
  EXPECT_EQ(FromProto(selector).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ConvertTest, UnderALockARepoIsTheLockedCommit) {
  v1::TreeSelector selector;
  selector.set_repo("o/r");
  selector.set_lock(SampleLock());
  absl::StatusOr<TreeRequest> request = FromProto(selector);
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->spec.ref, std::string(40, 'c'));
  EXPECT_EQ(request->pin->ref, "main");
  EXPECT_EQ(request->pin->route, "archive");
  EXPECT_EQ(request->pin->digest, std::string(64, 'd'));
  selector.set_commit(std::string(40, 'c'));
  EXPECT_TRUE(FromProto(selector).ok());
  selector.set_commit(std::string(40, 'b'));
  EXPECT_EQ(ReasonOf(FromProto(selector).status()), Reason::kNotLocked);
  selector.set_repo("o/other");
  EXPECT_EQ(ReasonOf(FromProto(selector).status()), Reason::kNotLocked);
  selector.set_lock("");
  EXPECT_EQ(ReasonOf(FromProto(selector).status()), Reason::kInvalidLock);
}

TEST(ConvertTest, UnderALockAUrlHasTheLockedDigest) {
  v1::FetchStateDictRequest request;
  request.set_url("https://h.org/x");
  request.set_refresh(true);
  request.set_lock(SampleLock());
  EXPECT_EQ(FromProto(request)->sha256_prefix, std::string(64, 'a'));
  EXPECT_TRUE(FromProto(request)->locked);
  EXPECT_FALSE(FromProto(request)->refresh);
  request.set_sha256_prefix("aaaa");
  EXPECT_EQ(FromProto(request)->sha256_prefix, std::string(64, 'a'));
  request.set_sha256_prefix("bbbb");
  EXPECT_EQ(ReasonOf(FromProto(request).status()), Reason::kDigestMismatch);
  request.set_url("https://h.org/y");
  EXPECT_EQ(ReasonOf(FromProto(request).status()), Reason::kNotLocked);
  request.set_lock("[");
  EXPECT_EQ(ReasonOf(FromProto(request).status()), Reason::kInvalidLock);
}

TEST(ConvertTest, ADefaultRefOfALaterVersionIsRefused) {
  v1::TreeSelector selector;
  selector.set_repo("o/r");
  selector.set_default_ref(static_cast<v1::DefaultRef>(99));
  EXPECT_EQ(FromProto(selector).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(ConvertTest, ADigestIsLowerCaseHexOfAtMostSixtyFourDigits) {
  v1::FetchStateDictRequest request;
  for (const std::string& good :
       {std::string(), std::string("a"), std::string(64, '0')}) {
    request.set_sha256_prefix(good);
    EXPECT_EQ(FromProto(request)->sha256_prefix, good);
  }
  for (const std::string& bad :
       {std::string("A"), std::string("0x12"), std::string(65, '0')}) {
    request.set_sha256_prefix(bad);
    EXPECT_EQ(FromProto(request).status().code(),
              absl::StatusCode::kInvalidArgument)
        << bad;
  }
}

TEST(ConvertTest, AnInterpreterIsNamedByAbsolutePaths) {
  v1::Interpreter interpreter;
  interpreter.set_executable("/usr/bin/python3");
  interpreter.set_prefix("/usr");
  interpreter.set_base_prefix("/usr");
  EXPECT_TRUE(CheckInterpreter(interpreter).ok());
  interpreter.add_site_directories("site-packages");
  EXPECT_FALSE(CheckInterpreter(interpreter).ok());
  interpreter.clear_site_directories();
  for (int i = 0; i < 65; ++i) interpreter.add_site_directories("/s");
  EXPECT_FALSE(CheckInterpreter(interpreter).ok());
  interpreter.clear_site_directories();
  interpreter.set_ld_library_path(std::string("/a\0b", 4));
  EXPECT_FALSE(CheckInterpreter(interpreter).ok());
  interpreter.clear_ld_library_path();
  interpreter.clear_base_prefix();
  EXPECT_FALSE(CheckInterpreter(interpreter).ok());
}

TEST(ConvertTest, PageSizes) {
  EXPECT_EQ(*PageSizeOf(0), 500);
  EXPECT_EQ(*PageSizeOf(1), 1);
  EXPECT_EQ(*PageSizeOf(501), 500);
  EXPECT_EQ(PageSizeOf(-1).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ConvertTest, ATreeInAListingIsNamedByItsCommit) {
  TreeObject tree;
  tree.key = {kSharedDomain, {"h", "o", "r"}, std::string(40, 'a'), "archive"};
  tree.path = "/p";
  tree.size_bytes = 7;
  tree.created_at = absl::FromUnixSeconds(5);
  v1::Tree proto = ToProto(tree);
  EXPECT_EQ(proto.repo(), "h/o/r");
  EXPECT_EQ(proto.ref(), tree.key.commit);
  EXPECT_EQ(proto.commit(), tree.key.commit);
  EXPECT_EQ(proto.route(), "archive");
  EXPECT_EQ(proto.path(), "/p");
  EXPECT_EQ(proto.size_bytes(), 7);
  EXPECT_EQ(proto.created_at(), 5);
}

TEST(ConvertTest, ATreeResultTellsRefAgeAndWarningsOnce) {
  TreeResult result;
  result.tree.warnings = {"w"};
  result.tree.digest = std::string(64, 'd');
  result.ref = "main";
  result.cached = true;
  result.stale_for = absl::Minutes(2);
  result.warnings = {"w", "odd \xff name"};
  result.ambiguous_ref = true;
  v1::Tree proto = ToProto(result);
  EXPECT_EQ(proto.ref(), "main");
  EXPECT_TRUE(proto.cached());
  EXPECT_EQ(proto.stale_for_seconds(), 120);
  EXPECT_EQ(proto.digest(), std::string(64, 'd'));
  EXPECT_TRUE(proto.ambiguous_ref());
  EXPECT_THAT(proto.warnings(), ElementsAre("w", "odd \uFFFD name"));
}

TEST(ConvertTest, ACheckpointTellsItsMembers) {
  CheckpointResult result;
  result.checkpoint.url = "https://h/x";
  result.checkpoint.sha256 = std::string(64, 'a');
  result.checkpoint.etag = "e\xff";
  result.unpacked.path = "/u";
  result.unpacked.members = {"b", "a"};
  v1::Checkpoint proto = ToProto(result);
  EXPECT_EQ(proto.url(), "https://h/x");
  EXPECT_EQ(proto.sha256(), result.checkpoint.sha256);
  EXPECT_EQ(proto.etag(), "e\uFFFD");
  EXPECT_EQ(proto.unpacked_path(), "/u");
  EXPECT_THAT(proto.members(), ElementsAre("b", "a"));
}

TEST(ConvertTest, ProgressKeepsPhaseAndBytes) {
  v1::Progress proto = ToProto(Progress{.phase = Progress::Phase::kDownloading,
                                        .subject = "s",
                                        .done_bytes = 1,
                                        .total_bytes = 2});
  EXPECT_EQ(proto.phase(), v1::Progress::DOWNLOADING);
  EXPECT_EQ(proto.subject(), "s");
  EXPECT_EQ(proto.done_bytes(), 1);
  EXPECT_EQ(proto.total_bytes(), 2);
}

}  // namespace
}  // namespace hubd
