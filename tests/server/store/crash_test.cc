// A daemon that is killed while it publishes, and two daemons on one root, as
// real processes.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/clock.h"
#include "server/base/digest.h"
#include "server/base/file_digest.h"
#include "server/base/fs.h"
#include "server/base/unique_fd.h"
#include "server/store/holder.h"
#include "server/store/store.h"
#include "tests/server/base/temp_dir.h"
#include "tests/server/store/child.h"
#include "tests/server/store/testcases/content.h"

namespace hubd {
namespace {

constexpr char kPublisher[] = "tests/server/store/testcases/publisher";

// The files and directories `depth` levels below `directory`.
std::set<std::string> Below(const std::string& directory, int depth) {
  std::set<std::string> paths;
  std::vector<std::string> names = *ListDirectory(directory);
  for (const std::string& name : names) {
    std::string path = absl::StrCat(directory, "/", name);
    if (depth == 1) {
      paths.insert(path);
    } else {
      paths.merge(Below(path, depth - 1));
    }
  }
  return paths;
}

mode_t ModeOf(const std::string& path) {
  struct stat info;
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777;
}

void ExpectWholeTree(const TreeObject& tree) {
  for (int i = 0; i < kTreeFiles; ++i) {
    std::string path = tree.path + "/" + TreeFileName(i);
    absl::StatusOr<std::string> bytes = ReadFile(path);
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_EQ(*bytes, TreeFileBytes(tree.key.commit));
    EXPECT_EQ(ModeOf(path), 0444u);
  }
  EXPECT_EQ(ModeOf(tree.path + "/d0"), 0555u);
}

void ExpectWholeBlob(const CheckpointObject& checkpoint) {
  UniqueFd fd(::open(checkpoint.path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(*Sha256OfFile(fd.get()), checkpoint.sha256);
  EXPECT_EQ(ModeOf(checkpoint.path), 0444u);
}

// Every row's object is whole, and nothing is there that has no row.
void ExpectSound(Store& store) {
  const Layout& layout = store.layout();
  std::set<std::string> blobs;
  std::set<std::string> trees;
  std::vector<CheckpointObject> checkpoints =
      store.catalog().ListCheckpoints(0, "")->objects;
  for (const CheckpointObject& checkpoint : checkpoints) {
    ExpectWholeBlob(checkpoint);
    blobs.insert(checkpoint.path);
  }
  Page<TreeObject> page = *store.catalog().ListTrees(0, "");
  for (const TreeObject& tree : page.objects) {
    ExpectWholeTree(tree);
    trees.insert(tree.path);
  }
  EXPECT_EQ(Below(layout.blobs(), 2), blobs);
  EXPECT_EQ(Below(layout.trees(), 4), trees);
  EXPECT_TRUE(ListDirectory(layout.tmp())->empty());
  EXPECT_EQ(ListDirectory(layout.checkpoint_records())->size(),
            checkpoints.size());
  EXPECT_EQ(ListDirectory(layout.tree_records())->size(), trees.size());
}

TEST(CrashTest, KilledAtAnyMomentEveryObjectIsWholeOrNotThere) {
  TempDir dir;
  RealClock clock;
  std::mt19937 random(testing::UnitTest::GetInstance()->random_seed());
  std::set<std::string> said;
  for (int round = 0; round < 30; ++round) {
    {
      Child child({kPublisher, dir.path(), std::to_string(round), "1000"});
      // So many lines, then a moment more; at times before it is open.
      for (int lines = random() % 8; lines > 0; --lines) {
        said.insert(*child.ReadLine());
      }
      if (auto line = child.ReadLine(random() % 4)) said.insert(*line);
      child.Kill();
      while (auto line = child.ReadLine()) said.insert(*line);
    }
    absl::StatusOr<std::unique_ptr<Store>> store =
        Store::Open({dir.path(), ""}, clock);
    ASSERT_TRUE(store.ok()) << store.status();
    ExpectSound(**store);
    // What was said to be published is.
    for (const std::string& line : said) {
      std::string what = line.substr(line.find(' ') + 1);
      if (line.starts_with("tree ")) {
        EXPECT_TRUE((*store)->FindTree(KeyOfTree(what))->has_value()) << line;
      } else if (line.starts_with("checkpoint ")) {
        EXPECT_TRUE((*store)->FindCheckpoint("shared", what)->has_value())
            << line;
      }
    }
    if (testing::Test::HasFailure()) break;
  }
  EXPECT_GT(said.size(), 10u);
}

TEST(TwoDaemonsTest, TheSecondIsToldPidAndSocketOfTheFirst) {
  TempDir dir;
  Child first({kPublisher, dir.path(), "first", "0"});
  ASSERT_EQ(first.ReadLine(), "open");
  std::filesystem::create_symlink(dir.path(), dir.Below("link"));
  for (const std::string& root : {dir.path(), dir.Below("link")}) {
    Child second({kPublisher, root, "second", "0"});
    std::string said = second.ReadLine().value_or("");
    EXPECT_NE(said.find("pid " + std::to_string(first.pid())),
              std::string::npos)
        << said;
    EXPECT_NE(said.find("/run/first.sock"), std::string::npos) << said;
  }
  absl::StatusOr<Holder> holder = HolderOf(Layout(dir.path()));
  ASSERT_TRUE(holder.ok()) << holder.status();
  EXPECT_EQ(holder->pid, first.pid());
  EXPECT_EQ(holder->socket, "/run/first.sock");
  EXPECT_FALSE(holder->host.empty());
}

TEST(TwoDaemonsTest, ADeadOneHoldsNothing) {
  TempDir dir;
  Child first({kPublisher, dir.path(), "first", "0"});
  ASSERT_EQ(first.ReadLine(), "open");
  first.Kill();
  Child second({kPublisher, dir.path(), "second", "0"});
  EXPECT_EQ(second.ReadLine(), "open");
}

}  // namespace
}  // namespace hubd
