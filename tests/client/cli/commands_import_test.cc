#include "client/cli/commands_import.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "tests/client/cli/hubctl_fixture.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::ImportEntry Entry(const std::string& path, const std::string& kind,
                      const std::string& name, const std::string& how) {
  v1::ImportEntry entry;
  entry.set_path(path);
  entry.set_kind(kind);
  entry.set_name(name);
  entry.set_how(how);
  if (how.empty()) entry.set_problem("it is no file");
  return entry;
}

TEST_F(HubctlTest, ImportTellsWhatWasTakenAndWhatWasNot) {
  v1::ImportResult& result = daemon_.imported;
  *result.add_entries() =
      Entry("o_r_main", "tree", "github.com/o/r:main", "copy");
  result.mutable_entries(0)->set_size_bytes(1200);
  *result.add_entries() =
      Entry("trusted_list: \"o_r\"", "trust", "github.com/o/r", "added");
  *result.add_entries() = Entry("x\x1b", "other", "", "");
  result.set_trees(1);
  result.set_trusted(1);
  result.set_skipped(1);
  result.set_size_bytes(1200);
  const Ended ended = Hubctl(
      {"import", "/old//hub/", "--repo", "o/r_x", "--repo", "o/r_y:main"});
  EXPECT_EQ(ended.code, 0) << ended.err;
  EXPECT_EQ(ended.out,
            "WHAT     SIZE  HOW    NAME\n"
            "tree   1.2 kB  copy   github.com/o/r:main\n"
            "trust          added  github.com/o/r\n"
            "\n"
            "skipped x\xef\xbf\xbd: it is no file\n"
            "trees: 1, checkpoints: 0, 1.2 kB, trusted repos: 1, skipped: 1\n");
  EXPECT_EQ(ended.err, "There are more than are shown.\n");
  EXPECT_EQ(daemon_.last_import().directory(), "/old/hub");
  EXPECT_THAT(daemon_.last_import().repos(),
              ElementsAre("o/r_x", "o/r_y:main"));
  const Ended json = Hubctl({"--json", "import", "/old"});
  EXPECT_THAT(json.out, HasSubstr("\"how\": \"copy\""));
  EXPECT_EQ(json.err, "");
}

TEST_F(HubctlTest, ImportOfARelativePathIsOfTheWorkingDirectory) {
  daemon_.imported.set_complete(true);
  char here[4096];
  ASSERT_NE(::getcwd(here, sizeof(here)), nullptr);
  EXPECT_EQ(Hubctl({"import", "./a/../hub"}).code, 0);
  EXPECT_EQ(daemon_.last_import().directory(), std::string(here) + "/hub");
}

TEST_F(HubctlTest, ImportFailsWhereNothingOfItCouldBeTaken) {
  daemon_.imported.set_complete(true);
  EXPECT_EQ(Hubctl({"import", "/old"}).code, 0);
  daemon_.imported.set_skipped(1);
  EXPECT_EQ(Hubctl({"import", "/old"}).code, 1);
  EXPECT_EQ(Hubctl({"--json", "import", "/old"}).code, 1);
  EXPECT_EQ(Hubctl({"import"}).code, 2);
}

}  // namespace
}  // namespace hubd
