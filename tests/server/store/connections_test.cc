#include "server/store/connections.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/base/temp_dir.h"

namespace hubd {
namespace {

constexpr char kTable[] = "CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT";
constexpr char kInsert[] = "INSERT INTO t (n) VALUES (?1)";

int64_t Count(Connections& connections) {
  absl::StatusOr<Connections::Reader> reader = connections.Read();
  EXPECT_TRUE(reader.ok()) << reader.status();
  absl::StatusOr<SqlRows> rows = (*reader)->Query("SELECT count(*) FROM t");
  EXPECT_TRUE(rows.ok() && *rows->Next());
  return rows->Int(0);
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

}  // namespace
}  // namespace hubd
