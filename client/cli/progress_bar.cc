#include "client/cli/progress_bar.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/human.h"
#include "client/cli/table.h"
#include "client/cli/terminal.h"
#include "server/base/fs.h"
#include "server/base/text.h"

namespace hubd {
namespace {

constexpr char kWipe[] = "\r\x1b[K";
constexpr int kBarColumns = 10;

// "[#####-----]  50%"
std::string Bar(int64_t done, int64_t total) {
  const double part = std::clamp(static_cast<double>(done) / total, 0.0, 1.0);
  const int full = static_cast<int>(part * kBarColumns);
  return absl::StrFormat("[%s%s] %3d%%", std::string(full, '#'),
                         std::string(kBarColumns - full, '-'),
                         static_cast<int>(part * 100));
}

// What a download waits for.
std::string Wait(const v1::Progress& progress) {
  std::string wait = absl::StrCat(" until ", ClockTime(progress.resume_at()));
  if (!progress.last_error().empty()) {
    absl::StrAppend(&wait, ": ", CleanLine(progress.last_error()));
  }
  return wait;
}

}  // namespace

const char* PhaseName(v1::Progress::Phase phase) {
  switch (phase) {
    case v1::Progress::QUEUED:
      return "queued";
    case v1::Progress::RESOLVING:
      return "resolving";
    case v1::Progress::DOWNLOADING:
      return "downloading";
    case v1::Progress::UNPACKING:
      return "unpacking";
    case v1::Progress::RUNNING:
      return "running";
    case v1::Progress::VERIFYING:
      return "verifying";
    case v1::Progress::IMPORTING:
      return "importing";
    case v1::Progress::WAITING:
      return "waiting";
    case v1::Progress::CONNECTING:
      return "connecting";
    default:
      return "working";
  }
}

std::string ClockTime(int64_t unix_seconds) {
  return absl::FormatTime("%H:%M:%S", absl::FromUnixSeconds(unix_seconds),
                          absl::LocalTimeZone());
}

std::string FormatProgress(const v1::Progress& progress, double rate,
                           int width) {
  const int64_t done = progress.done_bytes();
  const int64_t total = progress.total_bytes();
  std::string line = PhaseName(progress.phase());
  if (total > 0) {
    absl::StrAppend(&line, " ", Bar(done, total), " ", HumanSize(done), " of ",
                    HumanSize(total));
  } else if (done > 0) {
    absl::StrAppend(&line, " ", HumanSize(done));
  }
  if (progress.phase() == v1::Progress::WAITING) {
    absl::StrAppend(&line, Wait(progress));
  } else if (rate >= 1) {
    absl::StrAppend(&line, ", ", HumanSize(static_cast<int64_t>(rate)), "/s");
    if (total > done) {
      absl::StrAppend(&line, ", ",
                      HumanDuration(absl::Seconds((total - done) / rate)),
                      " left");
    }
  }
  // Last, since it may be cut off.
  if (!progress.subject().empty()) {
    absl::StrAppend(&line, "  ", CleanLine(progress.subject()));
  }
  return width > 0 ? CutToWidth(line, width) : line;
}

ProgressBar::ProgressBar(const Options& options)
    : options_(options), terminal_(IsTerminal(options.fd)) {
  if (options_.enabled) thread_ = std::thread([this] { Run(); });
}

ProgressBar::~ProgressBar() {
  if (!thread_.joinable()) return;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  condition_.NotifyOne();
  thread_.join();
}

void ProgressBar::Update(const v1::Progress& progress) {
  MutexLock lock(mutex_);
  // A call that is sent again begins with fewer bytes.
  const bool anew = !latest_ || latest_->phase() != progress.phase() ||
                    latest_->subject() != progress.subject() ||
                    latest_->done_bytes() > progress.done_bytes();
  if (anew) {
    first_bytes_ = progress.done_bytes();
    first_time_ = Clock::now();
  }
  latest_ = progress;
}

std::string ProgressBar::Line(Clock::time_point when, int width) const {
  const double seconds =
      std::chrono::duration<double>(when - first_time_).count();
  const double bytes = latest_->done_bytes() - first_bytes_;
  return FormatProgress(*latest_, seconds > 0 ? bytes / seconds : 0, width);
}

void ProgressBar::Run() {
  const auto step = absl::ToChronoNanoseconds(terminal_ ? options_.redraw
                                                        : options_.plain_every);
  Clock::time_point next = begin_ + absl::ToChronoNanoseconds(options_.quiet);
  while (true) {
    std::string line;
    {
      MutexLock lock(mutex_);
      while (!stopping_ && Clock::now() < next) {
        condition_.WaitUntil(mutex_, next);
      }
      if (stopping_) break;
      next += step;
      if (!latest_) continue;
      // The last column stays free: some terminals wrap when it is filled.
      const int width = terminal_ ? TerminalWidth(options_.fd) - 1 : 0;
      line = Line(Clock::now(), width);
    }
    Draw(line);
  }
  // Nobody is left to tell if stderr is gone.
  if (drawn_ && terminal_) WriteAll(options_.fd, kWipe).IgnoreError();
}

void ProgressBar::Draw(const std::string& line) {
  drawn_ = true;
  WriteAll(options_.fd, terminal_ ? absl::StrCat("\r", line, "\x1b[K")
                                  : absl::StrCat(line, "\n"))
      .IgnoreError();
}

}  // namespace hubd
