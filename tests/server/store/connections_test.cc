#include "server/store/connections.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "server/base/status.h"
#include "server/store/sqlite.h"
#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

constexpr char kTable[] = "CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT";
constexpr char kInsert[] = "INSERT INTO t (n) VALUES (?1)";

int64_t NumberOf(Connections& connections, absl::string_view sql) {
  absl::StatusOr<Connections::Reader> reader = connections.Read();
  EXPECT_TRUE(reader.ok()) << reader.status();
  absl::StatusOr<SqlRows> rows = (*reader)->Query(sql);
  EXPECT_TRUE(rows.ok() && *rows->Next());
  return rows->Int(0);
}

int64_t Count(Connections& connections) {
  return NumberOf(connections, "SELECT count(*) FROM t");
}

TEST(ConnectionsTest, AReaderSeesAWriteThatReturned) {
  TempDir dir;
  auto connections = *Connections::Open(dir.Below("db"), {kTable},
                                        Reserve(dir.Below("reserve")));
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(*connections->Write(kInsert, {i}), 1);
    ASSERT_EQ(Count(*connections), i + 1);
  }
}

TEST(ConnectionsTest, OfManyWritersAtOnceOnlyTheFailingOnesFail) {
  TempDir dir;
  auto connections = *Connections::Open(dir.Below("db"), {kTable},
                                        Reserve(dir.Below("reserve")));
  std::atomic<int> failed = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t) {
      // Each number is written by two threads: one of them must fail.
      threads.emplace_back([&connections, &failed, t] {
        for (int i = 0; i < 50; ++i) {
          if (!connections->Write(kInsert, {t / 2 * 1000 + i}).ok()) ++failed;
        }
      });
    }
  }
  EXPECT_EQ(failed, 4 * 50);
  EXPECT_EQ(Count(*connections), 4 * 50);
}

TEST(ConnectionsTest, ReadersAtOnceGetConnectionsOfTheirOwn) {
  TempDir dir;
  auto connections = *Connections::Open(dir.Below("db"), {kTable},
                                        Reserve(dir.Below("reserve")));
  ASSERT_TRUE(connections->Write(kInsert, {1}).ok());
  ASSERT_TRUE(connections->Write(kInsert, {2}).ok());
  constexpr char kSelect[] = "SELECT n FROM t ORDER BY n";
  auto first = *connections->Read();
  auto first_rows = *first->Query(kSelect);
  ASSERT_TRUE(*first_rows.Next());
  auto second = *connections->Read();
  auto second_rows = *second->Query(kSelect);
  ASSERT_TRUE(*second_rows.Next());
  EXPECT_EQ(second_rows.Int(0), 1);
  ASSERT_TRUE(*first_rows.Next());
  EXPECT_EQ(first_rows.Int(0), 2);
}

TEST(ConnectionsTest, WhatWasWrittenIsThereAfterwards) {
  TempDir dir;
  {
    auto connections = *Connections::Open(dir.Below("db"), {kTable},
                                          Reserve(dir.Below("reserve")));
    ASSERT_TRUE(connections->Write(kInsert, {1}).ok());
  }
  EXPECT_EQ(Count(**Connections::Open(dir.Below("db"), {kTable},
                                      Reserve(dir.Below("reserve")))),
            1);
}

TEST(ConnectionsTest, AWriteThatIsNoSqlFailsAndTheNextOneWorks) {
  TempDir dir;
  auto connections = *Connections::Open(dir.Below("db"), {kTable},
                                        Reserve(dir.Below("reserve")));
  EXPECT_FALSE(connections->Write("no sql", {}).ok());
  EXPECT_FALSE(connections->Write(kInsert, {"text"}).ok());
  EXPECT_TRUE(connections->Write(kInsert, {1}).ok());
}

// An index that cannot grow, and writes that come all at once.
class FullIndexTest : public testing::Test {
 protected:
  static constexpr int kCounts = 7;

  FullIndexTest() {
    EXPECT_TRUE(connections_->Write("PRAGMA max_page_count = 20", {}).ok());
  }

  // Adds to the counter several times, and does this, at one time: how many
  // of the additions are said to be done.
  int CountBeside(absl::string_view too_much) {
    std::atomic<int> done = 0;
    std::latch all(kCounts + 1);
    // So that they are committed together: the writer waits for this one.
    auto other = *Database::Open(path_, Database::Mode::kReadWriteCreate);
    EXPECT_TRUE(other->Execute("BEGIN IMMEDIATE").ok());
    std::vector<std::jthread> threads;
    for (int i = 0; i < kCounts; ++i) {
      threads.emplace_back([&] {
        all.count_down();
        const auto got =
            connections_->Write("UPDATE counter SET n = n + 1", {});
        if (got.ok()) ++done;
      });
    }
    threads.emplace_back([&] {
      all.count_down();
      EXPECT_EQ(ReasonOf(connections_->Write(too_much, {}).status()),
                Reason::kDiskFull);
    });
    all.wait();
    EXPECT_TRUE(other->Execute("ROLLBACK").ok());
    threads.clear();
    return done;
  }

  int64_t counter() { return NumberOf(*connections_, "SELECT n FROM counter"); }

  TempDir dir_;
  const std::string path_ = dir_.Below("db");
  std::unique_ptr<Connections> connections_ =
      *Connections::Open(path_,
                         {kTable, "CREATE TABLE b (bytes BLOB) STRICT",
                          "CREATE TABLE counter (n INTEGER) STRICT",
                          "INSERT INTO counter (n) VALUES (0)"},
                         Reserve(dir_.Below("reserve")));
};

TEST_F(FullIndexTest, WhatIsDoneIsNotDoneAgainForOneThatFindsNoRoom) {
  int done = 0;
  for (int times = 0; times < 20; ++times) {
    // SQLite undoes this one alone.
    done += CountBeside(
        "INSERT INTO t (n) WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL "
        "SELECT n + 1 FROM c LIMIT 100000) SELECT n FROM c");
    ASSERT_EQ(counter(), done);
  }
  EXPECT_EQ(done, 20 * kCounts);
  EXPECT_EQ(Count(*connections_), 0);
}

TEST_F(FullIndexTest, WhatIsUndoneWithOneThatFindsNoRoomIsNotSaidToBeDone) {
  int done = 0;
  int times = 0;
  // Until some were to be committed together with this one, with which SQLite
  // undoes them.
  while (times < 1000 && (times < 20 || done == times * kCounts)) {
    ++times;
    done += CountBeside("INSERT INTO b (bytes) VALUES (zeroblob(1000000))");
    ASSERT_EQ(counter(), done);
  }
  EXPECT_LT(done, times * kCounts);
}

}  // namespace
}  // namespace hubd
