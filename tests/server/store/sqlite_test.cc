#include "server/store/sqlite.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "server/base/fs.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

constexpr auto kWrite = Database::Mode::kReadWriteCreate;
constexpr char kTable[] = "CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT)";

// While it lives, SQLite's reads behind the first page of a database fail.
class SecondPageFails {
 public:
  explicit SecondPageFails(int error) {
    error_ = error;
    Set(reinterpret_cast<sqlite3_syscall_ptr>(&Read));
  }
  ~SecondPageFails() { Set(nullptr); }

 private:
  static void Set(sqlite3_syscall_ptr call) {
    sqlite3_vfs* vfs = sqlite3_vfs_find(nullptr);
    EXPECT_EQ(vfs->xSetSystemCall(vfs, "pread64", call), SQLITE_OK);
  }
  static ssize_t Read(int fd, void* buffer, size_t size, off_t offset) {
    if (offset < 4096) return ::pread(fd, buffer, size, offset);
    errno = error_;
    return -1;
  }
  inline static int error_ = 0;
};

int64_t Number(Database& database, const std::string& sql) {
  absl::StatusOr<SqlRows> rows = database.Query(sql);
  EXPECT_TRUE(rows.ok()) << rows.status();
  EXPECT_TRUE(*rows->Next());
  return rows->Int(0);
}

