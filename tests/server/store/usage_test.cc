#include "server/store/usage.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/clock.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/store/store.h"
#include "tests/server/base/temp_dir.h"
#include "tests/server/store/sample_objects.h"

namespace hubd {
namespace {

class UsageTest : public testing::Test {
 protected:
  void Publish(const std::string& url, const std::string& bytes) {
    Store::StagedFile file = *store_->StageFile();
    HUBD_CHECK(WriteAll(file.fd.get(), bytes).ok());
    CheckpointObject checkpoint = SampleCheckpoint(store_->layout(), 1);
    checkpoint.url = url;
    checkpoint.sha256 = Sha256Hex(bytes);
    checkpoint.size_bytes = static_cast<int64_t>(bytes.size());
    HUBD_CHECK(
        store_->PublishCheckpoint(std::move(file.staging), checkpoint).ok());
  }

  int64_t Usage() {
    absl::StatusOr<int64_t> bytes =
        UsageBytes(store_->layout(), store_->catalog());
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return bytes.value_or(-1);
  }

  TempDir dir_;
  RealClock clock_;
  std::unique_ptr<Store> store_ =
      *Store::Open({dir_.Below("root"), ""}, clock_);
};

TEST_F(UsageTest, ABlobOfTwoUrlsCountsOnce) {
  EXPECT_EQ(Usage(), 0);
  Publish("https://h/a", "bytes");
  Publish("https://h/b", "bytes");
  EXPECT_EQ(Usage(), 5);
  Publish("https://h/c", "others");
  EXPECT_EQ(Usage(), 5 + 6);
}

TEST_F(UsageTest, ABlobThatNoUrlGivesAnyMoreCountsWhileItLiesThere) {
  Publish("https://h/a", "bytes");
  Publish("https://h/a", "others");
  EXPECT_EQ(Usage(), 5 + 6);
}

TEST_F(UsageTest, TreesAndPartialsCount) {
  ASSERT_TRUE(store_->catalog().PutTree(SampleTree(store_->layout(), 0)).ok());
  EXPECT_EQ(Usage(), 1000);
  Partial partial = *store_->OpenPartial("https://h/p", "https://h/p", {});
  ASSERT_TRUE(WriteAll(partial.fd(), std::string(1 << 20, 'x')).ok());
  EXPECT_GE(Usage(), 1000 + (1 << 20));
}

}  // namespace
}  // namespace hubd
