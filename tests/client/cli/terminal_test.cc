#include "client/cli/terminal.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/client/cli/pseudo_terminal.h"
#include "tests/client/environment_scope.h"

namespace hubd {
namespace {

TEST(TerminalTest, KnowsATerminalAndItsWidth) {
  EnvironmentScope scope;
  scope.Set("TERM", "xterm");
  const PseudoTerminal terminal(123);
  EXPECT_TRUE(IsTerminal(terminal.program()));
  EXPECT_EQ(TerminalWidth(terminal.program()), 123);
  EXPECT_EQ(TerminalHeight(terminal.program()), 24);
  scope.Set("TERM", "dumb");
  EXPECT_FALSE(IsTerminal(terminal.program()));
}

TEST(TerminalTest, ATerminalThatDoesNotSayHasEightyColumns) {
  const PseudoTerminal terminal(0);
  EXPECT_EQ(TerminalWidth(terminal.program()), 80);
}

TEST(TerminalTest, APipeIsNone) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const UniqueFd out(ends[0]);
  const UniqueFd in(ends[1]);
  EXPECT_FALSE(IsTerminal(in.get()));
  EXPECT_EQ(TerminalWidth(in.get()), 0);
  EXPECT_EQ(TerminalHeight(in.get()), 24);
}

}  // namespace
}  // namespace hubd
