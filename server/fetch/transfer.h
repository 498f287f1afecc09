// One object from one URL, over as many connections as pay. Part of Download.

#ifndef HUBD_SERVER_FETCH_TRANSFER_H_
#define HUBD_SERVER_FETCH_TRANSFER_H_

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/base/mutex.h"
#include "server/base/progress.h"
#include "server/fetch/contents.h"
#include "server/fetch/download.h"
#include "server/fetch/exchange.h"
#include "server/fetch/lane_count.h"
#include "server/fetch/retry.h"
#include "server/net/http_transport.h"

namespace hubd {

// The thread that calls Run follows the bytes (Contents::Follow), adds lanes,
// and has the ledger written by another thread now and then; each lane is a
// thread that makes one request after the other, at a lower priority:
//   1. Opening: one lane asks for the first bytes that are missing, as a range.
//   2. Parts, where the answer is that range: more lanes, each fetches what
//      nobody has.
//   3. One stream, where the answer is all of the object: that answer is it.
// A failure that may pass holds all lanes back for a while, and counts once,
// however many of them meet it. Where a later answer is of another object, or
// of no range, all lanes end, and it begins anew by a request for all; where a
// range is refused by a status that may pass, after the last try only, since
// that costs what is there.
//
// Run once. What lanes share is guarded by mutex_.
class Transfer final : private Exchange::Listener {
 public:
  Transfer(const DownloadOptions& options, const DownloadParts& parts,
           DownloadRequest request, Contents& contents, ProgressFn progress,
           std::stop_token stop);
  ~Transfer() override;

  // Until all bytes are there and followed; see Download for errors.
  absl::Status Run();

  // After Run: as in Downloaded.
  Downloaded TakeResult();

 private:
  enum class Stage { kOpening, kParts, kOneStream };

  struct LaneAsk {
    Ask ask;
    int64_t spell = 0;
    // How many requests there were before it; another lane had one under way.
    int64_t number = 0;
    bool had_company = false;
    std::stop_token stop;
  };

  void StartLane(bool first);
  void RunLane(int id);
  // The next request of a lane; nullopt: the lane ends.
  std::optional<LaneAsk> NextAsk();
  std::optional<Ask> MakeAsk() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int64_t SpanBytes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  int WantedLanes() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // A host refuses one of several connections, and asks for this wait.
  void WantFewerLanes(absl::Duration asked)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnOpened(const HttpResponse& response, bool has_ranges) override;
  void OnReceived(int64_t bytes, bool costs_all) override;
  void Settle(const LaneAsk& ask, const Exchange& exchange,
              const absl::Status& status);
  // What is to be done about it: a wait, of which others are told; nullopt
  // where there is nothing to tell. `refused`: a range, as in Exchange.
  std::optional<absl::Duration> NoteFailure(const LaneAsk& ask,
                                            const absl::Status& failure,
                                            bool refused)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::optional<absl::Duration> NoteSettled(const LaneAsk& ask,
                                            const Exchange& exchange,
                                            const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void NoteError(const absl::Status& failure)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Of several lanes that fail at once, the first: it is a failed try.
  void CountTry(bool refuses, absl::Duration asked)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether no other request was under way at any time of this one.
  bool WasAlone(const LaneAsk& ask) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AskForAll(const LaneAsk& ask) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // All lanes are to end, for another beginning.
  void Leave() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void End(const absl::Status& status) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TellNews() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Status Attend();
  void AwaitNews();
  void Halt();
  // Save: on a thread of its own, where there is one.
  void SaveIfDue();
  void Save();
  // Whether all is done; starts lanes where there is more to do.
  absl::StatusOr<bool> Continue();
  void AddLanes();
  // How many lanes are wanted by what has come, if it is time to say.
  void Measure(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Report();

  const DownloadOptions options_;
  const DownloadParts parts_;
  const Exchange::Options request_;
  const std::string host_;
  Contents& contents_;
  const ProgressFn progress_;
  const std::stop_token stop_;

  Mutex mutex_;
  CondVar news_;
  // Ends the requests of one beginning; `halted_`: there is no other.
  std::stop_source halt_ ABSL_GUARDED_BY(mutex_);
  bool halted_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_news_ ABSL_GUARDED_BY(mutex_) = false;
  Stage stage_ ABSL_GUARDED_BY(mutex_) = Stage::kOpening;
  // Lanes that run, and those that have a request under way.
  int lanes_ ABSL_GUARDED_BY(mutex_) = 0;
  int asking_ ABSL_GUARDED_BY(mutex_) = 0;
  // Requests that were made.
  int64_t asks_ ABSL_GUARDED_BY(mutex_) = 0;
  LaneCount wanted_ ABSL_GUARDED_BY(mutex_);
  // One more is wanted while all that are there bring nothing; not before
  // `spare_after_`.
  bool spare_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time spare_after_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // All is to be asked for, without a range: from here on; the next time.
  bool ask_for_all_ ABSL_GUARDED_BY(mutex_) = false;
  bool ask_for_all_once_ ABSL_GUARDED_BY(mutex_) = false;
  bool met_other_ ABSL_GUARDED_BY(mutex_) = false;
  // Nothing more is asked for: lanes end. `ended_`: with this result.
  bool leaving_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<absl::Status> ended_ ABSL_GUARDED_BY(mutex_);
  Downloaded result_ ABSL_GUARDED_BY(mutex_);

  Retry retry_ ABSL_GUARDED_BY(mutex_);
  // Requests that began before the last failure that counted do not count.
  int64_t spell_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time resume_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int failures_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string last_error_ ABSL_GUARDED_BY(mutex_);
  // IP addresses that have failed since one of them did so again.
  std::vector<std::string> failed_addresses_ ABSL_GUARDED_BY(mutex_);
  // Since the last progress, of what need not come again.
  int64_t progressed_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Since news, and since the rate was measured, or parts began.
  int64_t untold_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t measured_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time measured_at_ ABSL_GUARDED_BY(mutex_);

  // When the opening request was made, and how long its answer took to begin.
  absl::Time opening_at_ ABSL_GUARDED_BY(mutex_);
  absl::Duration opened_in_ ABSL_GUARDED_BY(mutex_);
  // Lanes whose thread is at its end.
  std::vector<int> left_ ABSL_GUARDED_BY(mutex_);
  bool saving_ ABSL_GUARDED_BY(mutex_) = false;

  // Of the thread that runs Run.
  int next_thread_ = 0;
  std::map<int, std::jthread> threads_;
  std::jthread saver_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_TRANSFER_H_
