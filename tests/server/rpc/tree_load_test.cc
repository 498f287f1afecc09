#include "server/rpc/tree_load.h"

#include <gtest/gtest.h>

#include <future>

#include "tests/server/rpc/rpc_fixture.h"

namespace hubd {
namespace {

class TreeLoadTest : public PartsFixture {
 protected:
  ~TreeLoadTest() override {
    OnIo([this] { load_ = nullptr; });
  }

  absl::StatusOr<TreeResult> Load(bool require_trust) {
    TreeLoadRequest request{.tree = {.spec = *ParseRepoSpec("o/r")},
                            .require_trust = require_trust,
                            .caller = caller_,
                            .hub_dir = "/hub"};
    std::promise<absl::StatusOr<TreeResult>> done;
    OnIo([&] {
      load_ = LoadTree(
          request, io_, disk_, admission_, fetcher_, [](const Progress&) {},
          [&](absl::StatusOr<TreeResult> result) {
            done.set_value(std::move(result));
          });
    });
    return done.get_future().get();
  }

  const Caller caller_{::getuid(), 0, 0};
  std::shared_ptr<void> load_;
};

TEST_F(TreeLoadTest, FetchesOnlyAfterTrust) {
  TreeObject tree = PublishTree("hubconf.py");
  EXPECT_EQ(ReasonOf(Load(true).status()), Reason::kRepoNotTrusted);
  EXPECT_EQ(git_.calls(), 0);
  ASSERT_TRUE(admission_.AddTrust(caller_, tree.key.repo, "/hub").ok());
  EXPECT_EQ(Load(true)->tree.path, tree.path);
}

TEST_F(TreeLoadTest, NeedsNoTrustWhereNoneIsAskedFor) {
  TreeObject tree = PublishTree("hubconf.py");
  EXPECT_EQ(Load(false)->tree.path, tree.path);
}

}  // namespace
}  // namespace hubd
