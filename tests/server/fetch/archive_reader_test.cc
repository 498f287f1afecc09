#include "server/fetch/archive_reader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <locale.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "tests/server/fetch/archive_builder.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Type = ArchiveMember::Type;
// Type, name, mode, link or content of each member.
using Lines = std::vector<std::string>;

absl::StatusOr<Lines> LinesOf(
    absl::StatusOr<std::unique_ptr<ArchiveReader>> reader) {
  HUBD_RETURN_IF_ERROR(reader.status());
  Lines lines;
  while (true) {
    HUBD_ASSIGN_OR_RETURN(const auto member, (*reader)->Next());
    if (!member) return lines;
    std::string content;
    char buffer[300];
    while (true) {
      HUBD_ASSIGN_OR_RETURN(const size_t count,
                            (*reader)->Read(buffer, sizeof(buffer)));
      if (count == 0) break;
      content.append(buffer, count);
    }
    lines.push_back(absl::StrCat(
        static_cast<int>(member->type), " ", member->name,
        member->type == Type::kFile && member->executable ? " x " : " ",
        member->link_target, content));
  }
}

absl::StatusOr<Lines> ReadTar(const std::string& bytes) {
  return LinesOf(ArchiveReader::OpenTar(SourceOf(bytes)));
}

absl::StatusOr<Lines> ReadZip(const std::string& bytes) {
  const UniqueFd file(
      open(::testing::TempDir().c_str(), O_TMPFILE | O_RDWR, 0600));
  HUBD_CHECK(file.valid() && WriteAll(file.get(), bytes).ok());
  return LinesOf(ArchiveReader::OpenZip(file.get()));
}

void ExpectBad(const absl::Status& status, const std::string& text) {
  EXPECT_EQ(ReasonOf(status), Reason::kBadArchive) << status << " " << text;
  EXPECT_THAT(std::string(status.message()), HasSubstr(text));
}

TEST(ArchiveReaderTest, GivesTypesNamesModesLinksAndContent) {
  const absl::StatusOr<Lines> lines = ReadTar(
      TarFolder("top/") + TarFile("top/run", "#!", 0755) +
      TarFile("top/empty", "") + TarFile("top/big", std::string(600, 'b')) +
      TarLink("top/link", "big") + TarHeader("top/hard", '1', 0, 0, "top/big") +
      TarHeader("top/old/", '\0') + TarEnd());
  ASSERT_TRUE(lines.ok()) << lines.status();
  EXPECT_THAT(*lines, ElementsAre("1 top/ ", "0 top/run x #!", "0 top/empty ",
                                  "0 top/big " + std::string(600, 'b'),
                                  "2 top/link big", "3 top/hard top/big",
                                  "1 top/old/ "));
}

TEST(ArchiveReaderTest, SkipsContentThatIsNotRead) {
  const auto reader = ArchiveReader::OpenTar(SourceOf(
      TarFile("a", std::string(100000, 'a')) + TarFile("b", "") + TarEnd()));
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ((*(*reader)->Next())->name, "a");
  EXPECT_EQ((*(*reader)->Next())->name, "b");
  EXPECT_EQ((*reader)->Next()->has_value(), false);
}

TEST(ArchiveReaderTest, TakesNamesFromPaxAndGnuExtensions) {
  const std::string name(300, 'n');
  const std::string link(200, 'l');
  const absl::StatusOr<Lines> lines = ReadTar(
      TarExtension('g', PaxRecord("comment", "c0ffee")) +
      TarExtension('x', PaxRecord("path", name) + PaxRecord("linkpath", link) +
                            PaxRecord("mtime", "1.5")) +
      TarLink("cut", "cut") + TarExtension('L', name + '\0') +
      TarExtension('K', link + '\0') + TarLink("cut", "cut") +
      TarExtension('x', PaxRecord("size", "3")) + TarHeader("sized", '0', 0) +
      "abc" + std::string(509, '\0') + TarFile("plain", "") + TarEnd());
  ASSERT_TRUE(lines.ok()) << lines.status();
  EXPECT_THAT(*lines,
              ElementsAre("2 " + name + " " + link, "2 " + name + " " + link,
                          "0 sized abc", "0 plain "));
}

TEST(ArchiveReaderTest, GivesTheNamesOfATarByteForByteInEveryLocale) {
  const std::string composed = "gr\xc3\xbcn";
  const std::string decomposed = "gru\xcc\x88n";
  const std::string invalid = "\xff\xfe";
  std::string tar;
  Lines expected;
  for (const std::string& name : {composed, decomposed, invalid}) {
    tar += TarLink(name, name) + TarExtension('L', name + '\0') +
           TarExtension('K', name + '\0') + TarLink("cut", "cut") +
           TarExtension('x', PaxRecord("path", name) +
                                 PaxRecord("linkpath", name) +
                                 PaxRecord("uname", name)) +
           TarLink("cut", "cut");
    expected.insert(expected.end(), 3, absl::StrCat("2 ", name, " ", name));
  }
  tar += TarExtension('x', PaxRecord("path", composed + "/")) +
         TarFile("cut", "") + TarEnd();
  expected.push_back("1 " + composed + "/ ");
  for (const char* locale : {"C.UTF-8", "C"}) {
    ASSERT_STREQ(setlocale(LC_CTYPE, locale), locale);
    const absl::StatusOr<Lines> lines = ReadTar(tar);
    ASSERT_TRUE(lines.ok()) << lines.status();
    EXPECT_EQ(*lines, expected) << locale;
  }
}

