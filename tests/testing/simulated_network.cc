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
constexpr char kStrong[] = "\"";
// As HttpTransport's own.
constexpr absl::Duration kConnectTimeout = absl::Seconds(15);
constexpr absl::Duration kStallTimeout = absl::Seconds(30);

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
  etags_ = Chance(80) ? kStrong : Chance(50) ? "W/\"" : "";
  lengths_ = !Chance(10);
  heeds_conditions_ = !Chance(30);
  changes_at_ = Chance(20) ? static_cast<int>(Draw(20)) : -1;
  loses_ranges_at_ = Chance(10) ? static_cast<int>(Draw(20)) : -1;
  faults_ = static_cast<int>(Draw(50));
  most_connections_ = Chance(30) ? 1 + static_cast<int>(Draw(2)) : 1000;
  // Above what counts as a stall.
  rate_ = Chance(50) ? 2'000 + Draw(100'000) : 1'000'000'000;
  losses_ = Chance(50) ? static_cast<int>(Draw(30)) : 0;
  BeginEra();
}

void SimulatedNetwork::BeginEra() {
  eras_.push_back({.size = static_cast<int64_t>(versions_[version_].size())});
}

int64_t SimulatedNetwork::wasted_bytes() const {
  MutexLock lock(mutex_);
  int64_t wasted = 0;
  for (const Era& era : eras_) {
    wasted += std::max<int64_t>(era.sent - era.in_vain - era.size, 0);
  }
  return wasted;
}

absl::Status SimulatedNetwork::Fetch(const HttpRequest& request,
                                     HttpHandler& handler,
                                     std::stop_token stop) {
  const Connection connection(*this);
  Answer answer = AnswerTo(request);
  absl::Status status = Send(answer, handler, stop);
  MutexLock lock(mutex_);
  Era& era = eras_[answer.era];
  era.sent += answer.sent;
  if (!status.ok() && !answer.can_go_on) era.in_vain += answer.sent;
  return status;
}

absl::Status SimulatedNetwork::Send(Answer& answer, HttpHandler& handler,
                                    const std::stop_token& stop) {
  absl::Time due = clock_.Now() + answer.latency;
  HUBD_RETURN_IF_ERROR(WaitUntil(due, stop));
  if (answer.answers) {
    HUBD_RETURN_IF_ERROR(handler.OnResponse(answer.response));
  }
  absl::string_view rest = answer.body;
  while (!rest.empty()) {
    const absl::string_view piece = rest.substr(0, answer.piece);
    rest.remove_prefix(piece.size());
    due += TimeOf(piece);
    HUBD_RETURN_IF_ERROR(WaitUntil(due, stop));
    HUBD_RETURN_IF_ERROR(handler.OnBody(piece));
    answer.sent += static_cast<int64_t>(piece.size());
  }
  if (answer.failure.empty()) return absl::OkStatus();
  HUBD_RETURN_IF_ERROR(WaitUntil(due + answer.silence, stop));
  return Failure(answer.failure);
}

// Who waits moves the clock for all, so that connections at the same time take
// the time of the slowest.
absl::Status SimulatedNetwork::WaitUntil(absl::Time due,
                                         const std::stop_token& stop) {
  MutexLock lock(mutex_);
  return clock_.Sleep(std::max(due - clock_.Now(), absl::ZeroDuration()), stop);
}

absl::Duration SimulatedNetwork::TimeOf(absl::string_view piece) {
  MutexLock lock(mutex_);
  const absl::Duration again = absl::Milliseconds(200 + Draw(800));
  return absl::Seconds(static_cast<double>(piece.size()) / rate_) +
         (Chance(losses_) ? again : absl::ZeroDuration());
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
  if (number == changes_at_) {
    version_ = 1;
    BeginEra();
  }
  if (number == loses_ranges_at_ && std::exchange(ranges_, false)) BeginEra();
  Answer answer;
  answer.era = eras_.size() - 1;
  answer.latency = absl::Milliseconds(Draw(300));
  answer.piece = 1 + Draw(20'000);
  answer.response.effective_url = request.url;
  if (connections_ > most_connections_) {
    answer.response.status = Chance(50) ? 429 : Chance(50) ? 503 : 403;
    if (Chance(50)) answer.response.headers["retry-after"] = "3600";
    return answer;
  }
  if (Chance(faults_)) {
    Fail(request, answer);
    if (!answer.answers || answer.response.status != 0) return answer;
  }
  Serve(request, answer);
  if (!answer.failure.empty()) {
    answer.body.resize(Draw(static_cast<int64_t>(answer.body.size())));
  }
  return answer;
}

void SimulatedNetwork::Fail(const HttpRequest& request, Answer& answer) {
  switch (Draw(6)) {
    case 0:
      answer.answers = false;
      answer.failure = "connect";
      break;
    case 1:
      answer.answers = false;
      answer.failure = "timeout";
      answer.silence = request.connect_timeout.value_or(kConnectTimeout);
      break;
    case 2:
      answer.answers = false;
      answer.failure = "stall";
      answer.silence = kStallTimeout;
      break;
    case 3:
      answer.failure = "stall";
      answer.silence = kStallTimeout;
      break;
    case 4:
      answer.response.status = Chance(50) ? 500 : 503;
      break;
    case 5:
      answer.response.status = 429;
      answer.response.headers["retry-after"] = absl::StrCat(Draw(20));
      break;
    default:
      answer.failure = "cut";
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
  // Who has met another object may ask for all of this one.
  const bool rest_can_be_had = lengths_ && ranges_ && answer.era == 0;
  answer.can_go_on =
      etags_ == kStrong && (response.status == 206 || rest_can_be_had);
}

}  // namespace hubd
