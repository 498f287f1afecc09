#include "client/cli/json.h"

#include <gtest/gtest.h>

#include "hubd/v1/cache.pb.h"
#include "server/base/status.h"

namespace hubd {
namespace {

bool Has(const std::string& json, const std::string& part) {
  return json.find(part) != std::string::npos;
}

TEST(ToJsonTest, UsesTheProtosNamesAndShowsWhatIsEmpty) {
  v1::Checkpoint checkpoint;
  checkpoint.set_sha256("ab");
  const std::string json = ToJson(checkpoint);
  EXPECT_TRUE(Has(json, "\"sha256\": \"ab\"")) << json;
  EXPECT_TRUE(Has(json, "\"size_bytes\": \"0\"")) << json;
  EXPECT_TRUE(Has(json, "\"cached\": false")) << json;
  EXPECT_EQ(json.substr(json.size() - 2), "}\n");
}

TEST(ToJsonTest, EscapesControlCharacters) {
  v1::Checkpoint checkpoint;
  checkpoint.set_url("\x1b[2J \x7f \xC2\x9B \u202E \n");
  const std::string json = ToJson(checkpoint);
  for (const char* raw : {"\x1b", "\x7f", "\xC2\x9B", "\u202E"}) {
    EXPECT_FALSE(Has(json, raw)) << json;
  }
  EXPECT_TRUE(Has(json, "\\u001b[2J")) << json;
}

TEST(ToJsonTest, ALineIsOneLine) {
  v1::Damage damage;
  damage.set_name("a\nb");
  EXPECT_EQ(ToJsonLine(damage),
            "{\"kind\":\"\",\"name\":\"a\\nb\",\"path\":\"\","
            "\"expected\":\"\",\"actual\":\"\",\"problem\":\"\","
            "\"removed\":false,\"repaired\":false,\"unrepaired\":\"\"}\n");
}

TEST(ToJsonTest, JoinsTwoMessages) {
  v1::ListTreesResponse trees;
  trees.add_trees()->set_ref("main");
  v1::ListCheckpointsResponse checkpoints;
  const std::string json = ToJson(trees, checkpoints);
  EXPECT_TRUE(Has(json, "\"ref\": \"main\"")) << json;
  EXPECT_TRUE(Has(json, "\"checkpoints\": []")) << json;
}

TEST(ErrorToJsonTest, HasFourFields) {
  const std::string json = ErrorToJson(
      ReasonError(Reason::kRefNotFound, "no \x1b ref", {{"ref", "v9"}}));
  EXPECT_TRUE(Has(json, "\"error\"")) << json;
  EXPECT_TRUE(Has(json, "\"code\": \"NOT_FOUND\"")) << json;
  EXPECT_TRUE(Has(json, "\"reason\": \"REF_NOT_FOUND\"")) << json;
  EXPECT_TRUE(Has(json, "\"message\": \"no \uFFFD ref\"")) << json;
  EXPECT_TRUE(Has(json, "\"ref\": \"v9\"")) << json;
}

TEST(ErrorToJsonTest, HasEmptyFieldsWhereNothingIsKnown) {
  const std::string json = ErrorToJson(absl::InternalError("x"));
  EXPECT_TRUE(Has(json, "\"reason\": \"\"")) << json;
  EXPECT_TRUE(Has(json, "\"metadata\": {}")) << json;
}

}  // namespace
}  // namespace hubd
