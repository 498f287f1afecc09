#include "server/fetch/archive.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <locale.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/store/space.h"
#include "tests/server/fetch/archive_builder.h"
#include "tests/testing/child_process.h"

namespace hubd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ArchiveTest : public ::testing::Test {
 protected:
  ArchiveTest() {
    HUBD_CHECK(MakeDirectories(dir_, 0755).ok());
    HUBD_CHECK(WriteFileDurably(base_ + "/secret", "s", 0644).ok());
  }
  // Whatever a test unpacks, nothing gets out.
  ~ArchiveTest() override {
    EXPECT_THAT(*ListDirectory(base_), ElementsAre("dir", "secret"));
    EXPECT_EQ(*ReadFile(base_ + "/secret"), "s");
    EXPECT_TRUE(RemoveAll(base_).ok());
  }

  absl::StatusOr<UnpackedTree> Unpack(const std::string& tar,
                                      const ArchiveLimits& limits = {}) {
    HUBD_CHECK(RemoveAll(dir_).ok() && MakeDirectories(dir_, 0755).ok());
    UnpackMeter meter(limits, {});
    return UnpackTree(SourceOf(Gzip(tar + TarEnd())), dir_, meter);
  }
  absl::StatusOr<UnpackedZip> UnpackZipBytes(const std::string& bytes,
                                             const ArchiveLimits& limits = {}) {
    HUBD_CHECK(RemoveAll(dir_).ok() && MakeDirectories(dir_, 0755).ok());
    const UniqueFd file = FileOf(bytes);
    return UnpackZip(file.get(), dir_, limits, {});
  }
  UniqueFd FileOf(const std::string& bytes) {
    UniqueFd file(open(base_.c_str(), O_TMPFILE | O_RDWR, 0600));
    HUBD_CHECK(file.valid() && WriteAll(file.get(), bytes).ok());
    return file;
  }
  std::string Content(const std::string& path) {
    return ReadFile(dir_ + "/" + path).value_or("no file");
  }
  mode_t ModeOf(const std::string& path) {
    struct stat info = {};
    EXPECT_EQ(lstat((dir_ + "/" + path).c_str(), &info), 0) << path;
    return info.st_mode;
  }

  const std::string base_ = MakeTempDirectory();
  const std::string dir_ = base_ + "/dir";
};

void ExpectBad(const absl::Status& status, const std::string& text) {
  EXPECT_EQ(ReasonOf(status), Reason::kBadArchive) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(text));
}

TEST_F(ArchiveTest, StripsTheTopFolder) {
  const auto tree = Unpack(TarFolder("top/") + TarFile("top/hubconf.py", "h") +
                           TarFile("top/pkg/run", "run", 06755) +
                           TarLink("top/pkg/conf", "../hubconf.py") +
                           TarHeader("top/same", '1', 0, 0, "top/pkg/run"));
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_THAT(*ListDirectory(dir_), ElementsAre("hubconf.py", "pkg", "same"));
  EXPECT_EQ(Content("hubconf.py"), "h");
  EXPECT_EQ(Content("pkg/conf"), "h");
  EXPECT_TRUE(S_ISLNK(ModeOf("pkg/conf")));
  EXPECT_EQ(ModeOf("pkg/run"), S_IFREG | 0755u);
  EXPECT_EQ(ModeOf("same"), S_IFREG | 0755u);
  EXPECT_EQ(tree->size_bytes, 7);
  EXPECT_EQ(tree->entry_count, 5);
  EXPECT_THAT(tree->warnings, IsEmpty());
}

TEST_F(ArchiveTest, UnpacksWhatGitArchives) {
  const std::string repo = MakeTempDirectory();
  const std::string script = absl::StrCat(
      "set -e; cd ", repo,
      "; export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null HOME=",
      repo, "; git init -q r; cd r; mkdir -p src/", std::string(120, 'd'),
      "; printf h >hubconf.py; printf x >run; chmod +x run;"
      "printf u >\"$(printf 'gr\\303\\274n')\"; printf b >\"$(printf "
      "'\\377')\"; printf l >$(echo src/*)/long; ln -s hubconf.py link;"
      "ln -s ../../up out; git add -A; git -c user.name=n -c user.email=e "
      "commit -qm m;"
      "git archive --format=tar.gz --prefix=r-1/ -o ../r.tar.gz HEAD");
  ASSERT_EQ(RunProgram({"sh", "-c", script}).value_or(-1), 0);
  UnpackMeter meter({}, {});
  const auto tree =
      UnpackTree(SourceOf(*ReadFile(repo + "/r.tar.gz")), dir_, meter);
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_THAT(*ListDirectory(dir_),
              ElementsAre("gr\xc3\xbcn", "hubconf.py", "link", "out", "run",
                          "src", "\xff"));
  EXPECT_EQ(ModeOf("run"), S_IFREG | 0755u);
  EXPECT_EQ(Content("link"), "h");
  EXPECT_TRUE(S_ISLNK(ModeOf("link")));
  EXPECT_EQ(Content("out"), "../../up");
  EXPECT_THAT(tree->warnings, SizeIs(1));
  EXPECT_EQ(Content("src/" + std::string(120, 'd') + "/long"), "l");
  EXPECT_TRUE(RemoveAll(repo).ok());
}

