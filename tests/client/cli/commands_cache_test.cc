#include "client/cli/commands_cache.h"

#include <gmock/gmock.h>

#include "absl/time/clock.h"
#include "tests/client/cli/hubctl_fixture.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

int64_t DaysAgo(int days) {
  return absl::ToUnixSeconds(absl::Now() - days * absl::Hours(24)) - 60;
}

TEST_F(HubctlTest, CacheLsShowsTreesCheckpointsAndTheTotal) {
  v1::Tree tree = daemon_.load.tree();
  tree.set_created_at(DaysAgo(4));
  daemon_.trees = {tree};
  v1::Checkpoint checkpoint = daemon_.checkpoint;
  checkpoint.set_size_bytes(1900000000);
  checkpoint.set_created_at(DaysAgo(1));
  daemon_.checkpoints = {checkpoint, checkpoint};
  const Ended ended = Hubctl({"cache", "ls"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out,
            "REPO                    COMMIT          SIZE  MADE\n"
            "github.com/hubd/sample  1a2b3c4d5e6f  1.2 MB  4 days ago\n"
            "\n"
            "SHA256          SIZE  FETCHED    URL\n"
            "aaaaaaaaaaaa  1.9 GB  1 day ago  https://example.com/model.pth\n"
            "aaaaaaaaaaaa  1.9 GB  1 day ago  https://example.com/model.pth\n"
            "\n"
            "1 tree, 2 checkpoints, 3.8 GB\n");
  const std::string json = Hubctl({"cache", "ls", "--json"}).out;
  EXPECT_THAT(json, HasSubstr("\"trees\": ["));
  EXPECT_THAT(json, HasSubstr("\"checkpoints\": ["));
}

TEST_F(HubctlTest, CacheVerifyOfASoundCacheIsOneLine) {
  daemon_.verified.set_trees(1);
  daemon_.verified.set_blobs(2);
  daemon_.verified.set_bytes(1900000000);
  daemon_.verified.set_complete(true);
  const Ended ended = Hubctl({"cache", "verify"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, "1 tree, 2 blobs, 1.9 GB read: nothing is damaged\n");
  EXPECT_EQ(Hubctl({"cache", "verify", "-q"}).out, "");
}

TEST_F(HubctlTest, CacheVerifyNamesEachDamageAndExitsWithSeven) {
  v1::Damage& damage = *daemon_.verified.add_damages();
  damage.set_kind("tree");
  damage.set_name("github.com/o/r at abc");
  damage.set_path("/cache/t");
  damage.set_problem("it is gone");
  damage.set_removed(true);
  daemon_.verified.set_trees(1);
  Ended ended = Hubctl({"cache", "verify", "o/r:abcd"});
  EXPECT_EQ(daemon_.last_verify().repo(), "o/r:abcd");
  EXPECT_EQ(ended.code, 7);
  EXPECT_EQ(ended.out,
            "damaged: tree github.com/o/r at abc: it is gone (/cache/t); "
            "removed: the next call fetches it anew\n"
            "1 tree, 0 blobs, 0 B read: 1 damaged; run it again for the "
            "rest\n");
  ended = Hubctl({"cache", "verify", "--json"});
  EXPECT_EQ(ended.code, 7);
  EXPECT_EQ(ended.out.substr(0, 14), "{\"kind\":\"tree\"");
  EXPECT_THAT(ended.out, HasSubstr("}\n{\"trees\":\"1\""));
}

TEST_F(HubctlTest, CacheLsOfAnEmptyCacheIsTheTotal) {
  EXPECT_EQ(Hubctl({"cache", "ls"}).out, "0 trees, 0 checkpoints, 0 B\n");
}

TEST_F(HubctlTest, CacheVerifyQuickSaysHowMuchWasNotRead) {
  daemon_.verified.set_trees(1);
  daemon_.verified.set_unchanged(7);
  daemon_.verified.set_complete(true);
  EXPECT_EQ(Hubctl({"cache", "verify", "--quick"}).out,
            "1 tree, 0 blobs, 0 B read, 7 unchanged: nothing is damaged\n");
  EXPECT_TRUE(daemon_.last_verify().quick());
  Hubctl({"cache", "verify"});
  EXPECT_FALSE(daemon_.last_verify().quick());
}

TEST_F(HubctlTest, CacheRepairNamesEachAndExitsWithSevenWhereOneStaysDamaged) {
  daemon_.verified.set_blobs(2);
  daemon_.verified.set_complete(true);
  v1::Damage& damage = *daemon_.verified.add_damages();
  damage.set_kind("blob");
  damage.set_name("https://h/w");
  damage.set_path("/cache/b");
  damage.set_problem("it is gone");
  damage.set_repaired(true);
  Ended ended = Hubctl({"cache", "repair", "o/r", "--quick"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out,
            "repaired: blob https://h/w: it is gone (/cache/b)\n"
            "0 trees, 2 blobs, 0 B read: 1 repaired\n");
  EXPECT_EQ(daemon_.last_repair().verify().repo(), "o/r");
  EXPECT_TRUE(daemon_.last_repair().verify().quick());
  EXPECT_FALSE(daemon_.last_repair().offline());
  damage.set_repaired(false);
  damage.set_unrepaired("server answered 404");
  ended = Hubctl({"cache", "repair", "--offline"});
  EXPECT_EQ(ended.code, 7);
  EXPECT_EQ(ended.out,
            "damaged: blob https://h/w: it is gone (/cache/b); not repaired: "
            "server answered 404\n"
            "0 trees, 2 blobs, 0 B read: 1 left damaged\n");
  EXPECT_TRUE(daemon_.last_repair().offline());
  EXPECT_THAT(Hubctl({"cache", "repair", "--json"}).out,
              HasSubstr("\"unrepaired\":\"server answered 404\"}\n{"));
}

TEST_F(HubctlTest, CacheRepairTellsWhatIsGoneFromWhatStays) {
  daemon_.verified.set_complete(true);
  daemon_.verified.add_damages()->set_repaired(true);
  daemon_.verified.add_damages()->set_removed(true);
  daemon_.verified.add_damages();
  // Removed before it was fetched.
  daemon_.verified.mutable_damages(0)->set_removed(true);
  const Ended ended = Hubctl({"cache", "repair"});
  EXPECT_EQ(ended.code, 7);
  EXPECT_THAT(ended.out, HasSubstr("; removed; not repaired: "));
  EXPECT_THAT(ended.out, HasSubstr("0 B read: 1 repaired, 1 removed and not "
                                   "fetched again, 1 left damaged\n"));
}

TEST_F(HubctlTest, CacheRepairThatCouldNotReadAllIsNotDone) {
  daemon_.verified.set_complete(false);
  EXPECT_EQ(Hubctl({"cache", "repair"}).code, 7);
}

TEST_F(HubctlTest, CachePruneSaysWhatWentAndWhatStays) {
  daemon_.pruned.set_removed(1);
  daemon_.pruned.set_removed_bytes(1900000000);
  Ended ended = Hubctl({"cache", "prune", "--partials"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out, "1 unfinished download removed, 1.9 GB\n");
  EXPECT_TRUE(daemon_.last_prune().partials());
  daemon_.pruned.set_in_use(2);
  daemon_.pruned.set_in_use_bytes(3000);
  EXPECT_EQ(Hubctl({"cache", "prune", "--partials"}).out,
            "1 unfinished download removed, 1.9 GB; 2 in use, 3.0 kB, stay\n");
  EXPECT_EQ(Hubctl({"cache", "prune", "--partials", "-q"}).out, "");
  EXPECT_THAT(Hubctl({"cache", "prune", "--partials", "--json"}).out,
              HasSubstr("\"in_use_bytes\": \"3000\""));
}

TEST_F(HubctlTest, CachePruneOfNothingIsMisuse) {
  const Ended ended = Hubctl({"cache", "prune"});
  EXPECT_EQ(ended.code, 2);
  EXPECT_THAT(ended.err, HasSubstr("--partials"));
}

}  // namespace
}  // namespace hubd
