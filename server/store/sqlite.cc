#include "server/store/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"

namespace hubd {
namespace {

constexpr int kPatienceMillis = 5000;

int Bind(sqlite3_stmt* statement, int index, const SqlValue& value) {
  if (const auto* number = std::get_if<int64_t>(&value)) {
    return sqlite3_bind_int64(statement, index, *number);
  }
  const auto& text = std::get<std::string>(value);
  return sqlite3_bind_text64(statement, index, text.data(), text.size(),
                             SQLITE_TRANSIENT, SQLITE_UTF8);
}

// Whether a row of the integrity check tells of a page that could not be read,
// which it tells in the same way as damage. Where the row names a result code,
// that decides.
bool SaysUnreadable(absl::string_view row) {
  constexpr absl::string_view kCode = "unable to get the page. error code=";
  if (const size_t at = row.find(kCode); at != absl::string_view::npos) {
    int code = 0;
    return !absl::SimpleAtoi(row.substr(at + kCode.size()), &code) ||
           ((code & 0xff) != SQLITE_CORRUPT && (code & 0xff) != SQLITE_NOTADB);
  }
  return absl::StrContains(row, "failed to get page");
}

// Whether a statement met other tables than the migrations make. SQLite has no
// code of its own for that: SQLITE_ERROR is a wrong statement, too.
bool SaysOtherTables(absl::string_view message) {
  for (absl::string_view words : {"no such table", "no such column",
                                  "has no column named", "already exists"}) {
    if (absl::StrContains(message, words)) return true;
  }
  return false;
}

}  // namespace

SqlRows::SqlRows(SqlRows&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)) {}

SqlRows::~SqlRows() {
  if (statement_ == nullptr) return;
  // Also ends the read transaction that the statement may hold.
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

absl::StatusOr<bool> SqlRows::Next() {
  switch (sqlite3_step(statement_)) {
    case SQLITE_ROW:
      return true;
    case SQLITE_DONE:
      return false;
    default:
      return database_.LastError();
  }
}

int64_t SqlRows::Int(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string SqlRows::Text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  return std::string(static_cast<const char*>(bytes),
                     sqlite3_column_bytes(statement_, column));
}

void Database::Close::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);
}

void Database::Finalize::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Database::~Database() = default;

absl::StatusOr<std::unique_ptr<Database>> Database::Open(
    const std::string& path, Mode mode) {
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READONLY;
  if (mode == Mode::kReadWriteCreate) {
    // SQLite would make the file readable to all; its companions (-wal, -shm)
    // take its mode.
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!fd.valid()) {
      return ErrnoError(errno, absl::StrCat("cannot open ", path));
    }
    flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE;
  }
  sqlite3* raw = nullptr;
  int result = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  HUBD_CHECK(raw != nullptr);
  auto database = std::make_unique<Database>(raw);
  if (result != SQLITE_OK) return database->LastError();
  HUBD_RETURN_IF_ERROR(database->Configure(mode));
  return database;
}

std::string Database::name() const {
  const char* path = sqlite3_db_filename(connection_.get(), "main");
  return absl::StrCat("index ", path == nullptr ? "" : path);
}

absl::Status Database::Damage(absl::string_view what) {
  absl::Status damage = absl::DataLossError(
      absl::StrCat(name(), ": ", what,
                   "; hubd makes it anew from the records when it starts: send "
                   "the request again"));
  damage_.Update(damage);
  return damage;
}

absl::Status Database::LastError() {
  const std::string message =
      absl::StrCat(name(), ": ", sqlite3_errmsg(connection_.get()));
  switch (sqlite3_errcode(connection_.get())) {
    case SQLITE_FULL:
      return ReasonError(Reason::kDiskFull, message);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Damage(sqlite3_errmsg(connection_.get()));
    case SQLITE_ERROR:
      if (SaysOtherTables(sqlite3_errmsg(connection_.get()))) {
        return Damage(sqlite3_errmsg(connection_.get()));
      }
      return absl::InternalError(message);
    // What the system said tells a full disk from one that cannot be read.
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
      if (int error = sqlite3_system_errno(connection_.get()); error != 0) {
        return ErrnoError(error, message);
      }
      return absl::InternalError(message);
    default:
      return absl::InternalError(message);
  }
}

absl::Status Database::Configure(Mode mode) {
  sqlite3_busy_timeout(connection_.get(), kPatienceMillis);
  if (mode == Mode::kReadOnly) return absl::OkStatus();
  return RunScript(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
      "PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 67108864;");
}

absl::Status Database::RunScript(const std::string& sql) {
  if (sqlite3_exec(connection_.get(), sql.c_str(), nullptr, nullptr, nullptr) ==
      SQLITE_OK) {
    return absl::OkStatus();
  }
  return LastError();
}