TEST_F(ArchiveTest, TellsWhatATreeOnlyPointsAt) {
  const std::string pointer =
      absl::StrCat("version https://git-lfs.github.com/spec/v1\noid sha256:",
                   std::string(64, 'a'), "\nsize 7\n");
  const auto tree =
      Unpack(TarFile("t/w/model.pth", pointer) + TarFile("t/.git/x", pointer) +
             TarFile("t/.gitmodules", "[submodule]\n") +
             TarLink("t/l", "w/../w") + TarFile("t/code.py", "version\n"));
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_THAT(
      tree->lfs_files,
      ElementsAre(LfsFile{"w/model.pth", LfsObject{std::string(64, 'a'), 7}}));
  EXPECT_TRUE(tree->has_submodules);
  EXPECT_THAT(tree->detours, ElementsAre("l"));
}

TEST_F(ArchiveTest, CountsAllThatOneTreeIsMadeOf) {
  UnpackMeter meter({.max_entries = 3}, {});
  const std::string one = Gzip(TarFolder("t/") + TarFile("t/a", "") + TarEnd());
  ASSERT_TRUE(UnpackTree(SourceOf(one), dir_, meter).ok());
  HUBD_CHECK(RemoveAll(dir_).ok() && MakeDirectories(dir_, 0755).ok());
  ExpectBad(UnpackTree(SourceOf(one), dir_, meter).status(), "max_entries");
}

TEST_F(ArchiveTest, KeepsNamesAsBytesInTheCLocale) {
  ASSERT_STREQ(setlocale(LC_CTYPE, nullptr), "C");
  const std::string utf8 = "gr\xc3\xbcn";
  const std::string invalid = "\xff\xfe";
  const auto tree = Unpack(
      TarFile("t/" + utf8, "1") + TarFile("t/" + invalid, "2") +
      TarExtension('x', PaxRecord("path", "t/p" + utf8)) + TarFile("cut", "3") +
      TarExtension('x', PaxRecord("path", "t/p" + invalid)) +
      TarFile("cut", "4"));
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_EQ(Content(utf8) + Content(invalid) + Content("p" + utf8) +
                Content("p" + invalid),
            "1234");
}

TEST_F(ArchiveTest, RefusesHostileTrees) {
  const std::string file = TarFile("t/a", "a");
  const std::pair<std::string, std::string> cases[] = {
      {"", "no top folder"},
      {TarFile("t/.git/config", ""), "no top folder"},
      {TarFile("hubconf.py", ""), "beside the top folder"},
      {TarLink("t", "/etc"), "beside the top folder"},
      {file + TarFile("u/b", ""), "second top folder, after \"t\""},
      {TarFile("t/../../evil", ""), "\"t/../../evil\""},
      {TarFile("../evil", ""), "\"..\""},
      {TarFile("/tmp/evil", ""), "absolute"},
      {TarFile("t//a", ""), "empty"},
      {file + TarFile(std::string("t/a\0b", 5), ""), "NUL"},
      {file + file, "already"},
      {file + TarFile("t/a/b", ""), "needs a folder"},
      {TarFile("t/d/a", "") + TarFile("t/d", ""), "already"},
      {TarFile("t/d/a", "") + TarLink("t/l", "d") + TarFile("t/l/b", ""),
       "through a link"},
      {TarLink("t/l", "..") + TarFile("t/l/evil", ""), "needs a folder"},
      {TarHeader("t/h", '1', 0, 0, "t/none"), "hard link"},
      {TarHeader("t/h", '1', 0, 0, "/etc/passwd"), "absolute"},
      {TarHeader("t/h", '1', 0, 0, "t/../../secret"), "\"..\""},
      {TarLink("t/l", "/etc/passwd") + TarLink("t/m", "a") +
           TarHeader("t/h", '1', 0, 0, "t/m"),
       "hard link"},
      {TarHeader("t/dev", '3'), "device"},
      {TarHeader("t/pipe", '6'), "fifo"},
      {TarFile("t/a\x1b[31m/../b", ""), "a\\x1b[31m"},
  };
  for (const auto& [tar, text] : cases) {
    ExpectBad(Unpack(tar).status(), text);
  }
}

