// What a sandbox may send: any bytes, and any JSON in a frame with the right
// length. What is taken is clean and within its bounds.

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/base/status.h"
#include "server/worker/frame.h"
#include "server/worker/job.h"
#include "tests/fuzz/clean_text.h"

namespace hubd {
namespace {

using worker::v1::Failure;
using worker::v1::InspectResult;

std::string Framed(absl::string_view body) {
  std::string frame = "HUBD\x01";
  for (int i = 0; i < 4; ++i) {
    frame.push_back(static_cast<char>(body.size() >> (8 * i)));
  }
  return absl::StrCat(frame, body);
}

bool IsIdentifier(const std::string& name) {
  constexpr char kLetters[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
  return !name.empty() && name.size() <= 128 &&
         name.find_first_not_of(kLetters) == std::string::npos &&
         (name[0] < '0' || name[0] > '9');
}

void CheckFailure(const Failure& failure) {
  HUBD_CHECK(IsCleanLine(failure.exception()));
  HUBD_CHECK(IsCleanLine(failure.message()));
  HUBD_CHECK(IsCleanText(failure.traceback()));
  HUBD_CHECK(failure.traceback().size() <= 2048);
  for (const std::string& name : failure.missing()) {
    HUBD_CHECK(IsCleanLine(name) && name.size() <= 1024);
  }
}

void CheckResult(const InspectResult& result) {
  std::string last;
  for (const auto& entrypoint : result.entrypoints()) {
    HUBD_CHECK(IsIdentifier(entrypoint.name()));
    HUBD_CHECK(last < entrypoint.name());
    HUBD_CHECK(IsCleanLine(entrypoint.summary()));
    last = entrypoint.name();
  }
  for (const std::string& name : result.dependencies()) {
    HUBD_CHECK(IsCleanLine(name) && name.size() <= 1024);
  }
  HUBD_CHECK(IsCleanText(result.doc()) && result.doc().size() <= 64 << 10);
  HUBD_CHECK(IsCleanText(result.signature()));
  if (result.has_failure()) CheckFailure(result.failure());
}

void CheckFrame(const std::string& bytes) {
  const absl::StatusOr<InspectResult> result = ParseFrame(bytes);
  if (result.ok()) {
    CheckResult(*result);
  } else {
    HUBD_CHECK(IsCleanError(result.status()));
  }
  SandboxResult run;
  run.end = SandboxResult::End::kExited;
  run.result = bytes;
  run.output = bytes;
  worker::v1::StartJob job;
  job.set_tree_path("/tree");
  job.mutable_limits()->set_output_bytes(100);
  const worker::v1::JobDone done = JudgeRun(job, run);
  HUBD_CHECK(done.has_result() != done.has_exit());
  HUBD_CHECK(done.has_result() == result.ok());
  HUBD_CHECK(IsCleanText(done.output()) && done.output().size() <= 100);
  if (done.has_result()) CheckResult(done.result());
}

}  // namespace
}  // namespace hubd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  hubd::CheckFrame(std::string(bytes));
  hubd::CheckFrame(hubd::Framed(bytes));
  return 0;
}
