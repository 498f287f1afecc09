#include "server/base/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"
#include "server/base/status.h"
#include "server/base/text.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

constexpr off_t kMaxFileBytes = 4 << 20;
// An error has room for little more than 1000 bytes in all.
constexpr size_t kMaxShownUrl = 256;

std::atomic<LogLevel> g_level{LogLevel::kInfo};

// Where lines go. Thread-safe.
class Sink {
 public:
  absl::Status SetFile(const std::string& path) {
    MutexLock lock(mutex_);
    path_ = path;
    return Open();
  }

  void Write(absl::string_view line) {
    MutexLock lock(mutex_);
    if (file_.valid() && size_ > kMaxFileBytes) {
      std::rename(path_.c_str(), absl::StrCat(path_, ".1").c_str());
      if (!Open().ok()) file_.reset();
    }
    int fd = file_.valid() ? file_.get() : STDERR_FILENO;
    // A log that cannot be written must not end the daemon.
    const ssize_t written = ::write(fd, line.data(), line.size());
    if (written > 0) size_ += written;
  }

 private:
  absl::Status Open() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    file_.reset(
        ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
    if (!file_.valid()) {
      return ErrnoError(errno, absl::StrCat("cannot open the log ", path_));
    }
    size_ = std::max<off_t>(::lseek(file_.get(), 0, SEEK_END), 0);
    return absl::OkStatus();
  }

  Mutex mutex_;
  std::string path_ ABSL_GUARDED_BY(mutex_);
  UniqueFd file_ ABSL_GUARDED_BY(mutex_);
  // Of the file, but for the few lines that a worker host adds.
  off_t size_ ABSL_GUARDED_BY(mutex_) = 0;
};

// Lives as long as the process, since threads may log until its end.
Sink& GlobalSink() {
  static Sink* const sink = std::make_unique<Sink>().release();
  return *sink;
}

const char* LevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

}  // namespace

void SetLogLevel(LogLevel level) { g_level = level; }

bool LogEnabled(LogLevel level) { return level >= g_level.load(); }

absl::Status SetLogFile(const std::string& path) {
  return GlobalSink().SetFile(path);
}

std::string LogQuote(absl::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape(text), "\"");
}

std::string RedactUrl(absl::string_view url) {
  // Cut last: a cut in front of the "@" would hide what is to be left out.
  std::string shown = WithoutUserInfo(url);
  shown.resize(std::min(shown.size(), shown.find_first_of("?#")));
  if (shown.size() > kMaxShownUrl) {
    shown.replace(kMaxShownUrl, shown.npos, "...");
  }
  return shown;
}

LogLine::~LogLine() {
  std::string line =
      absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::Now(),
                                    absl::UTCTimeZone()),
                   " level=", LevelName(level_), " ", text_, "\n");
  GlobalSink().Write(line);
}

}  // namespace hubd
