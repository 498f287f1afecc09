#include "server/daemon/config.h"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/text.h"
#include "server/base/units.h"
#include "server/daemon/places.h"
#include "server/net/bandwidth.h"
#include "toml++/toml.h"

namespace hubd {
namespace {

// Readers of values: what is in the file, or what was expected there.

absl::Status Expected(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("expected ", what));
}

absl::StatusOr<std::string> ReadText(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  return Expected("a string");
}

absl::StatusOr<std::vector<std::string>> ReadTexts(const toml::node& node) {
  constexpr absl::string_view kWhat = "an array of strings";
  const toml::array* array = node.as_array();
  if (array == nullptr) return Expected(kWhat);
  std::vector<std::string> texts;
  for (const toml::node& element : *array) {
    const auto* text = element.as_string();
    if (text == nullptr) return Expected(kWhat);
    texts.push_back(text->get());
  }
  return texts;
}

absl::StatusOr<bool> ReadBool(const toml::node& node) {
  if (const auto* value = node.as_boolean()) return value->get();
  return Expected("true or false");
}

absl::StatusOr<int64_t> ReadCount(const toml::node& node) {
  const auto* value = node.as_integer();
  if (value != nullptr && value->get() >= 0) return value->get();
  return Expected("an integer of at least 0");
}

// A value that is written as a string with a unit or as a bare integer.
std::string WithUnitText(const toml::node& node) {
  if (const auto* number = node.as_integer())
    return absl::StrCat(number->get());
  return node.value_or(std::string());
}

absl::StatusOr<absl::Duration> ReadDuration(const toml::node& node) {
  return ParseDuration(WithUnitText(node));
}

absl::StatusOr<int64_t> ReadSize(const toml::node& node) {
  return ParseSize(WithUnitText(node));
}

// In a second.
absl::StatusOr<int64_t> ReadBandwidth(const toml::node& node) {
  HUBD_ASSIGN_OR_RETURN(const int64_t size, ReadSize(node));
  if (size != 0 && size < Bandwidth::kLeast) {
    return Expected("0 for no limit, or at least \"16KiB\" (a second)");
  }
  return size;
}

// A reply must hold it beside all else.
absl::StatusOr<int64_t> ReadOutputSize(const toml::node& node) {
  constexpr int64_t kMaxOutput = 1 << 20;
  HUBD_ASSIGN_OR_RETURN(const int64_t size, ReadSize(node));
  if (size > kMaxOutput) return Expected("at most 1MiB");
  return size;
}

absl::StatusOr<Config::Mode> ReadMode(const toml::node& node) {
  std::string mode = node.value_or(std::string());
  if (mode == "user") return Config::Mode::kUser;
  if (mode == "system") return Config::Mode::kSystem;
  return Expected("\"user\" or \"system\"");
}

template <auto kTable, auto kMember, auto kRead>
absl::Status Set(const toml::node& node, Config& config) {
  HUBD_ASSIGN_OR_RETURN((config.*kTable).*kMember, kRead(node));
  return absl::OkStatus();
}

// Of the [[mirror]] that is being read.
template <auto kMember, auto kRead>
absl::Status SetMirror(const toml::node& node, Config& config) {
  HUBD_ASSIGN_OR_RETURN(config.mirrors.back().*kMember, kRead(node));
  return absl::OkStatus();
}

struct Key {
  absl::string_view name;
  absl::Status (*set)(const toml::node&, Config&);
};

using C = Config;

// The one name that may stand there several times.
constexpr char kMirror[] = "mirror";
// Each costs time where it does not answer.
constexpr size_t kMaxMirrors = 8;

// Every key there is.
constexpr Key kKeys[] = {
    {"daemon.mode", Set<&C::daemon, &C::Daemon::mode, ReadMode>},
    {"daemon.idle_exit", Set<&C::daemon, &C::Daemon::idle_exit, ReadDuration>},
    {"daemon.drain_timeout",
     Set<&C::daemon, &C::Daemon::drain_timeout, ReadDuration>},
    {"daemon.reflection", Set<&C::daemon, &C::Daemon::reflection, ReadBool>},
    {"net.ca_file", Set<&C::net, &C::Net::ca_file, ReadText>},
    {"net.proxy", Set<&C::net, &C::Net::proxy, ReadText>},
    {"net.connect_to", Set<&C::net, &C::Net::connect_to, ReadTexts>},
    {"net.allow_address", Set<&C::net, &C::Net::allow_address, ReadTexts>},
    {"net.allow_http", Set<&C::net, &C::Net::allow_http, ReadBool>},
    {"net.connect_timeout",
     Set<&C::net, &C::Net::connect_timeout, ReadDuration>},
    {"net.stall_timeout", Set<&C::net, &C::Net::stall_timeout, ReadDuration>},
    {"net.stall_rate", Set<&C::net, &C::Net::stall_rate, ReadSize>},
    {"net.max_redirects", Set<&C::net, &C::Net::max_redirects, ReadCount>},
    {"net.tries", Set<&C::net, &C::Net::tries, ReadCount>},
    {"net.retry_base", Set<&C::net, &C::Net::retry_base, ReadDuration>},
    {"net.retry_max_wait", Set<&C::net, &C::Net::retry_max_wait, ReadDuration>},
    {"net.connections_per_object",
     Set<&C::net, &C::Net::connections_per_object, ReadCount>},
    {"net.connections_per_host",
     Set<&C::net, &C::Net::connections_per_host, ReadCount>},
    {"net.bandwidth", Set<&C::net, &C::Net::bandwidth, ReadBandwidth>},
    {"cache.partial_age", Set<&C::cache, &C::Cache::partial_age, ReadDuration>},
    {"cache.min_free", Set<&C::cache, &C::Cache::min_free, ReadSize>},
    {"cache.max_bytes", Set<&C::cache, &C::Cache::max_bytes, ReadSize>},
    {"refs.ttl", Set<&C::refs, &C::Refs::ttl, ReadDuration>},
    {"refs.negative_ttl", Set<&C::refs, &C::Refs::negative_ttl, ReadDuration>},
    {"refs.timeout", Set<&C::refs, &C::Refs::timeout, ReadDuration>},
    {"mirror.from", SetMirror<&Mirror::from, ReadText>},
    {"mirror.to", SetMirror<&Mirror::to, ReadTexts>},
    {"tree.max_entries", Set<&C::tree, &C::Tree::max_entries, ReadCount>},
    {"tree.max_bytes", Set<&C::tree, &C::Tree::max_bytes, ReadSize>},
    {"tree.max_ratio", Set<&C::tree, &C::Tree::max_ratio, ReadCount>},
    {"sandbox.time", Set<&C::sandbox, &C::Sandbox::time, ReadDuration>},
    {"sandbox.memory", Set<&C::sandbox, &C::Sandbox::memory, ReadSize>},
    {"sandbox.output", Set<&C::sandbox, &C::Sandbox::output, ReadOutputSize>},
};

// "daemon" of "daemon.mode".
absl::string_view TableOf(absl::string_view name) {
  return name.substr(0, name.find('.'));
}

// How many characters must be put in, taken out or changed.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i);
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

// A key in the wrong table is nearer than one of another name.
absl::string_view NearestKey(absl::string_view unknown) {
  absl::string_view nearest;
  size_t best = std::numeric_limits<size_t>::max();
  for (const Key& key : kKeys) {
    size_t distance = EditDistance(unknown, key.name);
    absl::string_view own = unknown.substr(unknown.rfind('.') + 1);
    if (own == key.name.substr(key.name.find('.') + 1)) distance = 1;
    if (distance < best) {
      best = distance;
      nearest = key.name;
    }
  }
  return nearest;
}

// Puts one document into a Config; keeps the error that stands first in it.
class Reader {
 public:
  Reader(absl::string_view file, Config& config)
      : file_(file), config_(config) {}

