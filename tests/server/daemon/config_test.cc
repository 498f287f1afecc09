#include "server/daemon/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

namespace hubd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(ConfigTest, AnEmptyFileGivesTheBuiltInValues) {
  auto config = ParseConfig("", "f.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->daemon.mode, Config::Mode::kUser);
  EXPECT_EQ(config->daemon.idle_exit, absl::Minutes(10));
  EXPECT_EQ(config->net.connect_timeout, absl::Seconds(15));
  EXPECT_EQ(config->net.stall_timeout, absl::Seconds(30));
  EXPECT_EQ(config->net.stall_rate, 1024);
  EXPECT_EQ(config->net.max_redirects, 10);
  EXPECT_EQ(config->net.tries, 5);
  EXPECT_EQ(config->net.retry_base, absl::Milliseconds(100));
  EXPECT_EQ(config->net.connections_per_object, 16);
  EXPECT_EQ(config->net.bandwidth, 0);
  EXPECT_EQ(config->cache.partial_age, absl::Hours(7 * 24));
  EXPECT_FALSE(config->cache.min_free.has_value());
  EXPECT_FALSE(config->cache.max_bytes.has_value());
  EXPECT_EQ(config->tree.max_bytes, int64_t{8} << 30);
}

TEST(ConfigTest, ReadsEveryKey) {
  auto config = ParseConfig(R"(
[daemon]
mode = "system"
idle_exit = "1m"
drain_timeout = 7
reflection = true
[net]
ca_file = "/ca.pem"
proxy = "http://proxy:3128"
connect_to = ["a:1:b:2", "c:3:d:4"]
allow_address = ["127.0.0.1:8443", "10.0.0.0/8"]
allow_http = true
connect_timeout = "2s"
stall_timeout = "9s"
stall_rate = "2KiB"
max_redirects = 3
tries = 2
retry_base = "20ms"
retry_max_wait = "3m"
connections_per_object = 5
connections_per_host = 6
bandwidth = "50MiB"
[cache]
partial_age = "2h"
min_free = "3GiB"
max_bytes = 0
[refs]
ttl = "0"
negative_ttl = "8s"
timeout = "250ms"
[[mirror]]
from = "https://github.com/"
to = ["https://git.example.org/github/", "https://other.example.org/gh/"]
[[mirror]]
from = "https://a/"
to = ["http://b/"]
[tree]
max_entries = 11
max_bytes = "1GB"
max_ratio = 12
[sandbox]
time = "4s"
memory = 4096
output = "1KB"
)",
                            "f.toml");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->daemon.mode, Config::Mode::kSystem);
  EXPECT_EQ(config->daemon.idle_exit, absl::Minutes(1));
  EXPECT_EQ(config->daemon.drain_timeout, absl::Seconds(7));
  EXPECT_TRUE(config->daemon.reflection);
  EXPECT_EQ(config->net.ca_file, "/ca.pem");
  EXPECT_EQ(config->net.proxy, "http://proxy:3128");
  EXPECT_THAT(config->net.connect_to, ElementsAre("a:1:b:2", "c:3:d:4"));
  EXPECT_THAT(config->net.allow_address,
              ElementsAre("127.0.0.1:8443", "10.0.0.0/8"));
  EXPECT_TRUE(config->net.allow_http);
  EXPECT_EQ(config->net.connect_timeout, absl::Seconds(2));
  EXPECT_EQ(config->net.stall_timeout, absl::Seconds(9));
  EXPECT_EQ(config->net.stall_rate, 2048);
  EXPECT_EQ(config->net.max_redirects, 3);
  EXPECT_EQ(config->net.tries, 2);
  EXPECT_EQ(config->net.retry_base, absl::Milliseconds(20));
  EXPECT_EQ(config->net.retry_max_wait, absl::Minutes(3));
  EXPECT_EQ(config->net.connections_per_object, 5);
  EXPECT_EQ(config->net.connections_per_host, 6);
  EXPECT_EQ(config->net.bandwidth, 50 << 20);
  EXPECT_EQ(config->cache.partial_age, absl::Hours(2));
  EXPECT_EQ(config->cache.min_free, int64_t{3} << 30);
  EXPECT_EQ(config->cache.max_bytes, 0);
  EXPECT_EQ(config->refs.ttl, absl::ZeroDuration());
  EXPECT_EQ(config->refs.negative_ttl, absl::Seconds(8));
  EXPECT_EQ(config->refs.timeout, absl::Milliseconds(250));
  ASSERT_EQ(config->mirrors.size(), 2u);
  EXPECT_EQ(config->mirrors[0].from, "https://github.com/");
  EXPECT_THAT(config->mirrors[0].to,
              ElementsAre("https://git.example.org/github/",
                          "https://other.example.org/gh/"));
  EXPECT_EQ(config->mirrors[1].from, "https://a/");
  EXPECT_EQ(config->tree.max_entries, 11);
  EXPECT_EQ(config->tree.max_bytes, 1'000'000'000);
  EXPECT_EQ(config->tree.max_ratio, 12);
  EXPECT_EQ(config->sandbox.time, absl::Seconds(4));
  EXPECT_EQ(config->sandbox.memory, 4096);
  EXPECT_EQ(config->sandbox.output, 1000);
}

