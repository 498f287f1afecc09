// The whole way of a checkpoint, from several callers to the store, over
// simulated networks: whatever happens, each caller is answered once, what is
// published is what the origin had, and no byte is asked for in vain.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/digest.h"
#include "server/base/executor.h"
#include "server/base/fs.h"
#include "server/base/io_thread.h"
#include "server/fetch/fetcher.h"
#include "server/net/mirrors.h"
#include "tests/server/base/temp_dir.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_git_fetcher.h"
#include "tests/testing/fake_git_remote.h"
#include "tests/testing/simulated_network.h"

namespace hubd {
namespace {

constexpr char kUrl[] = "https://models.example.org/w.bin";
constexpr int kCallers = 3;

int Seeds() { return std::getenv("HUBD_TEST_LONG") == nullptr ? 200 : 10'000; }

constexpr int64_t kPart = 4 << 10;
// A download that ends keeps whole parts; each of its connections may have one
// that is not. And the last one of all is asked for again.
constexpr int64_t kLostByAnEnd = (16 + 1) * kPart;

FetchOptions Options() {
  FetchOptions options;
  options.download.retry.tries = 8;
  options.download.part_bytes = kPart;
  return options;
}

// A daemon's parts, for one seed.
class World {
 public:
  explicit World(uint64_t seed)
      : network_(seed, clock_),
        store_(*Store::Open({temp_.path() + "/root", ""}, clock_)),
        space_({.path = temp_.path(), .min_free = 0}),
        policy_(*UrlPolicy::Create({})),
        fetcher_(Options(), {*store_, space_, network_, bandwidth_, git_,
                             objects_, objects_, mirrors_, policy_,
                             connections_, flights_, io_, disk_, clock_}) {}

  ~World() {
    OnIo([this] { operations_.clear(); });
  }

  void OnIo(const std::function<void()>& work) {
    std::promise<void> done;
    io_.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  // What each of several callers gets; a second answer would throw.
  std::vector<absl::StatusOr<CheckpointResult>> Ask(
      const std::string& sha256_prefix) {
    using Result = absl::StatusOr<CheckpointResult>;
    std::vector<std::future<Result>> futures;
    for (int i = 0; i < kCallers; ++i) {
      auto answer = std::make_shared<std::promise<Result>>();
      futures.push_back(answer->get_future());
      OnIo([&] {
        operations_.push_back(fetcher_.FetchCheckpoint(
            {.url = kUrl, .sha256_prefix = sha256_prefix},
            [](const Progress&) {},
            [answer](Result result) { answer->set_value(std::move(result)); }));
      });
    }
    std::vector<Result> results;
    for (std::future<Result>& future : futures) results.push_back(future.get());
    return results;
  }

  SimulatedNetwork& network() { return network_; }
  Store& store() { return *store_; }

 private:
  TempDir temp_;
  FakeClock clock_;
  SimulatedNetwork network_;
  std::unique_ptr<Store> store_;
  Space space_;
  UrlPolicy policy_;
  FakeGitRemote git_;
  FakeGitFetcher objects_;
  Mirrors mirrors_;
  Bandwidth bandwidth_{clock_};
  ConnectionBudget connections_{{}};
  ThreadPool runners_{"fetch", 2};
  ThreadPool disk_{"disk", 1};
  IoThread io_;
  FlightTable flights_{{runners_, runners_}, io_, clock_, bandwidth_};
  Fetcher fetcher_;
  std::vector<std::unique_ptr<FetchOperation>> operations_;
};

// Whether the bytes are those of a version, and what their digest says.
void ExpectWhole(const CheckpointObject& checkpoint,
                 const std::vector<std::string>& versions) {
  const std::string bytes = *ReadFile(checkpoint.path, 1 << 30);
  EXPECT_EQ(Sha256Hex(bytes), checkpoint.sha256);
  EXPECT_EQ(std::count(versions.begin(), versions.end(), bytes) > 0, true);
}

void RunSeed(uint64_t seed, int& whole) {
  World world(seed);
  const std::vector<std::string>& versions = world.network().versions();
  // Asked again, it goes on where it ended.
  int failures = 0;
  for (int times = 0; times < 5; ++times) {
    bool got = false;
    for (const auto& result : world.Ask("")) {
      if (!result.ok()) continue;
      got = true;
      ExpectWhole(result->checkpoint, versions);
    }
    failures += got ? 0 : 1;
    // Within one download none.
    EXPECT_LE(world.network().wasted_bytes(), failures * kLostByAnEnd);
    if (!got) {
      const auto page = world.store().catalog().ListCheckpoints(1, "");
      ASSERT_TRUE(page.ok() && page->objects.empty());
      continue;
    }
    ++whole;
    EXPECT_TRUE(ListDirectory(world.store().layout().partials())->empty());
    break;
  }
  EXPECT_TRUE(ListDirectory(world.store().layout().tmp())->empty());
}

TEST(SimulationTest, EveryCallerIsAnsweredAndNothingWrongIsPublished) {
  int whole = 0;
  for (int seed = 0; seed < Seeds(); ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    RunSeed(seed, whole);
    if (testing::Test::HasFailure()) break;
  }
  // Else nothing was shown.
  EXPECT_GT(whole, Seeds() / 2);
}

}  // namespace
}  // namespace hubd
