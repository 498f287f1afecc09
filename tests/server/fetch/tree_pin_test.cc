#include "server/fetch/tree_pin.h"

#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "server/base/status.h"

namespace hubd {
namespace {

const std::string kCommit(40, 'c');
const std::string kDigest(64, 'd');

TreeRequest Request(const std::string& ref) {
  TreeRequest request;
  request.spec = {{"github.com", "o", "r"}, ref};
  return request;
}

TreeResult Result(const std::string& route, const std::string& digest) {
  TreeResult result;
  result.tree.key = {kSharedDomain, {"github.com", "o", "r"}, kCommit, route};
  result.tree.digest = digest;
  result.ref = kCommit;
  return result;
}

TEST(TreePinTest, TheRequestIsForTheCommitUnderItsOwnRef) {
  for (const auto& [typed, pinned, shown] :
       {std::tuple("main", "", "main"), std::tuple("main", "v1", "v1"),
        std::tuple("", "", kCommit.c_str())}) {
    TreeRequest request = Request(typed);
    PinTo(kCommit, {.ref = pinned}, request);
    EXPECT_EQ(request.spec.ref, kCommit);
    EXPECT_TRUE(request.skip_validation);
    EXPECT_EQ(HoldAgainstPin(request, Result("archive", kDigest))->ref, shown);
  }
}

TEST(TreePinTest, WithoutAPinTheResultStays) {
  EXPECT_EQ(HoldAgainstPin(Request("main"), Result("archive", kDigest))->ref,
            kCommit);
}

TEST(TreePinTest, AnotherRouteOrDigestIsRefusedAndBothAreNamed) {
  TreeRequest request = Request("main");
  PinTo(kCommit, {.route = "archive", .digest = kDigest}, request);
  EXPECT_TRUE(HoldAgainstPin(request, Result("archive", kDigest)).ok());
  const std::string other(64, 'e');
  for (const auto& [route, digest] :
       {std::pair(std::string("git"), kDigest),
        std::pair(std::string("archive"), other)}) {
    const absl::Status status =
        HoldAgainstPin(request, Result(route, digest)).status();
    EXPECT_EQ(ReasonOf(status), Reason::kDigestMismatch);
    EXPECT_EQ(MetadataOf(status)["expected"], "archive " + kDigest);
    EXPECT_EQ(MetadataOf(status)["actual"], route + " " + digest);
  }
  EXPECT_TRUE(absl::StrContains(
      HoldAgainstPin(request, Result("archive", "")).status().message(),
      "hubctl cache verify"));
}

}  // namespace
}  // namespace hubd
