// publisher ROOT SEED COUNT: opens the root, says "open", publishes COUNT
// objects and says a line for each; then says "done" and holds the root until
// it is killed. Where it cannot open the root it says why, in one line.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "server/base/clock.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/store/store.h"
#include "tests/server/store/testcases/content.h"

namespace hubd {
namespace {

void Say(const std::string& line) {
  HUBD_CHECK(WriteAll(STDOUT_FILENO, line + "\n").ok());
}

// The same five URLs again and again, with other bytes each time.
void PublishBlob(Store& store, const std::string& seed, int number) {
  const std::string bytes = BlobBytes(seed);
  auto file = *store.StageFile();
  HUBD_CHECK(WriteAll(file.fd.get(), bytes).ok());
  CheckpointObject checkpoint;
  checkpoint.url = "https://h/" + std::to_string(number % 5);
  checkpoint.sha256 = Sha256Hex(bytes);
  checkpoint.size_bytes = bytes.size();
  HUBD_CHECK(store.PublishCheckpoint(std::move(file.staging), checkpoint).ok());
  Say("checkpoint " + checkpoint.url);
}

void PublishTree(Store& store, const std::string& seed) {
  TreeObject tree;
  tree.key = KeyOfTree(seed);
  tree.entry_count = kTreeFiles;
  Staging staging = *store.StageDirectory();
  for (int i = 0; i < kTreeFiles; ++i) {
    std::string path = staging.path() + "/" + TreeFileName(i);
    HUBD_CHECK(MakeDirectories(path.substr(0, path.rfind('/')), 0755).ok());
    HUBD_CHECK(
        WriteFileDurably(path, TreeFileBytes(tree.key.commit), 0644).ok());
  }
  HUBD_CHECK(store.PublishTree(std::move(staging), tree).ok());
  Say("tree " + seed);
}

int Run(const std::string& root, const std::string& seed, int count) {
  RealClock clock;
  absl::StatusOr<std::unique_ptr<Store>> store =
      Store::Open({root, "/run/" + seed + ".sock"}, clock);
  if (!store.ok()) {
    Say(std::string(store.status().message()));
    return 1;
  }
  Say("open");
  for (int i = 0; i < count; ++i) {
    std::string own_seed = seed + "." + std::to_string(i);
    if (i % 2 == 0) {
      PublishBlob(**store, own_seed, i);
    } else {
      PublishTree(**store, own_seed);
    }
  }
  Say("done");
  while (true) ::pause();
}

}  // namespace
}  // namespace hubd

int main(int argc, char** argv) {
  HUBD_CHECK(argc == 4);
  return hubd::Run(argv[1], argv[2], std::atoi(argv[3]));
}
