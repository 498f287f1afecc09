#include "server/fetch/lfs_pointer.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace hubd {
namespace {

const std::string kVersion = "version https://git-lfs.github.com/spec/v1\n";
const std::string kOid =
    "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393";

std::string Pointer(const std::string& oid, const std::string& size) {
  return absl::StrCat(kVersion, "oid sha256:", oid, "\nsize ", size, "\n");
}

// What follows the version.
template <class... Parts>
std::string Text(const Parts&... parts) {
  return absl::StrCat(kVersion, parts...);
}

TEST(LfsPointerTest, ReadsWhatTheSpecificationShows) {
  const std::string text = Pointer(kOid, "12345");
  EXPECT_TRUE(BeginsLfsPointer(text));
  EXPECT_EQ(ParseLfsPointer(text), (LfsObject{kOid, 12345}));
  EXPECT_EQ(ParseLfsPointer(Pointer(kOid, "0")), (LfsObject{kOid, 0}));
  EXPECT_EQ(ParseLfsPointer(Pointer(kOid, "1125899906842624")),
            (LfsObject{kOid, int64_t{1} << 50}));
}

TEST(LfsPointerTest, ReadsNothingElse) {
  const std::string oid = absl::StrCat("oid sha256:", kOid, "\n");
  const std::string upper = "4D" + kOid.substr(2);
  for (const std::string& text :
       {std::string(),
        kVersion,
        kVersion + oid,
        Text(oid, "size 1"),
        Text(oid, "size 1\n\n"),
        Text(oid, "size 1\r\n"),
        Text(oid, "size 1\nsize 1\n"),
        Text(oid, oid, "size 1\n"),
        Text("size 1\n", oid),
        absl::StrCat(oid, kVersion, "size 1\n"),
        Text("ext-0-x sha256:", kOid, "\n", oid, "size 1\n"),
        " " + Pointer(kOid, "1"),
        Pointer(upper, "1"),
        Pointer(kOid + "0", "1"),
        Pointer(kOid.substr(1), "1"),
        Pointer(kOid, ""),
        Pointer(kOid, "01"),
        Pointer(kOid, "-1"),
        Pointer(kOid, "+1"),
        Pointer(kOid, " 1"),
        Pointer(kOid, "1 "),
        Pointer(kOid, "1x"),
        Pointer(kOid, "0x1"),
        Pointer(kOid, "1125899906842625"),
        Pointer(kOid, "99999999999999999999"),
        Pointer(kOid, std::string(1024, '0'))}) {
    EXPECT_EQ(ParseLfsPointer(text), std::nullopt) << text;
  }
  EXPECT_FALSE(BeginsLfsPointer(kVersion.substr(0, kVersion.size() - 1)));
  EXPECT_FALSE(
      BeginsLfsPointer("version https://git-lfs.github.com/spec/v2\n"));
}

}  // namespace
}  // namespace hubd
