#include "client/cli/progress_bar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>

#include "client/cli/table.h"
#include "server/base/unique_fd.h"
#include "tests/client/cli/pseudo_terminal.h"
#include "tests/client/environment_scope.h"

namespace hubd {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

v1::Progress Downloading(int64_t done, int64_t total) {
  v1::Progress progress;
  progress.set_phase(v1::Progress::DOWNLOADING);
  progress.set_subject("https://example.com/model.pth");
  progress.set_done_bytes(done);
  progress.set_total_bytes(total);
  return progress;
}

TEST(FormatProgressTest, ShowsPartBytesRateAndTimeLeft) {
  EXPECT_EQ(FormatProgress(Downloading(500'000'000, 2'000'000'000), 1e7, 200),
            "downloading [##--------]  25% 500 MB of 2.0 GB, 10 MB/s,"
            " 2 m 30 s left  https://example.com/model.pth");
}

TEST(FormatProgressTest, IsCutToTheWidth) {
  const std::string line =
      FormatProgress(Downloading(500'000'000, 2'000'000'000), 1e7, 80);
  EXPECT_EQ(DisplayWidth(line), 80u);
  EXPECT_THAT(line, EndsWith("…"));
  EXPECT_THAT(line, HasSubstr("2 m 30 s left"));
}

TEST(FormatProgressTest, LeavesOutWhatIsNotKnown) {
  EXPECT_EQ(FormatProgress(Downloading(3000, 0), 0, 0),
            "downloading 3.0 kB  https://example.com/model.pth");
  v1::Progress queued;
  queued.set_phase(v1::Progress::QUEUED);
  EXPECT_EQ(FormatProgress(queued, 0, 0), "queued");
  v1::Progress connecting;
  connecting.set_phase(v1::Progress::CONNECTING);
  EXPECT_EQ(FormatProgress(connecting, 0, 0), "connecting");
}

TEST(FormatProgressTest, AWaitSaysUntilWhenAndWhy) {
  v1::Progress waits = Downloading(500'000'000, 2'000'000'000);
  waits.set_phase(v1::Progress::WAITING);
  waits.set_resume_at(1'800'000'000);
  const std::string until = "until " + ClockTime(1'800'000'000);
  EXPECT_THAT(FormatProgress(waits, 1e7, 0),
              HasSubstr("waiting [##--------]  25% 500 MB of 2.0 GB " + until +
                        "  https://"));
  waits.set_last_error("it\x1b broke");
  EXPECT_THAT(FormatProgress(waits, 1e7, 0), HasSubstr(until + ": it"));
  EXPECT_THAT(FormatProgress(waits, 1e7, 0), Not(HasSubstr("\x1b")));
}

TEST(FormatProgressTest, SurvivesOddNumbersAndCleansTheSubject) {
  v1::Progress odd = Downloading(20, 10);
  odd.set_subject("a\x1b[2J");
  EXPECT_THAT(FormatProgress(odd, 1, 0), HasSubstr("100%"));
  EXPECT_THAT(FormatProgress(odd, 1, 0), Not(HasSubstr("\x1b")));
}

class ProgressBarTest : public testing::Test {
 protected:
  ProgressBarTest() { environment_.Set("TERM", "xterm"); }

  EnvironmentScope environment_;
};

TEST_F(ProgressBarTest, DrawsALineAgainAndWipesIt) {
  PseudoTerminal terminal(80);
  auto bar = std::make_unique<ProgressBar>(
      ProgressBar::Options{.fd = terminal.program(),
                           .quiet = absl::Milliseconds(1),
                           .redraw = absl::Milliseconds(1)});
  bar->Update(Downloading(1000, 4000));
  std::string screen;
  while (screen.find(" 25% ") == std::string::npos) screen += terminal.Read();
  bar->Update(Downloading(2000, 4000));
  while (screen.find(" 50% ") == std::string::npos) screen += terminal.Read();
  bar.reset();
  terminal.CloseProgram();
  for (std::string more = " "; !more.empty(); screen += more) {
    more = terminal.Read();
  }
  EXPECT_THAT(screen, EndsWith("\r\x1b[K"));
  EXPECT_THAT(screen, Not(HasSubstr("\n")));
}

TEST_F(ProgressBarTest, WritesPlainLinesWhereThereIsNoTerminal) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  std::string text;
  {
    ProgressBar bar({.fd = in.get(),
                     .quiet = absl::Milliseconds(1),
                     .plain_every = absl::Milliseconds(1)});
    bar.Update(Downloading(1000, 4000));
    char byte = 0;
    while (byte != '\n' && ::read(out.get(), &byte, 1) == 1) text += byte;
  }
  EXPECT_THAT(text, HasSubstr("1.0 kB of 4.0 kB"));
  EXPECT_THAT(text, EndsWith("https://example.com/model.pth\n"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST_F(ProgressBarTest, WritesNothingInTheQuietTimeOrWhenSwitchedOff) {
  PseudoTerminal terminal(80);
  {
    ProgressBar early({.fd = terminal.program(), .quiet = absl::Hours(1)});
    early.Update(Downloading(1000, 4000));
    ProgressBar off({.enabled = false,
                     .fd = terminal.program(),
                     .quiet = absl::ZeroDuration()});
    off.Update(Downloading(1000, 4000));
  }
  terminal.CloseProgram();
  EXPECT_EQ(terminal.Read(), "");
}

}  // namespace
}  // namespace hubd
