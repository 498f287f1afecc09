#include "server/fetch/known_repo.h"

#include <vector>

#include "gtest/gtest.h"
#include "tests/server/fetch/fetch_fixture.h"

namespace hubd {
namespace {

const RepoId kOld = {"github.com", "old", "n"};
const RepoId kNew = {"github.com", "new", "n"};
const RepoId kNewest = {"github.com", "newest", "n"};

class KnownRepoTest : public FetchFixture {
 protected:
  void Publish(const RepoId& repo, std::optional<RepoId> moved_to) {
    RefsObject refs;
    refs.repo = repo;
    refs.asked_at = clock_.Now();
    refs.moved_to = std::move(moved_to);
    if (!refs.moved_to) refs.advertisement.head = "refs/heads/main";
    HUBD_CHECK(store_->PublishRefs(refs).ok());
  }

  KnownRepo LookUp(const RepoId& repo) {
    absl::StatusOr<KnownRepo> known = LookUpRepo(store_->catalog(), repo);
    HUBD_CHECK(known.ok());
    return *std::move(known);
  }
};

TEST_F(KnownRepoTest, OfOneThatIsNotKnownThereIsTheName) {
  KnownRepo known = LookUp(kOld);
  EXPECT_EQ(known.names, std::vector<RepoId>{kOld});
  EXPECT_EQ(known.refs, nullptr);
}

TEST_F(KnownRepoTest, NamesAreFollowedAndTheOldestAnswerCounts) {
  const absl::Time first = clock_.Now();
  Publish(kOld, kNew);
  clock_.Advance(absl::Seconds(1));
  Publish(kNew, kNewest);
  clock_.Advance(absl::Seconds(1));
  Publish(kNewest, std::nullopt);
  KnownRepo known = LookUp(kOld);
  EXPECT_EQ(known.names, (std::vector<RepoId>{kOld, kNew, kNewest}));
  EXPECT_EQ(known.id(), kNewest);
  ASSERT_NE(known.refs, nullptr);
  EXPECT_EQ(known.refs->advertisement.head, "refs/heads/main");
  EXPECT_EQ(known.asked_at, first);
  EXPECT_EQ(LookUp(kNewest).asked_at, first + absl::Seconds(2));
}

TEST_F(KnownRepoTest, ACircleSaysNothing) {
  Publish(kOld, kNew);
  Publish(kNew, kOld);
  EXPECT_EQ(LookUp(kOld).names, std::vector<RepoId>{kOld});
  EXPECT_EQ(LookUp(kOld).refs, nullptr);
}

TEST_F(KnownRepoTest, KnowsWhoseCodeItIs) {
  EXPECT_TRUE(IsAnotherOwner(kOld, kNew));
  EXPECT_TRUE(IsAnotherOwner({"a.org", "o", "n"}, {"b.org", "o", "n"}));
  EXPECT_FALSE(IsAnotherOwner({"a.org", "o", "n"}, {"a.org", "O", "m"}));
}

}  // namespace
}  // namespace hubd