TEST(ArchiveReaderTest, EndsANameAtItsNul) {
  const std::string name("a\0b", 3);
  const absl::StatusOr<Lines> lines =
      ReadTar(TarFile(name, "") + TarExtension('x', PaxRecord("path", name)) +
              TarFile("cut", "") + TarEnd());
  ASSERT_TRUE(lines.ok()) << lines.status();
  EXPECT_THAT(*lines, ElementsAre("0 a ", "0 a "));
}

TEST(ArchiveReaderTest, RefusesWhatIsNotAFileFolderOrLink) {
  const std::pair<std::string, std::string> cases[] = {
      {TarHeader("top/odd", '3'), "device"},
      {TarHeader("top/odd", '4'), "device"},
      {TarHeader("top/odd", '6'), "fifo"},
      {TarHeader("top/odd", 'M'), "neither file"},
      {TarExtension('x', PaxRecord("size", "5")) + TarLink("top/odd", "a"),
       "has content but is no file"},
      {TarHeader("top/odd", 'D', 5), "has content but is no file"},
      {TarExtension('x', PaxRecord("GNU.sparse.major", "1") +
                             PaxRecord("GNU.sparse.minor", "0") +
                             PaxRecord("GNU.sparse.name", "top/odd") +
                             PaxRecord("GNU.sparse.realsize", "9000")) +
           TarFile("cut", "1\n0\n4\n" + std::string(506, '\0') + "data"),
       "sparse"},
      {TarExtension('x', PaxRecord("GNU.sparse.size", "9000") +
                             PaxRecord("GNU.sparse.numblocks", "1") +
                             PaxRecord("GNU.sparse.map", "4096,4")) +
           TarFile("top/odd", "data"),
       "sparse"},
  };
  for (const auto& [tar, text] : cases) {
    const absl::Status status = ReadTar(tar + TarEnd()).status();
    ExpectBad(status, text);
    ExpectBad(status, "\"top/odd\"");
  }
  ExpectBad(ReadZip(Zip({{"odd", "", 0140644}})).status(),
            "bad member \"odd\": it is neither file, folder nor link");
}

TEST(ArchiveReaderTest, RefusesDamagedTars) {
  std::string bad_sum = TarFile("name", "");
  bad_sum[0] = 'N';
  const std::string many(600, 'k');
  std::string endless;
  for (int i = 0; i < 100; ++i) endless += TarExtension('g', "");
  const std::pair<std::string, std::string> cases[] = {
      {"", "damaged: "},
      {"<html>" + many, "Unrecognized"},
      {bad_sum, "Unrecognized"},
      {TarFile("a", "") + bad_sum, "Damaged"},
      {TarFile("a", "").substr(0, 300), "damaged: "},
      {TarFile("a", many).substr(0, 1000), "Truncated"},
      {TarFile("a", many).substr(0, 1300), "Truncated"},
      {TarFile("a", "") + TarFile("b", "").substr(0, 300), "Truncated"},
      {TarExtension('x', PaxRecord("path", "a")), "Damaged"},
      {TarExtension('x', many).substr(0, 600), "a header ends too early"},
      {TarExtension('x', "999 path=a\n") + TarFile("a", ""), "malformed"},
      {TarExtension('x', "0 path=a\n") + TarFile("a", ""), "malformed"},
      {TarExtension('x', "7 path\n") + TarFile("a", ""), "pax"},
      {TarExtension('x', PaxRecord("size", "-1")) + TarFile("a", ""),
       "negative"},
      {TarHeader("a", 'x', 0777777777) + TarEnd(), "too large"},
      {endless, "Too many"},
      {TarFile("a", "") + std::string(2 << 20, '\0'), "follows its end"},
  };
  for (const auto& [bytes, text] : cases) {
    ExpectBad(ReadTar(bytes).status(), text);
  }
}

TEST(ArchiveReaderTest, ReturnsTheSourcesErrorFromWhereverItComes) {
  const std::string tar = TarFolder("d/") + TarFile("d/a", "content") +
                          TarExtension('L', "d/long") + TarFile("cut", "") +
                          TarEnd();
  for (size_t good = 0; good <= tar.size(); good += 256) {
    const ByteSource begin = SourceOf(tar.substr(0, good), 256);
    const absl::Status status =
        LinesOf(ArchiveReader::OpenTar([&](char* buffer, size_t size)
                                           -> absl::StatusOr<size_t> {
          HUBD_ASSIGN_OR_RETURN(const size_t count, begin(buffer, size));
          if (count == 0) return absl::AbortedError("cut");
          return count;
        })).status();
    EXPECT_EQ(status, absl::AbortedError("cut")) << good;
  }
}

TEST(ArchiveReaderTest, GivesTheMembersOfAZip) {
  const absl::StatusOr<Lines> lines =
      ReadZip(Zip({{"d/", "", 040755},
                   {"d/run", "r", 0104755},
                   {"d/link", "run", 0120777},
                   {"gr\xc3\xbcn", "u", 0100644, true},
                   {"\xff", "b"}}));
  ASSERT_TRUE(lines.ok()) << lines.status();
  EXPECT_THAT(*lines, ElementsAre("1 d/ ", "0 d/run x r", "2 d/link run",
                                  "0 gr\xc3\xbcn u", "0 \xff b"));
}

TEST(ArchiveReaderTest, RefusesDamagedZips) {
  std::string wrong_sum = Zip({{"a", "content"}});
  wrong_sum[31] ^= 1;
  ExpectBad(ReadZip(wrong_sum).status(), "CRC");
  ExpectBad(ReadZip(wrong_sum.substr(0, 60)).status(), "damaged");
  ExpectBad(ReadZip("").status(), "damaged");
  ExpectBad(ReadZip(Zip({{"bad\xff", "", 0100644, true}})).status(), "UTF-8");
}

}  // namespace
}  // namespace hubd
