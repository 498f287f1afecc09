// Single flight: each thing is fetched once, however many ask.
//
// The contract:
//   - at most one `run` per key is running;
//   - a ticket gets the newest progress at once, of a flight that has not begun
//     that it is queued;
//   - `done` is called exactly once for a ticket that is kept, and never for a
//     ticket that was dropped on the callbacks' thread;
//   - a dropped ticket disturbs nobody else;
//   - when the last ticket of a flight drops, the flight is told to stop and
//     leaves the table at that moment; who asks next starts a successor, whose
//     run waits until its predecessor's has returned;
//   - a failure goes to all who are present and is not remembered;
//   - each ticket judges the result by its own `accept`, for example by an
//     expected hash: one that refuses gets its refusal, the others the result.
//
// Thread-safe. Callbacks run on `callbacks` (the io thread), runs on `runners`.

#ifndef HUBD_SERVER_FETCH_FLIGHT_TABLE_H_
#define HUBD_SERVER_FETCH_FLIGHT_TABLE_H_

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/caller.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/base/progress.h"
#include "server/net/bandwidth.h"
#include "server/store/objects.h"

namespace hubd {

// A commit that was asked for by how it begins.
struct FoundCommit {
  std::string commit;  // 40 hex digits
};

// What a flight gives, and whether it was there before the flight began.
struct Fetched {
  std::variant<RefsObject, TreeObject, CheckpointObject, UnpackedObject,
               VerifyReport, FoundCommit, ImportReport>
      object;
  bool cached = false;
  // Whether the origin was asked.
  bool asked = true;
  // What the callers should be told, a sentence each.
  std::vector<std::string> warnings = {};
  // Why an older answer stands in for the origin's; OK where none does.
  absl::Status silence = absl::OkStatus();
  // Of a checkpoint that came: what its bytes look like (first_bytes.h), and
  // why they are not the object, where its server shows that: DIGEST_MISMATCH
  // with what it says that they should be, or a page in their place.
  std::string content = {};
  absl::Status objection = absl::OkStatus();
};

// Names a flight: what, for whose domain. Different kinds of things have
// different `what`: "refs ...", "commit ...", "tree ...", "url ...", "unpacked
// ...", "verify ...", "import ...".
struct FlightKey {
  std::string domain;
  std::string what;

  auto operator<=>(const FlightKey&) const = default;
};

// What a flight is about, for people. Holds no secret.
struct FlightSubject {
  // "refs", "commit", "tree", "checkpoint", "unpack", "verify" or "import".
  std::string kind;
  // A URL without its query, a repo, a repo at a commit, ...; may be empty.
  std::string name;
  // The host that is asked; empty where none is.
  std::string host;
};

// A flight as it is at one moment. A value.
struct FlightInfo {
  // No two flights of a table have the same, nor, for more than a day, do those
  // of the daemons of one root, one after the other: who asks for an old one
  // finds nothing.
  int64_t id = 0;
  std::string domain;
  FlightSubject subject;
  // Of each caller who waits for it, in order.
  std::vector<uid_t> uids;
  Progress progress;
  double bytes_per_second = 0;
  absl::Time since;
};

class FlightTable {
  // What the table shares with its tickets and with work that is posted.
  class Core;

 public:
  // What a run may use. Thread-safe.
  class Context {
   public:
    virtual ~Context() = default;
    virtual int64_t id() const = 0;
    virtual std::stop_token stop() const = 0;
    // Tells all tickets; may be called as often as one likes. What comes too
    // soon is not told later: a phase that lasts is to be reported again.
    virtual void Report(const Progress& progress) = 0;
    // OK where at least one of the present tickets accepts `result`, else what
    // one of them says against it: for what should not be published then.
    virtual absl::Status Judge(const Fetched& result) const = 0;
  };

  // Blocks; returns CANCELLED soon after the stop.
  using Run = std::function<absl::StatusOr<Fetched>(Context&)>;
  // A pure function, called on any thread.
  using AcceptFn = std::function<absl::Status(const Fetched&)>;
  using DoneFn = std::function<void(const absl::StatusOr<Fetched>&)>;

  // Who joins, and what for. Each function but `done` may be empty.
  struct Interest {
    uid_t uid = kNobody;
    AcceptFn accept;
    ProgressFn progress;
    DoneFn done;
  };

  // What became of a wish to stop or to limit a flight.
  enum class Outcome { kDone, kNotThere, kOthersWait };

  // One caller's interest. Dropping it gives the interest up. May outlive the
  // table. Thread-compatible.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept { *this = std::move(other); }
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket() { Drop(); }
    void Drop();

   private:
    friend class FlightTable;
    Ticket(std::weak_ptr<Core> core, uint64_t id)
        : core_(std::move(core)), id_(id) {}

    std::weak_ptr<Core> core_;
    uint64_t id_ = 0;
  };

  // Where flights run. Those of checkpoints have threads of their own: they may
  // last for long, and wait as long as a host says, while others are short.
  struct Runners {
    Executor& checkpoints;
    Executor& others;
  };

  // All must outlive the table.
  FlightTable(Runners runners, Executor& callbacks, const Clock& clock,
              Bandwidth& bandwidth);
  // Stops all flights and waits for their runs.
  ~FlightTable();

  // Joins the flight of `key`, or starts one about `subject` with `run`. Then
  // `progress` ten times a second at most, a new phase up to a tenth of a
  // second before its time, and `done` once.
  [[nodiscard]] Ticket Join(const FlightKey& key, const FlightSubject& subject,
                            Run run, Interest interest);

  // How many flights can be joined.
  int size() const;

  // These flights, in the order in which they began.
  std::vector<FlightInfo> List() const;

  // Stops a flight: those who wait get `reason`. With `only_of`: not where
  // another user waits.
  Outcome Stop(int64_t id, std::optional<uid_t> only_of,
               const absl::Status& reason);

  // Limits what a flight receives (Bandwidth::LimitJob, by its id), at most
  // until it leaves the table. With `only_of`: not where another user waits,
  // and only until one joins. INVALID_ARGUMENT as there.
  absl::StatusOr<Outcome> Limit(int64_t id, std::optional<uid_t> only_of,
                                int64_t bytes_per_second);

  // Stops all flights: those who wait get `reason`.
  void StopAll(const absl::Status& reason);

 private:
  const std::shared_ptr<Core> core_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_FLIGHT_TABLE_H_