  void ReadDocument(const toml::table& document) {
    for (const auto& [name, node] : document) {
      const toml::table* table = node.as_table();
      if (name.str() == kMirror) continue;
      if (table != nullptr && !table->empty()) {
        ReadTable(name.str(), *table);
      } else {
        ReadTopLevel(name.str(), name.source().begin.line, node);
      }
    }
    // What they may be is said in [net].
    if (const toml::node* mirrors = document.get(kMirror)) {
      ReadMirrors(*mirrors);
    }
  }

  absl::Status status() const {
    if (error_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(error_);
  }

 private:
  void ReadTable(std::string_view table_name, const toml::table& table) {
    for (const auto& [name, node] : table) {
      std::string full =
          absl::StrCat(std::string(table_name), ".", std::string(name.str()));
      size_t line = name.source().begin.line;
      const Key* key = std::find_if(
          std::begin(kKeys), std::end(kKeys),
          [&full](const Key& known) { return known.name == full; });
      if (key == std::end(kKeys)) {
        Unknown(line, full);
      } else if (absl::Status status = key->set(node, config_); !status.ok()) {
        Fail(line, absl::StrCat(full, ": ", std::string(status.message())));
      }
    }
  }

  void ReadMirrors(const toml::node& node) {
    const toml::array* array = node.as_array();
    if (array == nullptr || !array->is_array_of_tables()) {
      return Fail(node.source().begin.line,
                  "mirror: expected an array of tables, [[mirror]]");
    }
    for (const toml::node& element : *array) {
      config_.mirrors.emplace_back();
      ReadTable(kMirror, *element.as_table());
      CheckMirror(*element.as_table());
    }
  }

  void CheckMirror(const toml::table& table) {
    const Mirror& mirror = config_.mirrors.back();
    if (!table.contains("from") || !table.contains("to")) {
      return Fail(table.source().begin.line,
                  "mirror: expected both, from = \"https://HOST/\" and to = "
                  "[\"https://MIRROR/\"]");
    }
    const size_t from_line = table.get("from")->source().begin.line;
    CheckPrefix(from_line, "mirror.from", mirror.from);
    const size_t to_line = table.get("to")->source().begin.line;
    for (const std::string& to : mirror.to) {
      CheckPrefix(to_line, "mirror.to", to);
    }
    if (mirror.to.empty() || mirror.to.size() > kMaxMirrors) {
      Fail(to_line, absl::StrCat("mirror.to: expected 1 to ", kMaxMirrors,
                                 " addresses"));
    }
    const auto same = [&mirror](const Mirror& other) {
      return other.from == mirror.from;
    };
    if (std::count_if(config_.mirrors.begin(), config_.mirrors.end(), same) >
        1) {
      Fail(from_line, absl::StrCat("mirror.from: ", LogQuote(mirror.from),
                                   " stands in another [[mirror]] too; put all "
                                   "its addresses into one `to`"));
    }
  }

  void CheckPrefix(size_t line, absl::string_view key,
                   const std::string& prefix) {
    absl::Status status = CheckMirrorPrefix(prefix, config_.net.allow_http);
    if (status.ok()) return;
    Fail(line, absl::StrCat(key, ": ", status.message(), ", not ",
                            LogQuote(RedactUrl(prefix))));
  }

  // A bare key, an array of tables, or an empty table.
  void ReadTopLevel(std::string_view name_view, size_t line,
                    const toml::node& node) {
    std::string name(name_view);
    bool known = std::any_of(
        std::begin(kKeys), std::end(kKeys),
        [&name](const Key& key) { return TableOf(key.name) == name; });
    if (!known) {
      Unknown(line, name);
    } else if (!node.is_table()) {
      Fail(line, absl::StrCat(name, ": expected a table, [", name, "]"));
    }
  }

  void Unknown(size_t line, const std::string& name) {
    Fail(line, absl::StrCat("unknown key ", LogQuote(name),
                            "; the nearest known key is ", NearestKey(name)));
  }

  void Fail(size_t line, absl::string_view what) {
    if (line >= error_line_) return;
    error_line_ = line;
    error_ = absl::StrCat(file_, ":", line, ": ", what);
  }

  const absl::string_view file_;
  Config& config_;
  size_t error_line_ = std::numeric_limits<size_t>::max();
  std::string error_;
};

}  // namespace

absl::StatusOr<Config> ParseConfig(absl::string_view text,
                                   absl::string_view file) {
  Config config;
  Reader reader(file, config);
  try {
    reader.ReadDocument(
        toml::parse(std::string_view(text.data(), text.size())));
  } catch (const toml::parse_error& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(file, ":", error.source().begin.line, ": ",
                     CleanLine(std::string(error.description()))));
  }
  HUBD_RETURN_IF_ERROR(reader.status());
  return config;
}

std::optional<std::string> FindConfigFile(
    const std::optional<std::string>& flag) {
  if (flag) return flag;
  if (auto named = EnvironmentValue("HUBD_CONFIG")) return named;
  for (const std::string& file :
       {absl::StrCat(HomeDirectory(), "/.config/hubd/hubd.toml"),
        std::string("/etc/hubd/hubd.toml")}) {
    if (::access(file.c_str(), F_OK) == 0) return file;
  }
  return std::nullopt;
}

absl::StatusOr<Config> ReadConfig(const std::string& file) {
  absl::StatusOr<std::string> text = ReadFile(file);
  if (!text.ok()) {
    return Annotate(text.status(), "cannot read the configuration");
  }
  return ParseConfig(*text, file);
}

}  // namespace hubd
