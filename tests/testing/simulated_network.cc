#include "tests/testing/simulated_network.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr int64_t kMaxSize = 600'000;

absl::Status Failure(const std::string& cause) {
  return ReasonError(Reason::kUpstreamUnavailable, cause, {{"cause", cause}});
}

}  // namespace

SimulatedNetwork::SimulatedNetwork(uint64_t seed, FakeClock& clock)
    : clock_(clock), random_(seed) {
  MutexLock lock(mutex_);
  const int64_t size = Chance(10) ? Draw(3) : Draw(kMaxSize);
  versions_ = {Body(size), Body(Chance(50) ? size : Draw(kMaxSize))};
  ranges_ = !Chance(15);
  etags_ = Chance(80) ? "\"" : Chance(50) ? "W/\"" : "";
  lengths_ = !Chance(10);
  heeds_conditions_ = !Chance(30);
  changes_at_ = Chance(20) ? static_cast<int>(Draw(20)) : -1;
  loses_ranges_at_ = Chance(10) ? static_cast<int>(Draw(20)) : -1;
  faults_ = static_cast<int>(Draw(50));
  most_connections_ = Chance(30) ? 1 + static_cast<int>(Draw(2)) : 1000;
}

absl::Status SimulatedNetwork::Fetch(const HttpRequest& request,
                                     HttpHandler& handler,
                                     std::stop_token stop) {
  const Connection connection(*this);
  const Answer answer = AnswerTo(request);
  HUBD_RETURN_IF_ERROR(clock_.Sleep(answer.latency, stop));
  if (answer.refused) return Failure("connect");
  HUBD_RETURN_IF_ERROR(handler.OnResponse(answer.response));
  absl::string_view body = answer.body;
  while (!body.empty()) {
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    const absl::string_view piece = body.substr(0, answer.piece);
    body.remove_prefix(piece.size());
    HUBD_RETURN_IF_ERROR(handler.OnBody(piece));
    MutexLock lock(mutex_);
    sent_bytes_ += static_cast<int64_t>(piece.size());
  }
  if (answer.stalls) {
    HUBD_RETURN_IF_ERROR(clock_.Sleep(absl::Seconds(30), stop));
    return Failure("stall");
  }
  return answer.breaks ? Failure("cut") : absl::OkStatus();
}

std::string SimulatedNetwork::Body(int64_t size) {
  std::string body(size, '.');
  for (int64_t i = 0; i + 8 < size; i += 512) {
    body.replace(i, 8, absl::StrCat(10'000'000 + Draw(89'999'999)));
  }
  return body;
}

SimulatedNetwork::Answer SimulatedNetwork::AnswerTo(
    const HttpRequest& request) {
  MutexLock lock(mutex_);
  const int number = requests_++;
  if (number == changes_at_) version_ = 1;
  if (number == loses_ranges_at_) ranges_ = false;
  Answer answer;
  answer.latency = absl::Milliseconds(Draw(300));
  answer.piece = 1 + Draw(20'000);
  answer.response.effective_url = request.url;
  if (connections_ > most_connections_) {
    answer.response.status = Chance(50) ? 429 : Chance(50) ? 503 : 403;
    if (Chance(50)) answer.response.headers["retry-after"] = "3600";
    return answer;
  }
  if (Chance(faults_)) {
    Fail(answer);
    if (answer.refused || answer.response.status != 0) return answer;
  }
  Serve(request, answer);
  if (answer.stalls || answer.breaks) {
    answer.body.resize(Draw(static_cast<int64_t>(answer.body.size())));
  }
  return answer;
}

void SimulatedNetwork::Fail(Answer& answer) {
  switch (Draw(4)) {
    case 0:
      answer.refused = true;
      break;
    case 1:
      answer.stalls = true;
      break;
    case 2:
      answer.response.status = Chance(50) ? 500 : 503;
      break;
    case 3:
      answer.response.status = 429;
      answer.response.headers["retry-after"] = absl::StrCat(Draw(20));
      break;
    default:
      answer.breaks = true;
  }
}

void SimulatedNetwork::Serve(const HttpRequest& request, Answer& answer) {
  HttpResponse& response = answer.response;
  const std::string& body = versions_[version_];
  std::string etag;
  if (!etags_.empty()) {
    etag = absl::StrCat(etags_, "version ", version_, "\"");
    response.headers["etag"] = etag;
  }
  response.status = 200;
  answer.body = body;
  std::pair<std::string, std::string> ends;
  std::string condition = etag;
  for (const std::string& header : request.headers) {
    absl::string_view value = header;
    if (absl::ConsumePrefix(&value, "Range: bytes=")) {
      ends = absl::StrSplit(value, absl::MaxSplits('-', 1));
    }
    if (absl::ConsumePrefix(&value, "If-Range: ")) {
      condition = std::string(value);
    }
  }
  size_t first;
  size_t last;
  if (!heeds_conditions_) condition = etag;
  if (ranges_ && condition == etag && absl::SimpleAtoi(ends.first, &first) &&
      absl::SimpleAtoi(ends.second, &last)) {
    response.status = first < body.size() ? 206 : 416;
    last = std::min(last, body.size() - 1);
    response.headers["content-range"] =
        absl::StrCat("bytes ", first, "-", last, "/", body.size());
    answer.body =
        first < body.size() ? body.substr(first, last + 1 - first) : "";
  }
  if (lengths_) {
    response.content_length = static_cast<int64_t>(answer.body.size());
  }
}

}  // namespace hubd
