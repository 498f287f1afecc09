// SQLite with owners and statuses. No other file knows sqlite3.h.

#ifndef HUBD_SERVER_STORE_SQLITE_H_
#define HUBD_SERVER_STORE_SQLITE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct sqlite3;
struct sqlite3_stmt;

namespace hubd {

// A parameter of a statement: INTEGER or TEXT.
using SqlValue = std::variant<int64_t, std::string>;

class Database;

// The rows of a query that is running. Borrows its statement from the Database:
// ends before it, and before the same SQL is run again. Thread-compatible.
class SqlRows {
 public:
  SqlRows(SqlRows&& other) noexcept;
  SqlRows& operator=(SqlRows&&) = delete;
  ~SqlRows();

  // Goes to the next row, at first to the first one; false after the last.
  absl::StatusOr<bool> Next();

  // Columns of the current row, from 0.
  int64_t Int(int column) const;
  std::string Text(int column) const;

 private:
  friend class Database;
  SqlRows(Database& database, sqlite3_stmt* statement)
      : database_(database), statement_(statement) {}

  Database& database_;
  sqlite3_stmt* statement_;
};

// One connection, with its prepared statements. Thread-compatible: one thread
// at a time.
//
// Errors: DISK_FULL where the disk is full; DATA_LOSS where the file is no
// database, a damaged one, or one without the tables that a statement names;
// others where it cannot be read or written. All of them name the file.
class Database {
 public:
  enum class Mode { kReadWriteCreate, kReadOnly };

  // The file is made with mode 0600. WAL, synchronous=FULL, foreign keys, and 5
  // seconds of patience with other connections.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path,
                                                        Mode mode);
  // Takes the connection over; use Open.
  explicit Database(sqlite3* connection) : connection_(connection) {}
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Reads the whole file, DATA_LOSS where it is damaged, INTERNAL where a page
  // cannot be read; then runs the migrations that it has not seen, each a text
  // of any number of SQL statements, all in one transaction together with the
  // count of them. FAILED_PRECONDITION where the file has seen more than there
  // are, be it damaged or not: it is a newer hubd's. DATA_LOSS where a table, a
  // column, an index or a trigger that they make is not there.
  absl::Status Migrate(const std::vector<absl::string_view>& migrations);

  // Runs one statement that gives rows; it is kept prepared for the next time.
  absl::StatusOr<SqlRows> Query(absl::string_view sql,
                                const std::vector<SqlValue>& values = {});
  // Runs one statement to its end; how many rows it changed.
  absl::StatusOr<int64_t> Execute(absl::string_view sql,
                                  const std::vector<SqlValue>& values = {});

  // Whether a transaction is open. SQLite ends one by itself after errors such
  // as a full disk.
  bool InTransaction() const;

  // The first DATA_LOSS that a call has failed with; OK where none has.
  const absl::Status& damage() const { return damage_; }

 private:
  friend class SqlRows;
  struct Close {
    void operator()(sqlite3* connection) const;
  };
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };

  // What the connection says about its last call.
  absl::Status LastError();
  absl::Status Damage(absl::string_view what);
  std::string name() const;
  absl::Status Configure(Mode mode);
  absl::Status CheckWhole();
  absl::Status CheckSchema(const std::vector<absl::string_view>& migrations);
  // Tables with their columns, indexes, triggers: a line of text each.
  absl::StatusOr<std::set<std::string>> Schema();
  absl::Status RunScript(const std::string& sql);
  absl::StatusOr<int64_t> QueryInt(absl::string_view sql);

  const std::unique_ptr<sqlite3, Close> connection_;
  absl::Status damage_;
  // Ends before the connection.
  std::map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_SQLITE_H_
