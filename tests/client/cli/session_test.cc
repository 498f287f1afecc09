#include "client/cli/session.h"

#include <gtest/gtest.h>

#include "server/base/status.h"

namespace hubd {
namespace {

using testing::internal::CaptureStderr;
using testing::internal::CaptureStdout;
using testing::internal::GetCapturedStderr;
using testing::internal::GetCapturedStdout;

TEST(SessionTest, MarksEveryLineOfForeignOutput) {
  const Session session({}, {});
  CaptureStderr();
  session.PrintForeign("github.com/hubd/sample", "one\x1b[2J\n\ntwo\n");
  session.PrintForeign("github.com/hubd/sample", "");
  EXPECT_EQ(GetCapturedStderr(),
            "[hubd/sample] one\uFFFD[2J\n[hubd/sample] \n[hubd/sample] two\n");
}

TEST(SessionTest, QuietSilencesNotesAndWarnings) {
  google::protobuf::RepeatedPtrField<std::string> warnings;
  *warnings.Add() = "mind\r\n this";
  CaptureStderr();
  Session({.quiet = true, .verbose = true}, {}).Warn(warnings);
  Session({.quiet = true, .verbose = true}, {}).Detail("more");
  EXPECT_EQ(GetCapturedStderr(), "");
  CaptureStderr();
  Session({}, {}).Warn(warnings);
  Session({}, {}).Detail("more");
  EXPECT_EQ(GetCapturedStderr(), "hubctl: warning: mind\n this\n");
}

TEST(SessionTest, ErrorsGoToStderrWithTheTracebackOfTheRepo) {
  const absl::Status status = ReasonError(
      Reason::kEntrypointFailed, "hubconf.py raised",
      {{"repo", "github.com/a/b"}, {"traceback", "Traceback:\n  x"}});
  CaptureStderr();
  Session({}, {}).PrintError(status);
  EXPECT_EQ(GetCapturedStderr(),
            "[a/b] Traceback:\n[a/b]   x\nhubctl: hubconf.py raised\n");
  CaptureStderr();
  Session({.verbose = true}, {}).PrintError(status);
  EXPECT_EQ(GetCapturedStderr(),
            "[a/b] Traceback:\n[a/b]   x\nhubctl: hubconf.py raised\n"
            "  reason: ENTRYPOINT_FAILED\n  repo: github.com/a/b\n");
}

TEST(SessionTest, ErrorsAreADocumentOnStdoutWithJson) {
  CaptureStderr();
  CaptureStdout();
  Session({.json = true}, {}).PrintError(absl::InternalError("x"));
  EXPECT_EQ(GetCapturedStdout().substr(0, 12), "{\n \"error\": ");
  EXPECT_EQ(GetCapturedStderr(), "");
}

TEST(SessionTest, CallsShareTheCommandsTime) {
  std::stop_source source;
  const Session session({.timeout = absl::Hours(1)}, source.get_token());
  const CallOptions call = session.Call();
  EXPECT_LE(*call.timeout, absl::Hours(1));
  EXPECT_GT(*call.timeout, absl::Minutes(59));
  source.request_stop();
  EXPECT_TRUE(call.cancel.stop_requested());
}

}  // namespace
}  // namespace hubd
