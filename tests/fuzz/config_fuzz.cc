// Configuration files: read or refused with the file and line, never more.

#include <cstdint>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "server/base/status.h"
#include "server/daemon/config.h"
#include "server/net/mirrors.h"
#include "tests/fuzz/clean_text.h"

namespace hubd {
namespace {

void CheckValues(const Config& config) {
  HUBD_CHECK(config.daemon.idle_exit >= absl::ZeroDuration());
  HUBD_CHECK(config.daemon.drain_timeout >= absl::ZeroDuration());
  HUBD_CHECK(config.net.connect_timeout >= absl::ZeroDuration());
  HUBD_CHECK(config.net.stall_timeout >= absl::ZeroDuration());
  HUBD_CHECK(config.net.stall_rate >= 0 && config.net.max_redirects >= 0);
  HUBD_CHECK(config.refs.ttl >= absl::ZeroDuration());
  HUBD_CHECK(config.refs.negative_ttl >= absl::ZeroDuration());
  HUBD_CHECK(config.refs.timeout >= absl::ZeroDuration());
  for (const Mirror& mirror : config.mirrors) {
    const bool allow_http = config.net.allow_http;
    HUBD_CHECK(CheckMirrorPrefix(mirror.from, allow_http).ok());
    HUBD_CHECK(!mirror.to.empty());
    for (const std::string& to : mirror.to) {
      HUBD_CHECK(CheckMirrorPrefix(to, allow_http).ok());
    }
  }
  HUBD_CHECK(config.tree.max_entries >= 0 && config.tree.max_bytes >= 0 &&
             config.tree.max_ratio >= 0);
  HUBD_CHECK(config.sandbox.time >= absl::ZeroDuration());
  HUBD_CHECK(config.sandbox.memory >= 0 && config.sandbox.output >= 0);
}

void Check(absl::string_view text) {
  const absl::StatusOr<Config> config = ParseConfig(text, "hubd.toml");
  if (config.ok()) {
    CheckValues(*config);
    return;
  }
  HUBD_CHECK(config.status().code() == absl::StatusCode::kInvalidArgument);
  HUBD_CHECK(absl::StartsWith(config.status().message(), "hubd.toml:"));
  HUBD_CHECK(IsCleanError(config.status()));
}

}  // namespace
}  // namespace hubd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hubd::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