TEST(ConfigTest, ErrorsNameFileLineKeyAndTheWayOut) {
  struct Case {
    const char* text;
    const char* line;
    const char* what;
  };
  const Case kCases[] = {
      {"[net]\nca_fil = \"x\"", "f.toml:2: ",
       "unknown key \"net.ca_fil\"; the nearest known key is net.ca_file"},
      {"[net]\nbandwidth = 1000", "f.toml:2: ",
       "net.bandwidth: expected 0 for no limit, or at least \"16KiB\""},
      {"[sandbox]\nttl = 1", "f.toml:2: ", "known key is refs.ttl"},
      {"mode = \"user\"", "f.toml:1: ",
       "unknown key \"mode\"; the nearest known key is daemon.mode"},
      {"[nett]\nproxy = \"x\"", "f.toml:2: ",
       "unknown key \"nett.proxy\"; the nearest known key is net.proxy"},
      {"\n[caches]\n", "f.toml:2: ", "unknown key \"caches\""},
      {"[cache]\nmin_bytes = \"1GB\"",
       "f.toml:2: ", "unknown key \"cache.min_bytes\""},
      {"[[mirror]]\nhost = \"x\"", "f.toml:1: ", "mirror: expected both, from"},
      {"[[mirror]]\nfrom = \"https://a/\"",
       "f.toml:1: ", "and to = [\"https://MIRROR/\"]"},
      {"[[mirror]]", "f.toml:1: ", "mirror: expected both"},
      {"[[mirror]]\nfrom = \"https://a/\"\nto = [\"https://b/\"]\nhost = 1",
       "f.toml:4: ",
       "unknown key \"mirror.host\"; the nearest known key is mirror."},
      {"\n[mirror]\nfrom = \"https://a/\"",
       "f.toml:2: ", "mirror: expected an array of tables, [[mirror]]"},
      {"mirror = []", "f.toml:1: ", "mirror: expected an array of tables"},
      {"mirror = 1", "f.toml:1: ", "mirror: expected an array of tables"},
      {"[[net]]\nproxy = \"x\"", "f.toml:1: ", "net: expected a table, [net]"},
      {"[[mirror]]\nfrom = 1\nto = [\"https://b/\"]",
       "f.toml:2: ", "mirror.from: expected a string"},
      {"[[mirror]]\nfrom = \"https://a/\"\nto = \"https://b/\"",
       "f.toml:3: ", "mirror.to: expected an array of strings"},
      {"[[mirror]]\nfrom = \"https://a/\"\nto = []",
       "f.toml:3: ", "mirror.to: expected 1 to 8 addresses"},
      {"[[mirror]]\nfrom = \"https://a/\"\nto = [\"https://1/\", "
       "\"https://2/\", \"https://3/\", \"https://4/\", \"https://5/\", "
       "\"https://6/\", \"https://7/\", \"https://8/\", \"https://9/\"]",
       "f.toml:3: ", "mirror.to: expected 1 to 8 addresses"},
      {"[[mirror]]\nfrom = \"https://a\"\nto = [\"https://b/\"]", "f.toml:2: ",
       "mirror.from: expected the beginning of URLs up to a slash, such as "
       "\"https://git.example.org/github/\", not \"https://a\""},
      {"[[mirror]]\nfrom = \"https://a/\"\nto = [\"https://b/\",\n\"c/\"]",
       "f.toml:3: ", "mirror.to: expected the beginning of URLs"},
      {"[[mirror]]\nfrom = \"https://a/\"\nto = [\"http://b/\"]",
       "f.toml:3: ", "mirror.to: expected https://"},
      {"[[mirror]]\nfrom = \"https://a/\"\nto = [\"https://me:pw@b/\"]",
       "f.toml:3: ", "not \"https://b/\""},
      {"[[mirror]]\nfrom = \"https://a/\"\nto = [\"https://b/\"]\n"
       "[[mirror]]\nfrom = \"https://a/\"\nto = [\"https://c/\"]",
       "f.toml:5: ", "mirror.from: \"https://a/\" stands in another"},
      {"[net]\nspeed = 5", "f.toml:2: ", "unknown key \"net.speed\""},
      {"net = 5", "f.toml:1: ", "net: expected a table, [net]"},
      {"[daemon]\nmode = \"both\"",
       "f.toml:2: ", "daemon.mode: expected \"user\" or \"system\""},
      {"[daemon]\nidle_exit = \"soon\"",
       "f.toml:2: ", "daemon.idle_exit: expected a duration such as"},
      {"[daemon]\nidle_exit = true", "f.toml:2: ", "expected a duration"},
      {"[daemon]\nidle_exit = -1", "f.toml:2: ", "not \"-1\""},
      {"[daemon]\nreflection = \"yes\"",
       "f.toml:2: ", "daemon.reflection: expected true or false"},
      {"[net]\nca_file = 1", "f.toml:2: ", "net.ca_file: expected a string"},
      {"[net.ca_file]\nx = 1", "f.toml:1: ", "net.ca_file: expected a string"},
      {"[net]\nconnect_to = \"a:1:b:2\"",
       "f.toml:2: ", "net.connect_to: expected an array of strings"},
      {"[net]\nconnect_to = [1]", "f.toml:2: ", "an array of strings"},
      {"[net]\nmax_redirects = \"3\"",
       "f.toml:2: ", "net.max_redirects: expected an integer of at least 0"},
      {"[net]\nmax_redirects = -3", "f.toml:2: ", "integer of at least 0"},
      {"[sandbox]\nmemory = \"lots\"",
       "f.toml:2: ", "sandbox.memory: expected a size such as"},
      {"[sandbox]\noutput = \"2MiB\"",
       "f.toml:2: ", "sandbox.output: expected at most 1MiB"},
      {"[sandbox]\nmemory = 1.5", "f.toml:2: ", "expected a size"},
      {"[net]\n[net", "f.toml:2: ", ""},
  };
  for (const Case& c : kCases) {
    auto config = ParseConfig(c.text, "f.toml");
    ASSERT_FALSE(config.ok()) << c.text;
    EXPECT_EQ(config.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(config.status().message()),
                AllOf(StartsWith(c.line), HasSubstr(c.what)));
  }
}

