// Failures in any order, as servers and networks make them, with progress in
// between or none: there are so many tries and no more, no wait is shorter than
// what was asked for, nor longer than it may be.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "server/base/status.h"
#include "server/fetch/retry.h"
#include "server/net/http_transport.h"

namespace hubd {
namespace {

// Hands out what the fuzzer gives; zeros behind its end.
class Input {
 public:
  explicit Input(absl::string_view bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }

  int Byte() {
    if (bytes_.empty()) return 0;
    const int byte = static_cast<uint8_t>(bytes_.front());
    bytes_.remove_prefix(1);
    return byte;
  }

  std::string Text() {
    const int size = Byte() % 32;
    const std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(text.size());
    return text;
  }

  // From a millisecond to half an hour.
  absl::Duration Time() {
    const int ms = 1 + Byte();
    return absl::Milliseconds(ms) * std::exp2(Byte() % 14);
  }

 private:
  absl::string_view bytes_;
};

absl::Status Answered(int code, const std::string& header,
                      const std::string& value) {
  HttpResponse response;
  response.status = code;
  response.headers[header] = value;
  const absl::Status failure =
      ErrorOfResponse(response, "https://h.org/w", Reason::kCheckpointNotFound);
  HUBD_CHECK(IsTransient(failure));
  HUBD_CHECK(AskedWait(failure) >= absl::ZeroDuration());
  return failure;
}

absl::Status NextFailure(Input& input) {
  switch (input.Byte() % 4) {
    case 0:
      return Answered(429, "retry-after", input.Text());
    case 1:
      return Answered(503, "retry-after", input.Text());
    case 2:
      return Answered(429, "x-ratelimit-reset", input.Text());
    default:
      // What no header leads to, either.
      return ReasonError(Reason::kUpstreamUnavailable, "it broke off",
                         {{"cause", "cut"}, {"retry_after_ms", input.Text()}});
  }
}

class Model {
 public:
  explicit Model(Input& input)
      : options_({.tries = 1 + input.Byte() % 10,
                  .base = input.Time(),
                  .cap = input.Time(),
                  .max_asked = input.Time()}),
        retry_(options_, [&input] { return input.Byte() / 256.0; }) {}

  void Progress() {
    retry_.NoteProgress();
    // The request that made it is none of those without.
    without_ = -1;
  }

  void Fail(const absl::Status& failure) {
    ++without_;
    const absl::Duration asked = AskedWait(failure);
    const absl::StatusOr<absl::Duration> wait = retry_.After(failure);
    HUBD_CHECK(wait.ok() ==
               (without_ < options_.tries && asked <= options_.max_asked));
    if (!wait.ok()) {
      HUBD_CHECK(wait.status() == failure);
      return;
    }
    const absl::Duration bound = std::min(
        options_.cap, options_.base * std::exp2(std::max(without_ - 1, 0)));
    HUBD_CHECK(*wait >= absl::ZeroDuration() && *wait >= asked);
    HUBD_CHECK(*wait <= std::max(bound, asked));
  }

 private:
  const RetryOptions options_;
  Retry retry_;
  // Failures since there was progress.
  int without_ = 0;
};

}  // namespace
}  // namespace hubd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hubd::Input input({reinterpret_cast<const char*>(data), size});
  hubd::Model model(input);
  while (!input.empty()) {
    if (input.Byte() % 8 == 0) model.Progress();
    model.Fail(hubd::NextFailure(input));
  }
  return 0;
}
