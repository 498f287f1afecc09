#include "client/cli/commands_lock.h"

#include <gmock/gmock.h>

#include "server/base/fs.h"
#include "server/fetch/lock_file.h"
#include "tests/client/cli/hubctl_fixture.h"

namespace hubd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const std::string kDigest(64, 'd');

class LockTest : public HubctlTest {
 protected:
  LockTest() {
    daemon_.load.mutable_tree()->set_digest(kDigest);
    daemon_.checkpoint.set_sha256(std::string(64, 'a'));
  }

  Ended Lock(std::vector<std::string> things) {
    things.insert(things.begin(), {"lock", "--file", file_});
    return Hubctl(things);
  }

  LockFile Written() const { return *LockFile::Parse(*ReadFile(file_)); }

  const std::string file_ = directory_.Below("hubd.lock");
};

TEST_F(LockTest, WritesWhatTheOriginsHaveByNow) {
  const Ended ended = Lock({"hubd/sample", "https://example.com/model.pth"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out,
            "added github.com/hubd/sample:main 1a2b3c4d5e6f\n"
            "added https://example.com/model.pth aaaaaaaaaaaa\n");
  EXPECT_TRUE(daemon_.last_load().tree().refresh());
  EXPECT_TRUE(daemon_.last_fetch().refresh());
  const LockFile lock = Written();
  ASSERT_THAT(lock.repos(), SizeIs(1));
  EXPECT_EQ(lock.repos()[0].ref, "main");
  EXPECT_TRUE(lock.repos()[0].is_default);
  EXPECT_EQ(lock.repos()[0].digest, kDigest);
  EXPECT_EQ(lock.repos()[0].route, "archive");
  EXPECT_THAT(lock.checkpoints(), SizeIs(1));
}

TEST_F(LockTest, WritesAndShowsNoSignature) {
  const std::string url = "https://example.com/m?X-Amz-Signature=s";
  EXPECT_EQ(Lock({url}).out, "added https://example.com/m aaaaaaaaaaaa\n");
  EXPECT_EQ(daemon_.last_fetch().url(), url);
  EXPECT_EQ(Lock({url + "2"}).out,
            "unchanged https://example.com/m aaaaaaaaaaaa\n");
}

TEST_F(LockTest, WithoutNamesBringsAllUpToDateAndTellsWhatChanged) {
  ASSERT_EQ(Lock({"hubd/sample", "https://example.com/model.pth"}).code, 0);
  daemon_.load.mutable_tree()->set_commit(std::string(40, 'b'));
  EXPECT_EQ(Lock({}).out,
            "changed github.com/hubd/sample:main 1a2b3c4d5e6f -> "
            "bbbbbbbbbbbb\n"
            "unchanged https://example.com/model.pth aaaaaaaaaaaa\n");
  // It was locked by its default ref, which is asked for again.
  EXPECT_EQ(daemon_.last_load().tree().repo(), "github.com/hubd/sample");
  EXPECT_EQ(Written().repos()[0].commit, std::string(40, 'b'));
}

TEST_F(LockTest, ALockedCommitIsNotAskedForAgain) {
  const std::string commit(40, 'b');
  daemon_.load.mutable_tree()->set_commit(commit);
  daemon_.load.mutable_tree()->set_ref(commit);
  ASSERT_EQ(Lock({"hubd/sample:" + commit}).code, 0);
  const int requests = daemon_.requests();
  EXPECT_THAT(Lock({}).out, HasSubstr("unchanged github.com/hubd/sample:bbbb"));
  EXPECT_EQ(daemon_.requests(), requests);
  EXPECT_THAT(Written().repos(), SizeIs(1));
}

TEST_F(LockTest, AFailureLeavesTheFileAsItWas) {
  ASSERT_EQ(Lock({"hubd/sample"}).code, 0);
  const std::string before = *ReadFile(file_);
  daemon_.load.mutable_tree()->set_commit(std::string(40, 'b'));
  daemon_.on_fetch = [](auto&, const auto&, const auto&) {
    return Failure(Reason::kCheckpointNotFound, "404");
  };
  EXPECT_EQ(Lock({"hubd/sample", "https://h.org/x"}).code, 5);
  EXPECT_EQ(*ReadFile(file_), before);
}

TEST_F(LockTest, WhatItsHostRefusesWithoutASignatureStaysLocked) {
  ASSERT_EQ(Lock({"https://h.org/x?X-Amz-Signature=s"}).code, 0);
  Metadata metadata = {{"http_status", "403"}};
  daemon_.on_fetch = [&metadata](auto&, const auto&, const auto&) {
    return Failure(Reason::kUpstreamForbidden, "it is refused", metadata);
  };
  const Ended ended = Lock({"hubd/sample"});
  EXPECT_EQ(ended.code, 0);
  const Ended all = Lock({});
  EXPECT_EQ(all.code, 0) << all.err;
  EXPECT_THAT(all.out, HasSubstr("unchanged https://h.org/x aaaaaaaaaaaa\n"));
  EXPECT_THAT(all.err, AllOf(HasSubstr("warning: it is refused"),
                             HasSubstr("hubctl lock URL")));
  EXPECT_THAT(Written().checkpoints(), SizeIs(1));
  EXPECT_THAT(Written().repos(), SizeIs(1));
  // Who names it wants to know.
  EXPECT_EQ(Lock({"https://h.org/x"}).code, 4);
  // A silence may pass.
  metadata["http_status"] = "503";
  EXPECT_NE(Lock({}).code, 0);
}

TEST_F(LockTest, AFileThatIsNoneIsNotReplaced) {
  ASSERT_TRUE(WriteFileDurably(file_, "version = 9\n", 0644).ok());
  const Ended ended = Lock({"hubd/sample"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, HasSubstr(file_));
  EXPECT_EQ(*ReadFile(file_), "version = 9\n");
}

TEST_F(LockTest, WithoutNamesAndFileSaysHowToBegin) {
  const Ended ended = Lock({});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, HasSubstr("hubctl lock OWNER/NAME"));
}

TEST_F(LockTest, ATreeWithoutADigestIsNotLocked) {
  daemon_.load.mutable_tree()->clear_digest();
  const Ended ended = Lock({"hubd/sample"});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, HasSubstr("hubctl cache verify"));
}

