// The daemon's log: one line an event, key=value.
//
//   HUBD_LOG(kInfo) << "event=publish sha256=" << digest;
//
// Values that can hold anything are written with LogQuote. Never log secrets:
// URLs go through RedactUrl.

#ifndef HUBD_SERVER_BASE_LOG_H_
#define HUBD_SERVER_BASE_LOG_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace hubd {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// Lines below this level are dropped. Thread-safe.
void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);

// Appends to this file from here on instead of stderr; at 4 MiB the file
// becomes PATH.1 and a fresh one is begun. Thread-safe.
absl::Status SetLogFile(const std::string& path);

// `text` in double quotes, with control bytes, quotes and bytes above 126
// escaped.
std::string LogQuote(absl::string_view text);

// The URL without user, password, query and fragment, for people; of a long one
// the first 256 bytes.
std::string RedactUrl(absl::string_view url);

// Collects one line, of all that absl::StrCat takes, and writes it when it
// goes.
class LogLine {
 public:
  explicit LogLine(LogLevel level) : level_(level) {}
  ~LogLine();
  LogLine(const LogLine&) = delete;
  LogLine& operator=(const LogLine&) = delete;

  template <class Value>
  LogLine& operator<<(const Value& value) {
    absl::StrAppend(&text_, value);
    return *this;
  }

 private:
  const LogLevel level_;
  std::string text_;
};

}  // namespace hubd

#define HUBD_LOG(level)                             \
  if (!::hubd::LogEnabled(::hubd::LogLevel::level)) \
    ;                                               \
  else                                              \
    ::hubd::LogLine(::hubd::LogLevel::level)

#endif  // HUBD_SERVER_BASE_LOG_H_
