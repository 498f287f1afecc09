#include "client/cli/table.h"

#include <gtest/gtest.h>

namespace hubd {
namespace {

TEST(TableTest, AlignsColumnsAndNumbers) {
  Table table({"NAME", "SIZE", "X"});
  table.AlignRight({1});
  table.Add({"a", "10 MB", "y"});
  table.Add({"grün", "1 B", ""});
  EXPECT_EQ(table.Format(0),
            "NAME   SIZE  X\n"
            "a     10 MB  y\n"
            "grün    1 B\n");
}

TEST(TableTest, CutsLinesToTheWidth) {
  Table table;
  table.Add({"name", "a long summary"});
  EXPECT_EQ(table.Format(12), "name  a lon…\n");
  EXPECT_EQ(table.Format(20), "name  a long summary\n");
}

TEST(TableTest, CleansItsCells) {
  Table table;
  table.Add({"a\nb", "\x1b[2J"});
  EXPECT_EQ(table.Format(0), "a b  \uFFFD[2J\n");
}

TEST(CutToWidthTest, CountsCharacters) {
  EXPECT_EQ(CutToWidth("äöü", 3), "äöü");
  EXPECT_EQ(CutToWidth("äöü", 2), "ä…");
  EXPECT_EQ(CutToWidth("äöü", 1), "…");
  EXPECT_EQ(CutToWidth("äöü", 0), "");
}

}  // namespace
}  // namespace hubd
