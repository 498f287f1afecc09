#include "client/cli/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/client/environment_scope.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;

std::variant<Arguments, EarlyExit> Parse(std::vector<const char*> words) {
  words.insert(words.begin(), "hubctl");
  return ParseArguments(static_cast<int>(words.size()), words.data());
}

Arguments Good(std::vector<const char*> words) {
  const auto parsed = Parse(std::move(words));
  if (const auto* early = std::get_if<EarlyExit>(&parsed)) {
    ADD_FAILURE() << early->err;
    return {};
  }
  return std::get<Arguments>(parsed);
}

EarlyExit Bad(std::vector<const char*> words) {
  const auto parsed = Parse(std::move(words));
  if (std::holds_alternative<Arguments>(parsed)) return {-1, "", "accepted"};
  return std::get<EarlyExit>(parsed);
}

TEST(ArgumentsTest, JobsAreNamedByNumberAndRatesHaveUnits) {
  EnvironmentScope scope;
  EXPECT_EQ(Good({"jobs", "ls"}).command, Command::kJobsLs);
  EXPECT_EQ(Good({"jobs", "watch"}).command, Command::kJobsWatch);
  EXPECT_EQ(Good({"jobs", "cancel", "7"}).job, 7);
  EXPECT_EQ(Bad({"jobs", "cancel", "x"}).code, 2);
  EXPECT_EQ(Bad({"jobs", "cancel"}).code, 2);
  EXPECT_EQ(Good({"jobs", "limit", "5MiB"}).rate, 5 << 20);
  EXPECT_EQ(Good({"jobs", "limit", "500KB/s"}).rate, 500'000);
  EXPECT_EQ(Good({"jobs", "limit", "none"}).rate, 0);
  EXPECT_EQ(Good({"jobs", "limit", "--job", "7", "none"}).job, 7);
  EXPECT_EQ(Good({"jobs", "limit", "--host", "h", "none"}).host, "h");
  EXPECT_EQ(Bad({"jobs", "limit", "--host", "h", "--job", "7", "1MB"}).code, 2);
  EXPECT_THAT(Bad({"jobs", "limit", "0"}).err, HasSubstr("say none"));
  EXPECT_THAT(Bad({"jobs", "limit", "fast"}).err, HasSubstr("RATE: expected"));
}

TEST(ArgumentsTest, KnowsEveryCommand) {
  EnvironmentScope scope;
  EXPECT_EQ(Good({"list", "a/b:c"}).command, Command::kList);
  EXPECT_EQ(Good({"help", "a/b", "net"}).entrypoint, "net");
  EXPECT_EQ(Good({"load", "a/b"}).command, Command::kLoad);
  EXPECT_EQ(Good({"load", "a/b", "net", "1", "k=v"}).repo, "a/b");
  EXPECT_EQ(Good({"fetch", "https://e.com"}).url, "https://e.com");
  EXPECT_EQ(Good({"get-dir"}).command, Command::kGetDir);
  EXPECT_EQ(Good({"status"}).command, Command::kStatus);
  EXPECT_EQ(Good({"whoami"}).command, Command::kWhoami);
  EXPECT_EQ(Good({"cache", "ls"}).command, Command::kCacheLs);
  EXPECT_EQ(Good({"cache", "verify"}).command, Command::kCacheVerify);
  EXPECT_TRUE(Good({"cache", "verify", "--quick", "a/b"}).quick);
  EXPECT_EQ(Good({"cache", "repair", "a/b"}).command, Command::kCacheRepair);
  EXPECT_EQ(Good({"cache", "prune", "--partials"}).command,
            Command::kCachePrune);
  EXPECT_EQ(Good({"trust", "ls"}).command, Command::kTrustLs);
  EXPECT_EQ(Good({"trust", "add", "a/b"}).command, Command::kTrustAdd);
  EXPECT_EQ(Good({"trust", "rm", "a/b"}).command, Command::kTrustRm);
  EXPECT_EQ(Good({"trust", "check", "a/b"}).command, Command::kTrustCheck);
}

TEST(ArgumentsTest, RunTakesWhatStandsBehindTheMarkAsItIs) {
  EnvironmentScope scope;
  const Arguments run = Good({"run", "--offline", "--dir", "/d", "--", "python",
                              "t.py", "--json", "--", "[1,2]", ""});
  EXPECT_EQ(run.command, Command::kRun);
  EXPECT_TRUE(run.offline);
  EXPECT_FALSE(run.json);
  EXPECT_EQ(run.dir, "/d");
  EXPECT_EQ(run.program, (std::vector<std::string>{"python", "t.py", "--json",
                                                   "--", "[1,2]", ""}));
  // Of another command, the mark is what it was.
  const Arguments list = Good({"--dir", "run", "list", "--", "a/b"});
  EXPECT_EQ(list.command, Command::kList);
  EXPECT_EQ(list.repo, "a/b");
}

TEST(ArgumentsTest, RunWithoutAProgramSaysHowToNameOne) {
  EnvironmentScope scope;
  for (const std::vector<const char*>& words :
       {std::vector<const char*>{"run"}, {"run", "--"}, {"run", "python"}}) {
    EXPECT_EQ(Bad(words).code, 2);
    EXPECT_THAT(Bad(words).err, HasSubstr("hubctl run -- PROGRAM"));
  }
  EXPECT_THAT(Bad({"run", "--bogus", "--", "x"}).err, HasSubstr("--bogus"));
}

TEST(ArgumentsTest, RunRefusesFlagsThatMeanNothingToIt) {
  EnvironmentScope scope;
  for (const char* flag : {"--json", "--verbose"}) {
    for (const std::vector<const char*>& words :
         {std::vector<const char*>{"run", flag, "--", "x"},
          {flag, "run", "--", "x"}}) {
      EXPECT_EQ(Bad(words).code, 2);
      EXPECT_THAT(Bad(words).err, HasSubstr(flag));
    }
  }
}

TEST(ArgumentsTest, CommonFlagsStandBeforeOrAfterTheCommand) {
  EnvironmentScope scope;
  const std::vector<const char*> flags = {
      "--dir",     "/d",     "--socket", "/s", "--python",      "/p",
      "--offline", "--json", "-q",       "-v", "--no-progress", "--timeout",
      "5m"};
  std::vector<const char*> before = flags;
  before.insert(before.end(), {"cache", "ls"});
  std::vector<const char*> after = {"cache", "ls"};
  after.insert(after.end(), flags.begin(), flags.end());
  for (const Arguments& found : {Good(before), Good(after)}) {
    EXPECT_EQ(found.command, Command::kCacheLs);
    EXPECT_EQ(found.dir, "/d");
    EXPECT_EQ(found.socket, "/s");
    EXPECT_EQ(found.python, "/p");
    EXPECT_TRUE(found.offline && found.json && found.quiet && found.verbose);
    EXPECT_FALSE(found.progress);
    EXPECT_EQ(found.timeout, absl::Minutes(5));
  }
}

TEST(ArgumentsTest, FetchHasItsOwn) {
  EnvironmentScope scope;
  const Arguments plain = Good({"fetch", "u"});
  EXPECT_TRUE(plain.check_hash && plain.progress);
  EXPECT_FALSE(plain.refresh || plain.any);
  const std::string digest(64, 'A');
  const Arguments found =
      Good({"fetch", "u", "--to", "f", "--sha256", digest.c_str(), "--refresh",
            "--any", "--no-check-hash"});
  EXPECT_EQ(found.to, "f");
  EXPECT_EQ(found.sha256, std::string(64, 'a'));
  EXPECT_TRUE(found.refresh && found.any);
  EXPECT_FALSE(found.check_hash);
}

TEST(ArgumentsTest, ALockFileIsNamedOrTheUsualOne) {
  EnvironmentScope scope;
  EXPECT_EQ(Good({"load", "a/b"}).lock_file, "");
  EXPECT_EQ(Good({"load", "a/b", "--locked"}).lock_file, "hubd.lock");
  EXPECT_EQ(Good({"list", "a/b", "--lock-file", "f"}).lock_file, "f");
  EXPECT_EQ(Good({"help", "a/b", "e", "--locked"}).lock_file, "hubd.lock");
  EXPECT_EQ(Good({"fetch", "u", "--locked"}).lock_file, "hubd.lock");
  EXPECT_EQ(Good({"lock"}).lock_file, "hubd.lock");
  const Arguments named = Good({"lock", "a/b", "https://u", "--file", "f"});
  EXPECT_EQ(named.things, (std::vector<std::string>{"a/b", "https://u"}));
  EXPECT_EQ(named.lock_file, "f");
}

TEST(ArgumentsTest, ADashMayBeginARepoBehindTwoDashes) {
  EnvironmentScope scope;
  EXPECT_EQ(Good({"list", "--json", "--", "-a/b"}).repo, "-a/b");
}

TEST(ArgumentsTest, TimeoutComesFromTheEnvironmentUnlessGiven) {
  EnvironmentScope scope;
  EXPECT_EQ(Good({"status"}).timeout, std::nullopt);
  scope.Set("HUBD_TIMEOUT", "30");
  EXPECT_EQ(Good({"status"}).timeout, absl::Seconds(30));
  EXPECT_EQ(Good({"status", "--timeout", "1h"}).timeout, absl::Hours(1));
}

TEST(ArgumentsTest, MisuseExitsWithTwoAndAHint) {
  EnvironmentScope scope;
  const std::vector<std::vector<const char*>> cases = {
      {},
      {"bogus"},
      {"list"},
      {"list", "a/b", "more"},
      {"help", "a/b"},
      {"list", "a/b", "--bogus"},
      {"list", "-a/b"},
      {"cache"},
      {"trust", "add"},
      {"status", "--timeout", "soon"},
      {"status", "--timeout"},
      {"fetch", "u", "--sha256", "abc"},
      {"list", "a/b", "--refresh"},
      {"load", "a/b", "--isolated"},
      {"prefetch", "a/b"},
  };
  for (const auto& words : cases) {
    const EarlyExit exit = Bad(words);
    EXPECT_EQ(exit.code, 2) << testing::PrintToString(words);
    EXPECT_EQ(exit.out, "");
    EXPECT_THAT(exit.err, HasSubstr("Run hubctl --help"));
  }
}

TEST(ArgumentsTest, NamesTheCommandThatIsNone) {
  EnvironmentScope scope;
  EXPECT_THAT(Bad({"lost", "a/b"}).err,
              HasSubstr("there is no command \"lost\""));
}

TEST(ArgumentsTest, SaysWhereANameStandsThatLooksLikeAnOption) {
  EnvironmentScope scope;
  const std::vector<std::vector<const char*>> cases = {
      {"list", "-a/b"}, {"load", "-a/b", "e"}, {"help", "a/b", "-a/b"}};
  for (const auto& words : cases) {
    EXPECT_THAT(Bad(words).err,
                HasSubstr("If -a/b is no option but a name, write --"));
  }
  EXPECT_EQ(Good({"list", "--", "-a/b"}).repo, "-a/b");
}

TEST(ArgumentsTest, HelpAndVersionExitWithZero) {
  EnvironmentScope scope;
  EXPECT_EQ(Bad({"--version"}).out, "hubctl 0.1.0\n");
  const EarlyExit help = Bad({"--help"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, HasSubstr("fetch"));
  EXPECT_THAT(Bad({"fetch", "--help"}).out, HasSubstr("--no-check-hash"));
}

}  // namespace
}  // namespace hubd