TEST_F(LockTest, JsonTellsTheSame) {
  const std::string out = Lock({"hubd/sample", "--json"}).out;
  EXPECT_THAT(out, HasSubstr("\"change\": \"added\""));
  EXPECT_THAT(out, HasSubstr("\"name\": \"github.com/hubd/sample:main\""));
}

TEST_F(LockTest, LockedCommandsSendTheFile) {
  ASSERT_TRUE(WriteFileDurably(file_, "the text", 0644).ok());
  Hubctl({"load", "o/r", "--lock-file", file_});
  EXPECT_EQ(daemon_.last_load().tree().lock(), "the text");
  Hubctl({"list", "o/r", "--lock-file", file_});
  EXPECT_EQ(daemon_.last_list().tree().lock(), "the text");
  Hubctl({"help", "o/r", "e", "--lock-file", file_});
  EXPECT_EQ(daemon_.last_help().tree().lock(), "the text");
  Hubctl({"fetch", "https://h.org/x", "--lock-file", file_});
  EXPECT_EQ(daemon_.last_fetch().lock(), "the text");
  Hubctl({"load", "o/r"});
  EXPECT_FALSE(daemon_.last_load().tree().has_lock());
}

TEST_F(LockTest, WithoutTheFileNothingIsAskedFor) {
  const Ended ended = Hubctl({"load", "o/r", "--lock-file", file_});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, HasSubstr(file_));
  EXPECT_EQ(daemon_.requests(), 0);
}

}  // namespace
}  // namespace hubd