TEST_F(ArchiveTest, DropsGitMembers) {
  const auto tree =
      Unpack(TarFile("t/.git/hooks/post-checkout", "evil", 0755) +
             TarFile("t/sub/.GIT", "gitdir: x") + TarFile("t/a", "a"));
  ASSERT_TRUE(tree.ok()) << tree.status();
  EXPECT_THAT(*ListDirectory(dir_), ElementsAre("a"));
  EXPECT_EQ(tree->size_bytes, 1);
}

TEST_F(ArchiveTest, EnforcesTheLimitsOnTrees) {
  const std::string folders = TarFolder("t/") + TarFolder("t/a/");
  EXPECT_TRUE(Unpack(folders, {.max_entries = 2}).ok());
  ExpectBad(Unpack(folders, {.max_entries = 1}).status(),
            "over 1 entries; the limit is [tree] max_entries");
  ExpectBad(Unpack(TarFile("t/.git/a", "") + TarFile("t/.git/b", ""),
                   {.max_entries = 1})
                .status(),
            "max_entries");
  const std::string link = TarHeader("t/b", '1', 0, 0, "t/a");
  const std::string file = TarFile("t/a", "123456");
  EXPECT_TRUE(Unpack(file + link, {.max_bytes = 12}).ok());
  ExpectBad(Unpack(file + link, {.max_bytes = 11}).status(), "max_bytes");
  ExpectBad(Unpack(TarFile("t/.git/a", "123456"), {.max_bytes = 5}).status(),
            "max_bytes");
  const std::string zeros(4 << 20, '\0');
  EXPECT_TRUE(Unpack(TarFile("t/z", zeros), {.max_ratio = 2000}).ok());
  ExpectBad(Unpack(TarFile("t/z", zeros)).status(), "max_ratio");
}

TEST_F(ArchiveTest, RefusesDamagedTrees) {
  const std::string good = Gzip(TarFile("t/a", "content") + TarEnd());
  std::string flipped = good;
  flipped[good.size() - 5] ^= 1;
  for (const std::string& bytes :
       {std::string(), good.substr(0, good.size() / 2),
        good.substr(0, good.size() - 1), flipped, good + "x",
        std::string("<html></html>"), Gzip("<html></html>")}) {
    UnpackMeter meter({}, {});
    const absl::Status status =
        UnpackTree(SourceOf(bytes), dir_, meter).status();
    EXPECT_EQ(ReasonOf(status), Reason::kBadArchive) << status;
    ASSERT_TRUE(RemoveAll(dir_).ok() && MakeDirectories(dir_, 0755).ok());
  }
}

TEST_F(ArchiveTest, EndsWithTheSourcesErrorOrWhenStopped) {
  UnpackMeter free({}, {});
  const absl::Status broken =
      UnpackTree([](char*, size_t) { return absl::AbortedError("cut"); }, dir_,
                 free)
          .status();
  EXPECT_EQ(broken, absl::AbortedError("cut"));
  std::stop_source stop;
  const ByteSource inner = SourceOf(Gzip(TarFile("t/a", "a") + TarEnd()), 10);
  const ByteSource stopping = [&](char* buffer, size_t size) {
    stop.request_stop();
    return inner(buffer, size);
  };
  UnpackMeter meter({}, stop.get_token());
  EXPECT_TRUE(absl::IsCancelled(UnpackTree(stopping, dir_, meter).status()));
}