absl::StatusOr<int64_t> Database::QueryInt(absl::string_view sql) {
  HUBD_ASSIGN_OR_RETURN(SqlRows rows, Query(sql));
  HUBD_ASSIGN_OR_RETURN(bool there, rows.Next());
  return there ? rows.Int(0) : 0;
}

absl::Status Database::CheckWhole() {
  HUBD_ASSIGN_OR_RETURN(SqlRows rows, Query("PRAGMA integrity_check(1)"));
  HUBD_ASSIGN_OR_RETURN(bool there, rows.Next());
  const std::string found = there ? rows.Text(0) : "it says nothing";
  if (found == "ok") return absl::OkStatus();
  if (SaysUnreadable(found)) {
    return absl::InternalError(absl::StrCat(name(), ": ", found));
  }
  return Damage(found);
}

absl::StatusOr<std::set<std::string>> Database::Schema() {
  HUBD_ASSIGN_OR_RETURN(
      SqlRows rows,
      Query("SELECT s.type || ' ' || s.name || coalesce('.' || c.name, '')"
            " FROM sqlite_schema s LEFT JOIN pragma_table_info(s.name) c"));
  std::set<std::string> lines;
  while (true) {
    HUBD_ASSIGN_OR_RETURN(bool there, rows.Next());
    if (!there) return lines;
    lines.insert(rows.Text(0));
  }
}

// The count of the migrations does not tell that what they made is still there.
// They run in memory, so that no list has to be kept in step with them.
absl::Status Database::CheckSchema(
    const std::vector<absl::string_view>& migrations) {
  sqlite3* raw = nullptr;
  const int result = sqlite3_open_v2(
      ":memory:", &raw, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE, nullptr);
  HUBD_CHECK(raw != nullptr);
  Database model(raw);
  if (result != SQLITE_OK) return model.LastError();
  for (absl::string_view migration : migrations) {
    HUBD_RETURN_IF_ERROR(model.RunScript(std::string(migration)));
  }
  HUBD_ASSIGN_OR_RETURN(std::set<std::string> wanted, model.Schema());
  HUBD_ASSIGN_OR_RETURN(std::set<std::string> found, Schema());
  for (const std::string& line : wanted) {
    if (!found.contains(line)) return Damage(absl::StrCat("it has no ", line));
  }
  return absl::OkStatus();
}

absl::Status Database::Migrate(
    const std::vector<absl::string_view>& migrations) {
  const int64_t known = migrations.size();
  HUBD_RETURN_IF_ERROR(RunScript("BEGIN IMMEDIATE"));
  absl::Cleanup roll_back = [this] {
    // After a failure only; that of this statement would say no more.
    (void)RunScript("ROLLBACK");
  };
  HUBD_ASSIGN_OR_RETURN(int64_t seen, QueryInt("PRAGMA user_version"));
  if (seen > known) {
    return absl::FailedPreconditionError(absl::StrCat(
        name(), " has version ", seen, " and this hubd knows versions up to ",
        known, ": use the newer hubd that wrote it, or another root"));
  }
  HUBD_RETURN_IF_ERROR(CheckWhole());
  // Rolled back: nothing to write.
  if (seen == known) return CheckSchema(migrations);
  for (int64_t i = seen; i < known; ++i) {
    HUBD_RETURN_IF_ERROR(RunScript(std::string(migrations[i])));
  }
  HUBD_RETURN_IF_ERROR(CheckSchema(migrations));
  HUBD_RETURN_IF_ERROR(
      RunScript(absl::StrCat("PRAGMA user_version = ", known, "; COMMIT")));
  std::move(roll_back).Cancel();
  return absl::OkStatus();
}

absl::StatusOr<SqlRows> Database::Query(absl::string_view sql,
                                        const std::vector<SqlValue>& values) {
  auto it = statements_.find(std::string(sql));
  if (it == statements_.end()) {
    sqlite3_stmt* raw = nullptr;
    if (sqlite3_prepare_v3(connection_.get(), sql.data(), sql.size(),
                           SQLITE_PREPARE_PERSISTENT, &raw,
                           nullptr) != SQLITE_OK) {
      return LastError();
    }
    it = statements_.emplace(std::string(sql), raw).first;
  }
  SqlRows rows(*this, it->second.get());
  for (size_t i = 0; i < values.size(); ++i) {
    if (Bind(it->second.get(), i + 1, values[i]) != SQLITE_OK) {
      return LastError();
    }
  }
  return rows;
}

absl::StatusOr<int64_t> Database::Execute(absl::string_view sql,
                                          const std::vector<SqlValue>& values) {
  const int64_t before = sqlite3_total_changes64(connection_.get());
  HUBD_ASSIGN_OR_RETURN(SqlRows rows, Query(sql, values));
  for (bool more = true; more;) {
    HUBD_ASSIGN_OR_RETURN(more, rows.Next());
  }
  return sqlite3_total_changes64(connection_.get()) - before;
}

bool Database::InTransaction() const {
  return sqlite3_get_autocommit(connection_.get()) == 0;
}

}  // namespace hubd
