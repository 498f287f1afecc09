// Answers of LFS servers: any bytes. A request that comes of one is a GET whose
// headers are lines of their own, and do not say how it is sent.

#include <cstdint>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/status.h"
#include "server/net/lfs_batch.h"
#include "tests/fuzz/clean_text.h"
#include "tests/testing/fake_http_transport.h"

namespace hubd {
namespace {

constexpr char kRepo[] = "https://example.com/o/r";

void CheckRequest(const HttpRequest& request) {
  HUBD_CHECK(request.method == "GET" && request.body.empty());
  HUBD_CHECK(!request.url.empty());
  for (const std::string& header : request.headers) {
    const size_t colon = header.find(": ");
    HUBD_CHECK(colon != std::string::npos && colon > 0);
    HUBD_CHECK(header.size() > colon + 2);
    for (const char c : header) HUBD_CHECK(!absl::ascii_iscntrl(c));
    const std::string name = absl::AsciiStrToLower(header.substr(0, colon));
    HUBD_CHECK(name.find(' ') == std::string::npos);
    for (const char* own : {"host", "content-length", "transfer-encoding"}) {
      HUBD_CHECK(name != own);
    }
  }
}

void Check(absl::string_view body) {
  FakeHttpTransport http;
  http.Serve(absl::StrCat(kRepo, ".git/info/lfs/objects/batch"),
             std::string(body), {{"content-type", "application/json"}});
  // As in the corpus.
  const auto answers =
      AskLfsBatch(http, kRepo, {{std::string(64, 'a'), 7}, {"b", 1}}, {});
  if (!answers.ok()) {
    HUBD_CHECK(ReasonOf(answers.status()) == Reason::kUpstreamUnavailable);
    HUBD_CHECK(IsCleanError(answers.status()));
    return;
  }
  HUBD_CHECK(answers->size() == 2);
  for (const auto& answer : *answers) {
    if (answer.ok()) {
      CheckRequest(*answer);
    } else {
      HUBD_CHECK(ReasonOf(answer.status()).has_value());
      HUBD_CHECK(IsCleanError(answer.status()));
    }
  }
}

}  // namespace
}  // namespace hubd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hubd::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