TEST(ConfigTest, AnErrorOfTheSyntaxShowsNoControlBytes) {
  auto config = ParseConfig("daemon=tr\x16", "f.toml");
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.status().message().find('\x16'), absl::string_view::npos)
      << config.status();
}

TEST(ConfigTest, TheFirstErrorOfTheFileIsTold) {
  auto config = ParseConfig("[tree]\nzzz = 1\n[daemon]\naaa = 1\n", "f.toml");
  EXPECT_THAT(std::string(config.status().message()), StartsWith("f.toml:2:"));
}

class ConfigFileTest : public ::testing::Test {
 protected:
  ConfigFileTest() {
    ::setenv("HOME", home_.c_str(), 1);
    ::unsetenv("HUBD_CONFIG");
    ::mkdir((home_ + "/.config").c_str(), 0700);
    ::mkdir((home_ + "/.config/hubd").c_str(), 0700);
  }

  const std::string home_ = ::testing::TempDir();
  const std::string in_home_ = home_ + "/.config/hubd/hubd.toml";
};

TEST_F(ConfigFileTest, FlagThenEnvironmentThenHome) {
  std::ofstream(in_home_) << "[daemon]\nreflection = true\n";
  EXPECT_EQ(FindConfigFile(std::nullopt), in_home_);
  ::setenv("HUBD_CONFIG", "/from/environment", 1);
  EXPECT_EQ(FindConfigFile(std::nullopt), "/from/environment");
  EXPECT_EQ(FindConfigFile("/from/flag"), "/from/flag");
  ::setenv("HUBD_CONFIG", "", 1);
  EXPECT_EQ(FindConfigFile(std::nullopt), in_home_);

  auto config = ReadConfig(in_home_);
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE(config->daemon.reflection);
}

TEST_F(ConfigFileTest, AFileThatIsNotThereIsAnError) {
  auto config = ReadConfig(home_ + "/missing.toml");
  EXPECT_THAT(std::string(config.status().message()),
              AllOf(HasSubstr("cannot read the configuration"),
                    HasSubstr("missing.toml")));
}

}  // namespace
}  // namespace hubd
