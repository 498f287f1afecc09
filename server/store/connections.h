// The connections to the index: one writer, as many readers as read at once.

#ifndef HUBD_SERVER_STORE_CONNECTIONS_H_
#define HUBD_SERVER_STORE_CONNECTIONS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/base/mutex.h"
#include "server/store/reserve.h"
#include "server/store/sqlite.h"

namespace hubd {

// Thread-safe. The destructor waits for what is being written; no reader may be
// left.
class Connections {
 public:
  // Opens the writer's connection, runs the migrations, starts the writer.
  // Where the disk is full, a write gives the reserve up.
  static absl::StatusOr<std::unique_ptr<Connections>> Open(
      const std::string& path, const std::vector<absl::string_view>& migrations,
      Reserve reserve);
  // Takes the writer's connection over; use Open.
  Connections(std::string path, std::unique_ptr<Database> writer,
              Reserve reserve);
  ~Connections();

  // A read-only connection, given back when it goes.
  class Reader {
   public:
    Reader(Connections& owner, std::unique_ptr<Database> database)
        : owner_(owner), database_(std::move(database)) {}
    Reader(Reader&&) = default;
    ~Reader();
    Database* operator->() const { return database_.get(); }

   private:
    Connections& owner_;
    std::unique_ptr<Database> database_;
  };
  absl::StatusOr<Reader> Read();

  // Runs one statement on the writer thread and waits until it is durable; how
  // many rows it changed. What waits at the same time is committed together; a
  // statement that fails undoes itself alone. `sql` outlives the call.
  absl::StatusOr<int64_t> Write(absl::string_view sql,
                                std::vector<SqlValue> values);

  // The first DATA_LOSS, from then on; DATA_LOSS too where the file that was
  // opened is no longer at its path. What is written then is lost with this
  // object.
  absl::Status CheckSound() const;

 private:
  // One waiting Write; lives on its caller's stack.
  struct Job {
    absl::string_view sql;
    std::vector<SqlValue> values;
    absl::StatusOr<int64_t> result = 0;
    bool done = false;
  };

  void RunWriter();
  void Commit(std::vector<Job*> jobs);
  // All of them, or none.
  absl::Status RunInTransaction(const std::vector<Job*>& jobs);
  absl::Status RunAll(const std::vector<Job*>& jobs);
  void GiveBack(std::unique_ptr<Database> reader);
  // Keeps the first one; OK is none.
  void NoteDamage(const absl::Status& damage);

  const std::string path_;
  // The device and inode of what was opened.
  const std::pair<uint64_t, uint64_t> file_;
  // Used by the writer thread only, once it runs.
  const std::unique_ptr<Database> writer_;
  Reserve reserve_;

  mutable Mutex mutex_;
  absl::Status damage_ ABSL_GUARDED_BY(mutex_);
  CondVar wake_writer_;
  CondVar job_done_;
  std::vector<Job*> queue_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::unique_ptr<Database>> idle_readers_ ABSL_GUARDED_BY(mutex_);

  // Last: it uses all of the above.
  std::thread thread_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_CONNECTIONS_H_
