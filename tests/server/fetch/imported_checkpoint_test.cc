#include "server/fetch/imported_checkpoint.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/match.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/base/temp_dir.h"
#include "tests/testing/fake_clock.h"

namespace hubd {
namespace {

class ImportedCheckpointTest : public testing::Test {
 protected:
  ImportedCheckpointTest()
      : store_(*Store::Open({dir_.Below("root"), ""}, clock_)) {}

  void Import(const std::string& name, const std::string& bytes) {
    Store::StagedFile file = *store_->StageFile();
    HUBD_CHECK(WriteAll(file.fd.get(), bytes).ok());
    CheckpointObject checkpoint;
    checkpoint.url = ImportUrl(name);
    checkpoint.sha256 = Sha256Hex(bytes);
    checkpoint.size_bytes = static_cast<int64_t>(bytes.size());
    checkpoint.etag = "of the file";
    HUBD_CHECK(
        store_
            ->PublishCheckpoint(std::move(file.staging), std::move(checkpoint))
            .ok());
  }

  std::optional<ImportedCheckpoint> LookUp(const std::string& url,
                                           const std::string& prefix = "") {
    return *LookUpImportedCheckpoint(*store_,
                                     {.url = url, .sha256_prefix = prefix});
  }

  TempDir dir_;
  FakeClock clock_;
  std::unique_ptr<Store> store_;
};

TEST_F(ImportedCheckpointTest, AHashInTheNameProvesTheBytes) {
  const std::string name = "net-" + Sha256Hex("w").substr(0, 8) + ".pth";
  Import(name, "w");
  const std::string url = "https://a.example.org/x/" + name + "?y=1";
  const std::optional<ImportedCheckpoint> found = LookUp(url);
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->proven);
  EXPECT_EQ(found->checkpoint.url, url);
  EXPECT_EQ(found->checkpoint.etag, "");
  EXPECT_EQ(*ReadFile(found->checkpoint.path), "w");
  EXPECT_EQ(LookUp("https://a.example.org/x/other.pth"), std::nullopt);
  EXPECT_EQ(LookUp("https://a.example.org/" + name + "/"), std::nullopt);
}

TEST_F(ImportedCheckpointTest, ANameAloneProvesNothing) {
  Import("plain.pth", "w");
  const std::string url = "https://a.example.org/plain.pth";
  const std::string sha256 = Sha256Hex("w");
  EXPECT_FALSE(LookUp(url)->proven);
  EXPECT_TRUE(absl::StrContains(LookUp(url)->warning, url));
  EXPECT_FALSE(LookUp(url, sha256.substr(0, 7))->proven);
  EXPECT_TRUE(LookUp(url, sha256.substr(0, 8))->proven);
  EXPECT_TRUE(LookUp(url, sha256)->proven);
  EXPECT_EQ(LookUp(url, Sha256Hex("other")), std::nullopt);
  // A hash of other bytes.
  Import("net-01234567a.pth", "w");
  EXPECT_FALSE(LookUp("https://a.example.org/net-01234567a.pth")->proven);
}

TEST_F(ImportedCheckpointTest, ShowsNoSignature) {
  Import("plain.pth", "w");
  const auto found =
      LookUp("https://a.example.org/plain.pth?X-Amz-Signature=secret");
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->checkpoint.url, "https://a.example.org/plain.pth");
}

TEST_F(ImportedCheckpointTest, MegEnginesNameTellsOfItsUrlOnly) {
  const std::string url = "https://a.example.org/deep.pkl";
  Import(Sha256Hex(url).substr(0, 6) + "_deep.pkl", "w");
  ASSERT_TRUE(LookUp(url).has_value());
  EXPECT_FALSE(LookUp(url)->proven);
  EXPECT_EQ(LookUp("https://b.example.org/deep.pkl"), std::nullopt);
}

}  // namespace
}  // namespace hubd
