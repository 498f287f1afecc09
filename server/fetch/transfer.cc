#include "server/fetch/transfer.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/random/random.h"
#include "absl/strings/numbers.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/thread.h"
#include "server/net/url_policy.h"

namespace hubd {
namespace {

// Of one request, towards the end fewer; of a huge object one part may be more.
constexpr int64_t kMinParts = 4;
constexpr int64_t kMaxParts = 16;
// Less than this, over however many failures, is no progress: a server that
// sends a few bytes now and then would be asked for ever.
constexpr int64_t kProgressBytes = 256 << 10;
// How often the follower looks, and after how many bytes.
constexpr auto kTick = std::chrono::milliseconds(100);
constexpr int64_t kTickBytes = 1 << 20;
// To tell one rate from another takes so many bytes, or so long; in less a disk
// that pauses is seen, not the network.
constexpr int64_t kMeasuredBytes = 8 << 20;
constexpr absl::Duration kMinMeasured = absl::Milliseconds(300);
constexpr absl::Duration kMaxMeasured = absl::Seconds(1);
// A connection has found its rate after so many times its answer's delay.
constexpr int kSettled = 4;
// After a host refused one more, none is tried for that long.
constexpr absl::Duration kSpareRest = absl::Seconds(4);

bool IsServerError(const absl::Status& failure) {
  int status;
  return absl::SimpleAtoi(MetadataOf(failure)["http_status"], &status) &&
         status >= 500;
}

}  // namespace

Transfer::Transfer(const DownloadOptions& options, const DownloadParts& parts,
                   DownloadRequest request, Contents& contents,
                   ProgressFn progress, std::stop_token stop)
    : options_(options),
      parts_(parts),
      request_({.url = request.url,
                .conditions = std::move(request.conditions),
                .connect_timeout = request.connect_timeout,
                .part_bytes = options.part_bytes}),
      host_(HostOf(request_.url)),
      contents_(contents),
      progress_(std::move(progress)),
      stop_(std::move(stop)),
      wanted_(parts.connections.per_object()),
      retry_(options.retry, [random = std::make_shared<absl::BitGen>()] {
        return absl::Uniform<double>(*random, 0, 1);
      }) {
  result_.resumed = contents.done_bytes() > 0;
}

Transfer::~Transfer() { Halt(); }

Downloaded Transfer::TakeResult() {
  MutexLock lock(mutex_);
  return std::move(result_);
}

absl::Status Transfer::Run() {
  const std::stop_callback chain(stop_, [this] { Halt(); });
  StartLane(/*first=*/true);
  absl::Status status = Attend();
  Halt();
  threads_.clear();
  saver_ = std::jthread();
  return status;
}

void Transfer::Halt() {
  std::stop_source halt;
  {
    MutexLock lock(mutex_);
    halted_ = true;
    halt = halt_;
    TellNews();
  }
  halt.request_stop();
}

// ---- The lanes ----

void Transfer::StartLane(bool first) {
  std::optional<ConnectionBudget::Hold> hold =
      first ? std::optional(parts_.connections.TakeFirst(host_))
            : parts_.connections.TakeFurther(host_);
  if (!hold) return;
  const int id = next_thread_++;
  {
    MutexLock lock(mutex_);
    ++lanes_;
  }
  absl::StatusOr<std::jthread> thread =
      StartThread([this, id, hold = *std::move(hold)] {
        // Else the digest, which one thread alone makes, falls behind.
        GiveWay();
        RunLane(id);
      });
  if (thread.ok()) {
    threads_.emplace(id, *std::move(thread));
  } else if (first) {
    // Without threads it goes on, one thing after the other.
    RunLane(id);
  } else {
    MutexLock lock(mutex_);
    --lanes_;
  }
}

void Transfer::RunLane(int id) {
  while (const std::optional<LaneAsk> ask = NextAsk()) {
    Exchange exchange(request_, ask->ask, contents_, *this);
    absl::Status status =
        parts_.http.Fetch(exchange.Request(), exchange, ask->stop);
    status = exchange.Finish(std::move(status));
    Settle(*ask, exchange, status);
  }
  MutexLock lock(mutex_);
  left_.push_back(id);
  TellNews();
}

std::optional<Transfer::LaneAsk> Transfer::NextAsk() {
  // The failure after which this lane has waited: a clock that is set back is
  // not waited for.
  int64_t waited_for = -1;
  while (true) {
    absl::Duration wait;
    std::stop_token stop;
    {
      MutexLock lock(mutex_);
      stop = halt_.get_token();
      wait = waited_for == spell_ ? absl::ZeroDuration()
                                  : resume_at_ - parts_.clock.Now();
      const bool too_many = stage_ == Stage::kParts && lanes_ > WantedLanes();
      const bool leaves = leaving_ || ended_ || halted_ || too_many;
      std::optional<Ask> ask;
      if (!leaves && wait <= absl::ZeroDuration()) ask = MakeAsk();
      if (ask) {
        const bool had_company = asking_++ > 0;
        return LaneAsk{*std::move(ask), spell_, asks_++, had_company, stop};
      }
      if (leaves || wait <= absl::ZeroDuration()) {
        --lanes_;
        return std::nullopt;
      }
      waited_for = spell_;
    }
    // A stop is seen above.
    (void)parts_.clock.Sleep(wait, stop);
  }
}

std::optional<Ask> Transfer::MakeAsk() {
  if (stage_ == Stage::kOneStream) return std::nullopt;
  Ask ask;
  ask.opens = stage_ == Stage::kOpening;
  ask.avoided_addresses = failed_addresses_;
  if (ask.opens) {
    opening_at_ = parts_.clock.Now();
    const bool once = std::exchange(ask_for_all_once_, false);
    if (once || ask_for_all_) return ask;
  }
  ask.object = contents_.object();
  if (!ask.object) {
    ask.range = ByteRange{0, kMaxParts * options_.part_bytes};
    return ask;
  }
  ask.span = contents_.Take(SpanBytes());
  if (!ask.span) return std::nullopt;
  ask.range = ask.span->rest;
  return ask;
}

// Shorter towards the end, so that all lanes come to it together.
int64_t Transfer::SpanBytes() const {
  const int lanes = wanted_.count();
  const int64_t share = contents_.free_bytes() / (lanes > 1 ? 2 * lanes : 1);
  return std::clamp(share, kMinParts * options_.part_bytes,
                    kMaxParts * options_.part_bytes);
}

int Transfer::WantedLanes() const {
  return std::min(wanted_.count() + (spare_ ? 1 : 0),
                  parts_.connections.per_object());
}

void Transfer::WantFewerLanes(absl::Duration asked) {
  const absl::Time now = parts_.clock.Now();
  // A spare one was tried; of the others nothing is said.
  if (!std::exchange(spare_, false)) wanted_.Halve(now, now + asked);
  spare_after_ = now + std::max(asked, kSpareRest);
}

void Transfer::TellNews() {
  has_news_ = true;
  news_.NotifyAll();
}

void Transfer::OnOpened(const HttpResponse& response, bool has_ranges) {
  MutexLock lock(mutex_);
  result_.response = response;
  stage_ = has_ranges ? Stage::kParts : Stage::kOneStream;
  measured_at_ = parts_.clock.Now();
  measured_bytes_ = 0;
  (void)contents_.TakeWaited();
  opened_in_ = measured_at_ - opening_at_;
  TellNews();
}

void Transfer::OnReceived(int64_t bytes, bool costs_all) {
  MutexLock lock(mutex_);
  measured_bytes_ += bytes;
  if (!costs_all) progressed_bytes_ += bytes;
  untold_bytes_ += bytes;
  if (untold_bytes_ < kTickBytes) return;
  untold_bytes_ = 0;
  TellNews();
}

void Transfer::End(const absl::Status& status) {
  if (!ended_) ended_ = status;
}

void Transfer::Settle(const LaneAsk& ask, const Exchange& exchange,
                      const absl::Status& status) {
  std::optional<absl::Duration> wait;
  {
    MutexLock lock(mutex_);
    --asking_;
    if (leaving_ || ended_ || halted_) return;
    wait = NoteSettled(ask, exchange, status);
  }
  if (!wait) return;
  HUBD_LOG(kInfo) << "event=retry url=" << LogQuote(RedactUrl(request_.url))
                  << " after_ms=" << absl::ToInt64Milliseconds(*wait)
                  << " bytes=" << contents_.done_bytes()
                  << " error=" << LogQuote(status.message());
}

std::optional<absl::Duration> Transfer::NoteSettled(
    const LaneAsk& ask, const Exchange& exchange, const absl::Status& status) {
  using Verdict = Exchange::Verdict;
  const Verdict verdict = exchange.verdict();
  const bool refused = verdict == Verdict::kRefused;
  if ((refused || verdict == Verdict::kNoRange) && !ask.ask.opens &&
      !WasAlone(ask)) {
    // A host that stands fewer connections may say so in many ways.
    WantFewerLanes(absl::ZeroDuration());
    return std::nullopt;
  }
  if (exchange.met_other()) {
    result_.resumed = false;
    result_.changed = result_.changed || exchange.changed();
    // Servers that do not agree would be asked for ever.
    if (std::exchange(met_other_, true)) ask_for_all_ = true;
  }
  if (verdict == Verdict::kNoRange || verdict == Verdict::kOther) {
    AskForAll(ask);
    return std::nullopt;
  }
  if (!status.ok()) return NoteFailure(ask, status, refused);
  result_.unchanged = verdict == Verdict::kUnchanged;
  // Only where there is a ledger is it known whether all is there.
  const bool ends = stage_ == Stage::kOneStream && !contents_.object();
  if (result_.unchanged || ends) End(status);
  return std::nullopt;
}

// Which of two requests reaches the host first, nobody knows.
bool Transfer::WasAlone(const LaneAsk& ask) const {
  return !ask.had_company && asks_ == ask.number + 1;
}

void Transfer::AskForAll(const LaneAsk& ask) {
  ask_for_all_ = true;
  if (!ask.ask.opens) Leave();
}

void Transfer::Leave() {
  leaving_ = true;
  progressed_bytes_ = 0;
  halt_.request_stop();
}

void Transfer::NoteError(const absl::Status& failure) {
  ++failures_;
  last_error_ = std::string(failure.message());
  const std::string address = MetadataOf(failure)["address"];
  // It is not an address that failed.
  if (address.empty()) return;
  // There is no other left: they are gone through once more.
  if (absl::c_linear_search(failed_addresses_, address)) {
    failed_addresses_.clear();
  }
  failed_addresses_.push_back(address);
}

void Transfer::CountTry(bool refuses, absl::Duration asked) {
  ++spell_;
  const absl::Time now = parts_.clock.Now();
  const bool progressed = progressed_bytes_ >= kProgressBytes;
  if (progressed) {
    retry_.NoteProgress();
    progressed_bytes_ = 0;
  }
  if (refuses || !progressed) {
    wanted_.Halve(now, now + asked);
  } else {
    wanted_.DropOne();
  }
}

std::optional<absl::Duration> Transfer::NoteFailure(const LaneAsk& ask,
                                                    const absl::Status& failure,
                                                    bool refused) {
  NoteError(failure);
  if (!refused && !IsTransient(failure)) {
    End(failure);
    return std::nullopt;
  }
  const absl::Duration asked = AskedWait(failure);
  const bool refuses = refused || IsServerError(failure) ||
                       ReasonOf(failure) == Reason::kRateLimited;
  // It may be one connection too many: the others go on without it.
  if (refuses && !ask.ask.opens && !WasAlone(ask)) {
    WantFewerLanes(asked);
    // Who asks next, alone, does so when the host says, if that is soon.
    const bool waits = asking_ == 0 && asked <= options_.retry.max_asked;
    if (waits) resume_at_ = std::max(resume_at_, parts_.clock.Now() + asked);
    return std::nullopt;
  }
  // What has hung may be over.
  spare_ = false;
  if (stage_ == Stage::kOneStream) stage_ = Stage::kOpening;
  if (ask.spell != spell_) return std::nullopt;
  CountTry(refuses, asked);
  const absl::StatusOr<absl::Duration> wait = retry_.After(failure);
  if (!wait.ok()) {
    // Who is told to come later does not risk what is there.
    if (refused && asked <= options_.retry.max_asked) {
      AskForAll(ask);
    } else {
      End(failure);
    }
    return std::nullopt;
  }
  // Some fail at ranges only. What is there is not risked for that.
  ask_for_all_once_ = IsServerError(failure) && ask.ask.range &&
                      !ask.ask.object && asked == absl::ZeroDuration();
  resume_at_ = parts_.clock.Now() + *wait;
  return *wait;
}

// ---- The thread that follows ----

void Transfer::AwaitNews() {
  const auto end = std::chrono::steady_clock::now() + kTick;
  MutexLock lock(mutex_);
  while (!has_news_ &&
         news_.WaitUntil(mutex_, end) != std::cv_status::timeout) {
  }
  has_news_ = false;
}

absl::Status Transfer::Attend() {
  bool caught_up = true;
  while (true) {
    if (caught_up) AwaitNews();
    HUBD_ASSIGN_OR_RETURN(caught_up, contents_.Follow(stop_));
    SaveIfDue();
    Report();
    HUBD_ASSIGN_OR_RETURN(const bool done, Continue());
    if (done) return absl::OkStatus();
    AddLanes();
  }
}

// A disk may take long to sync, in which the digest would fall behind.
void Transfer::SaveIfDue() {
  {
    MutexLock lock(mutex_);
    if (saving_ || !contents_.IsSaveDue()) return;
    saving_ = true;
  }
  absl::StatusOr<std::jthread> thread = StartThread([this] { Save(); });
  if (thread.ok()) {
    saver_ = *std::move(thread);
  } else {
    Save();
  }
}

void Transfer::Save() {
  absl::Status saved;
  // Also what came meanwhile: the follower may be busy for long.
  do {
    saved = contents_.Save();
  } while (saved.ok() && contents_.IsSaveDue() && !stop_.stop_requested());
  MutexLock lock(mutex_);
  saving_ = false;
  if (!saved.ok()) End(saved);
  TellNews();
}

absl::StatusOr<bool> Transfer::Continue() {
  if (stop_.stop_requested()) return absl::CancelledError("stopped fetching");
  std::vector<int> left;
  bool idle;
  {
    MutexLock lock(mutex_);
    if (ended_ && !ended_->ok()) return *ended_;
    left.swap(left_);
    idle = lanes_ == 0;
    const bool whole = ended_ || contents_.complete();
    // Some lane may yet wait for its next request.
    if (whole && asking_ == 0 && !saving_ && contents_.followed()) return true;
    if (whole) idle = false;
    if (idle && (leaving_ || stage_ != Stage::kParts)) {
      if (std::exchange(leaving_, false)) halt_ = std::stop_source();
      stage_ = Stage::kOpening;
    }
  }
  for (const int id : left) threads_.erase(id);
  if (idle) StartLane(/*first=*/true);
  return false;
}

void Transfer::Measure(absl::Time now) {
  const absl::Duration elapsed = now - measured_at_;
  const absl::Duration least =
      measured_bytes_ >= kMeasuredBytes ? kMinMeasured : kMaxMeasured;
  if (elapsed < std::max(least, kSettled * opened_in_)) return;
  const double idle = absl::FDivDuration(contents_.TakeWaited(), elapsed);
  // Who waits for the next try, or for a ledger, does not hang.
  const bool hangs = measured_bytes_ == 0 && idle == 0 && asking_ > 0 &&
                     measured_at_ >= resume_at_;
  // What came with a spare one does not tell what the others bring.
  if (!spare_) wanted_.Measure({measured_bytes_, elapsed, lanes_, idle}, now);
  if (!hangs || now >= spare_after_) spare_ = hangs;
  measured_bytes_ = 0;
  measured_at_ = now;
}

void Transfer::AddLanes() {
  int missing;
  {
    MutexLock lock(mutex_);
    if (stage_ != Stage::kParts || leaving_ || ended_) return;
    Measure(parts_.clock.Now());
    const auto object = contents_.object();
    if (!object) return;
    const int64_t least =
        std::max(object->part_size, kMinParts * options_.part_bytes);
    const int64_t requests = (contents_.free_bytes() + least - 1) / least;
    missing =
        static_cast<int>(std::min<int64_t>(WantedLanes() - lanes_, requests));
  }
  for (int i = 0; i < missing; ++i) StartLane(/*first=*/false);
}

void Transfer::Report() {
  Progress progress;
  {
    MutexLock lock(mutex_);
    if (asking_ == 0 && resume_at_ > parts_.clock.Now()) {
      progress.phase = Progress::Phase::kWaiting;
      progress.resume_at = resume_at_;
    } else {
      progress.phase = stage_ == Stage::kOpening
                           ? Progress::Phase::kConnecting
                           : Progress::Phase::kDownloading;
    }
    const std::optional<Ledger> object = contents_.object();
    progress.done_bytes = contents_.done_bytes();
    progress.total_bytes =
        object ? object->size
               : std::max<int64_t>(result_.response.content_length, 0);
    progress.connections = asking_;
    progress.failures = failures_;
    progress.last_error = last_error_;
  }
  progress_(progress);
}

}  // namespace hubd