TEST_F(ArchiveTest, UnpacksAZippedCheckpoint) {
  const std::string utf8 = "m/gr\xc3\xbcn";
  const auto zip = UnpackZipBytes(Zip({{"m/", "", 040755},
                                       {"m/weight", "www"},
                                       {"m/run", "r", 0104755},
                                       {"m/l", "weight", 0120777},
                                       {"m/out", "../../x", 0120777},
                                       {"m/.git/x", "g"},
                                       {utf8, "u", 0100644, true},
                                       {"m/\xff", "b"}}));
  ASSERT_TRUE(zip.ok()) << zip.status();
  EXPECT_THAT(zip->members, ElementsAre("m/", "m/weight", "m/run", "m/l",
                                        "m/out", utf8, "m/\xff"));
  EXPECT_EQ(zip->size_bytes, 13);
  EXPECT_EQ(Content("m/weight"), "www");
  EXPECT_EQ(Content("m/l"), "www");
  EXPECT_EQ(Content("m/out"), "../../x");
  EXPECT_EQ(ModeOf("m/out"), S_IFREG | 0644u);
  EXPECT_EQ(ModeOf("m/run"), S_IFREG | 0755u);
  EXPECT_EQ(Content(utf8) + Content("m/\xff"), "ub");
  EXPECT_STREQ(setlocale(LC_CTYPE, nullptr), "C");
}

TEST_F(ArchiveTest, RefusesHostileZips) {
  std::string wrong_sum = Zip({{"a", "content"}});
  wrong_sum[31] ^= 1;
  const std::string good = Zip({{"a", "content"}});
  const std::pair<std::string, std::string> cases[] = {
      {Zip({{"../evil", ""}}), "\"..\""},
      {Zip({{"/tmp/evil", ""}}), "absolute"},
      {Zip({{"a", "1"}, {"a", "2"}}), "already"},
      {Zip({{"d/", "", 040755}, {"l", "d", 0120777}, {"l/a", ""}}), "a link"},
      {Zip({{"l", "..", 0120777}, {"l/evil", ""}}), "needs a folder"},
      {Zip({{"device", "", 020644}}), "a device"},
      {Zip({{"bad\xff", "", 0100644, true}}), "UTF-8"},
      {wrong_sum, "CRC"},
      {good.substr(0, good.size() - 10), "damaged"},
      {"no zip at all", "damaged"},
  };
  for (const auto& [bytes, text] : cases) {
    ExpectBad(UnpackZipBytes(bytes).status(), text);
  }
  ExpectBad(
      UnpackZipBytes(Zip({{"a", ""}, {"b", ""}}), {.max_entries = 1}).status(),
      "max_entries");
  ExpectBad(UnpackZipBytes(good, {.max_bytes = 6}).status(), "max_bytes");
}

TEST_F(ArchiveTest, TheNamesOfAZipFitIntoAMessage) {
  std::vector<ZipMember> members;
  // Each byte that is no text is three where it is sent.
  std::string folder;
  for (int i = 0; i < 5; ++i) folder += std::string(200, '\xff') + "/";
  for (int i = 0; i < 1100; ++i) {
    members.push_back({absl::StrCat(folder, i), ""});
  }
  ExpectBad(UnpackZipBytes(Zip(members)).status(), "over 3 MiB together");
  members.resize(1000);
  EXPECT_TRUE(UnpackZipBytes(Zip(members)).ok());
}

TEST_F(ArchiveTest, UnpacksNoMoreOfAZipThanThereIsRoomFor) {
  Space space({.path = base_, .min_free = 0, .max_bytes = 10, .usage = [] {
                 return absl::StatusOr<int64_t>(0);
               }});
  const UniqueFd fits = FileOf(Zip({{"a", "ten bytes."}}));
  EXPECT_TRUE(UnpackZip(fits.get(), dir_, {}, {}, *space.Reserve(0)).ok());
  const UniqueFd more = FileOf(Zip({{"b", "eleven too."}}));
  EXPECT_EQ(
      ReasonOf(UnpackZip(more.get(), dir_, {}, {}, *space.Reserve(0)).status()),
      Reason::kDiskFull);
}

TEST_F(ArchiveTest, StopsUnpackingAZip) {
  std::stop_source stop;
  stop.request_stop();
  const UniqueFd file = FileOf(Zip({{"a", "content"}}));
  EXPECT_TRUE(absl::IsCancelled(
      UnpackZip(file.get(), dir_, {}, stop.get_token()).status()));
}

TEST_F(ArchiveTest, KnowsAZipByItsFirstBytes) {
  const UniqueFd zip = FileOf(Zip({{"a", "content"}}));
  EXPECT_TRUE(LooksLikeZip(zip.get()));
  EXPECT_TRUE(LooksLikeZip(FileOf(Zip({})).get()));
  EXPECT_FALSE(LooksLikeZip(FileOf("").get()));
  EXPECT_FALSE(LooksLikeZip(FileOf("PK").get()));
  EXPECT_FALSE(LooksLikeZip(FileOf("\x80\x02}q").get()));
}

}  // namespace
}  // namespace hubd
