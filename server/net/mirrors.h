// Where else the same can be asked for, and in which order.

#ifndef HUBD_SERVER_NET_MIRRORS_H_
#define HUBD_SERVER_NET_MIRRORS_H_

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace hubd {

// Where the URLs that begin with `from` are served too: what stands in place of
// that beginning, in the order of asking. [[mirror]] of the configuration.
struct Mirror {
  std::string from;
  std::vector<std::string> to;
};

// INVALID_ARGUMENT, with what was expected, where `prefix` is not the beginning
// of URLs that a Mirror takes: https, or http with `allow_http`; up to a "/";
// without query and user name.
absl::Status CheckMirrorPrefix(absl::string_view prefix, bool allow_http);

// One place where something can be asked for.
struct Source {
  std::string url;
  // Else the origin: the URL itself.
  bool is_mirror = false;
  // A mirror that is down must not cost what waiting for an origin may.
  std::optional<absl::Duration> connect_timeout = {};
};

// Thread-safe: constant.
class Mirrors {
 public:
  // No mirrors.
  Mirrors() = default;
  // REQUIRES: all of their parts pass CheckMirrorPrefix.
  Mirrors(std::vector<Mirror> mirrors, absl::Duration connect_timeout)
      : mirrors_(std::move(mirrors)), connect_timeout_(connect_timeout) {}

  // The mirrors of `url`, then the URL itself; with `origin_first`, before
  // them. Of several that fit, the longest `from` alone counts. The letter case
  // of hosts does not, nor that of any part on github.com. The URL of a
  // repository may lack the "/" at its end.
  std::vector<Source> SourcesOf(const std::string& url,
                                bool origin_first = false) const;

  bool HasAny(const std::string& url) const {
    return SourcesOf(url).size() > 1;
  }

 private:
  std::vector<Mirror> mirrors_;
  absl::Duration connect_timeout_;
};

// Calls `ask` for one source after the other until one gives what is wanted:
// OK. What a source answers in place of that, or that it does not, leads to the
// next one; where the origin comes first, only its silence does. Any other
// failure (a stop, a full disk) is nobody's answer and ends it.
//
// Where none gives it, the error is the origin's; it names the mirrors, each
// with its reason. REQUIRES: the origin is among the sources.
absl::Status AskInTurn(const std::vector<Source>& sources,
                       const std::function<absl::Status(const Source&)>& ask);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_MIRRORS_H_