TEST(DatabaseTest, IsAFileForItsOwnerOnlyAndDurable) {
  TempDir dir;
  auto database = *Database::Open(dir.Below("db"), kWrite);
  ASSERT_TRUE(database->Execute(kTable).ok());
  for (const char* name : {"db", "db-wal", "db-shm"}) {
    struct stat info;
    ASSERT_EQ(::stat(dir.Below(name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << name;
  }
  EXPECT_EQ(Number(*database, "PRAGMA synchronous"), 2);  // FULL
  EXPECT_EQ(Number(*database, "PRAGMA foreign_keys"), 1);
}

TEST(DatabaseTest, ValuesOfAnyBytesComeBackThroughTheSameStatement) {
  TempDir dir;
  auto database = *Database::Open(dir.Below("db"), kWrite);
  ASSERT_TRUE(database->Execute(kTable).ok());
  const std::string odd("\0\xff'\n", 4);
  for (const std::string& text : {odd, std::string(), std::string("x")}) {
    EXPECT_EQ(*database->Execute("INSERT INTO t (s) VALUES (?1)", {text}), 1);
  }
  auto rows = *database->Query("SELECT id, s FROM t WHERE id >= ?1", {1});
  for (const std::string& text : {odd, std::string(), std::string("x")}) {
    ASSERT_TRUE(*rows.Next());
    EXPECT_EQ(rows.Text(1), text);
  }
  EXPECT_FALSE(*rows.Next());
}

TEST(DatabaseTest, MigrationsRunOnceEach) {
  TempDir dir;
  {
    auto database = *Database::Open(dir.Below("db"), kWrite);
    ASSERT_TRUE(database->Migrate({kTable}).ok());
  }
  auto database = *Database::Open(dir.Below("db"), kWrite);
  ASSERT_TRUE(database->Migrate({kTable}).ok());
  ASSERT_TRUE(database->Migrate({kTable, "ALTER TABLE t ADD x INTEGER"}).ok());
  EXPECT_TRUE(database->Query("SELECT x FROM t").ok());
  EXPECT_EQ(Number(*database, "PRAGMA user_version"), 2);
}

TEST(DatabaseTest, AFailingMigrationLeavesNothingOfAnyOfThem) {
  TempDir dir;
  auto database = *Database::Open(dir.Below("db"), kWrite);
  EXPECT_FALSE(database->Migrate({kTable, "CREATE TABLE u (x); no sql"}).ok());
  EXPECT_FALSE(database->InTransaction());
  EXPECT_EQ(Number(*database, "PRAGMA user_version"), 0);
  EXPECT_EQ(Number(*database, "SELECT count(*) FROM sqlite_master"), 0);
}

TEST(DatabaseTest, RefusesWhatANewerVersionWroteAndNamesBoth) {
  TempDir dir;
  auto database = *Database::Open(dir.Below("db"), kWrite);
  ASSERT_TRUE(database->Execute("PRAGMA user_version = 41").ok());
  absl::Status status = database->Migrate({kTable});
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  for (const std::string& word :
       {dir.Below("db"), std::string("version 41"), std::string("up to 1")}) {
    EXPECT_NE(status.message().find(word), absl::string_view::npos) << status;
  }
}

TEST(DatabaseTest, WhatTheMigrationsMadeAndIsGoneIsDataLoss) {
  const std::vector<absl::string_view> migrations = {
      "CREATE TABLE t (id INTEGER PRIMARY KEY, s TEXT, n INTEGER)",
      "CREATE TABLE u (n INTEGER); CREATE INDEX by_s ON t (s);"
      "CREATE TRIGGER both AFTER DELETE ON t BEGIN DELETE FROM u; END"};
  for (const auto& [damage, missing] : {
           std::pair("DROP TABLE u", "table u"),
           std::pair("ALTER TABLE t DROP COLUMN n", "table t.n"),
           std::pair("DROP INDEX by_s", "index by_s"),
           std::pair("DROP TRIGGER both", "trigger both"),
       }) {
    TempDir dir;
    auto database = *Database::Open(dir.Below("db"), kWrite);
    ASSERT_TRUE(database->Migrate(migrations).ok());
    ASSERT_TRUE(database->Execute("CREATE TABLE more (x)").ok());
    ASSERT_TRUE(database->Migrate(migrations).ok());
    ASSERT_TRUE(database->Execute(damage).ok()) << damage;
    absl::Status status = database->Migrate(migrations);
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(status.message(), testing::HasSubstr(missing));
    EXPECT_FALSE(database->InTransaction());
  }
}

TEST(DatabaseTest, AWrongStatementIsNoDamageAndOtherTablesAre) {
  TempDir dir;
  auto database = *Database::Open(dir.Below("db"), kWrite);
  ASSERT_TRUE(database->Execute(kTable).ok());
  ASSERT_TRUE(database->Execute("BEGIN").ok());
  for (const char* wrong : {"BEGIN", "no sql", "SELECT none()"}) {
    EXPECT_TRUE(absl::IsInternal(database->Execute(wrong).status())) << wrong;
  }
  EXPECT_TRUE(database->damage().ok());
  for (const char* missing : {"SELECT x FROM none", "SELECT x FROM t",
                              "INSERT INTO t (x) VALUES (1)", kTable}) {
    EXPECT_TRUE(absl::IsDataLoss(database->Execute(missing).status()))
        << missing;
  }
  EXPECT_TRUE(absl::IsDataLoss(database->damage()));
}

TEST(DatabaseTest, AReaderCannotWriteAndSeesWhatWasCommitted) {
  TempDir dir;
  auto writer = *Database::Open(dir.Below("db"), kWrite);
  ASSERT_TRUE(writer->Execute(kTable).ok());
  auto reader = *Database::Open(dir.Below("db"), Database::Mode::kReadOnly);
  EXPECT_FALSE(reader->Execute("INSERT INTO t (s) VALUES ('x')").ok());
  ASSERT_TRUE(writer->Execute("BEGIN IMMEDIATE").ok());
  ASSERT_TRUE(writer->Execute("INSERT INTO t (s) VALUES ('x')").ok());
  EXPECT_EQ(Number(*reader, "SELECT count(*) FROM t"), 0);
  ASSERT_TRUE(writer->Execute("COMMIT").ok());
  EXPECT_EQ(Number(*reader, "SELECT count(*) FROM t"), 1);
}

TEST(DatabaseTest, AFileThatIsNoDatabaseIsDataLossAndNamed) {
  TempDir dir;
  ASSERT_TRUE(
      WriteFileDurably(dir.Below("db"), std::string(8192, 'x'), 0600).ok());
  absl::Status status = Database::Open(dir.Below("db"), kWrite).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_NE(status.message().find(dir.Below("db")), absl::string_view::npos);
}

TEST(DatabaseTest, APageThatCannotBeReadIsNoDamage) {
  TempDir dir;
  {
    auto database = *Database::Open(dir.Below("db"), kWrite);
    ASSERT_TRUE(database->Migrate({kTable}).ok());
  }
  // SQLite knows each of them by another code.
  for (int error : {EIO, ETIMEDOUT}) {
    auto database = *Database::Open(dir.Below("db"), kWrite);
    absl::Status status;
    {
      SecondPageFails failing(error);
      status = database->Migrate({kTable});
    }
    EXPECT_TRUE(absl::IsInternal(status)) << status;
    EXPECT_THAT(status.message(), testing::HasSubstr(dir.Below("db")));
    EXPECT_TRUE(database->damage().ok());
    EXPECT_TRUE(database->Migrate({kTable}).ok());
  }
}

TEST(DatabaseTest, OpeningInAFolderThatIsNotThereFails) {
  TempDir dir;
  EXPECT_FALSE(Database::Open(dir.Below("no/db"), kWrite).ok());
  EXPECT_FALSE(
      Database::Open(dir.Below("no/db"), Database::Mode::kReadOnly).ok());
}

}  // namespace
}  // namespace hubd
