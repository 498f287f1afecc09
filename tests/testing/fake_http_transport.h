// Plays HTTP servers without a network: an answer for each URL, given in
// pieces; records what was asked; can hold a body back in its middle.

#ifndef HUBD_TESTS_TESTING_FAKE_HTTP_TRANSPORT_H_
#define HUBD_TESTS_TESTING_FAKE_HTTP_TRANSPORT_H_

#include <algorithm>
#include <map>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/base/mutex.h"
#include "server/net/http_transport.h"

namespace hubd {

// Thread-safe.
class FakeHttpTransport final : public HttpTransport {
 public:
  struct Answer {
    HttpResponse response;
    std::string body;
    // What Fetch returns when the body is through.
    absl::Status end = absl::OkStatus();
    // Half of the body is held back until Release, or a stop.
    bool held = false;
    // Whether "Range: bytes=N-M" is heeded, and If-Range with the ETag.
    bool ranges = false;
    // How many bytes the next requests get before their connection breaks.
    std::vector<size_t> cuts = {};
  };

  // A 200 with this body, in ranges where they are asked for.
  static Answer Ranged(const std::string& body, const std::string& etag) {
    Answer answer;
    answer.response.status = 200;
    if (!etag.empty()) answer.response.headers["etag"] = etag;
    answer.response.content_length = static_cast<int64_t>(body.size());
    answer.body = body;
    answer.ranges = true;
    return answer;
  }

  // A 200 with this body.
  void Serve(const std::string& url, const std::string& body,
             std::map<std::string, std::string> headers = {}) {
    Answer answer;
    answer.response.status = 200;
    answer.response.headers = std::move(headers);
    answer.response.content_length = static_cast<int64_t>(body.size());
    answer.body = body;
    Set(url, answer);
  }

  void Set(const std::string& url, const Answer& answer) {
    MutexLock lock(mutex_);
    answers_[url] = answer;
  }

  // Lets bodies that are held go on.
  void Release() {
    MutexLock lock(mutex_);
    for (auto& [url, answer] : answers_) answer.held = false;
    changed_.NotifyAll();
  }

  std::vector<HttpRequest> requests() const {
    MutexLock lock(mutex_);
    return requests_;
  }

  // Blocks until so many requests were made.
  void AwaitRequests(size_t count) {
    MutexLock lock(mutex_);
    while (requests_.size() < count) changed_.Wait(mutex_);
  }

  absl::Status Fetch(const HttpRequest& request, HttpHandler& handler,
                     std::stop_token stop) override {
    Answer answer;
    {
      MutexLock lock(mutex_);
      requests_.push_back(request);
      changed_.NotifyAll();
      auto found = answers_.find(request.url);
      if (found == answers_.end()) {
        return ReasonError(Reason::kUpstreamUnavailable,
                           absl::StrCat("cannot reach ", request.url));
      }
      answer = found->second;
      std::vector<size_t>& cuts = found->second.cuts;
      if (!cuts.empty()) cuts.erase(cuts.begin());
    }
    if (answer.ranges) CutToRange(request, answer);
    if (!answer.cuts.empty()) {
      answer.body.resize(std::min(answer.body.size(), answer.cuts[0]));
      answer.end = ReasonError(Reason::kUpstreamUnavailable, "it broke off",
                               {{"cause", "cut"}});
    }
    if (answer.response.effective_url.empty()) {
      answer.response.effective_url = request.url;
    }
    HUBD_RETURN_IF_ERROR(handler.OnResponse(answer.response));
    size_t half = answer.body.size() / 2;
    HUBD_RETURN_IF_ERROR(handler.OnBody(answer.body.substr(0, half)));
    HUBD_RETURN_IF_ERROR(AwaitRelease(request.url, stop));
    HUBD_RETURN_IF_ERROR(handler.OnBody(answer.body.substr(half)));
    return answer.end;
  }

 private:
  static std::string HeaderOf(const HttpRequest& request,
                              absl::string_view name) {
    for (const std::string& header : request.headers) {
      absl::string_view value = header;
      if (absl::ConsumePrefix(&value, name)) return std::string(value);
    }
    return "";
  }

  static void CutToRange(const HttpRequest& request, Answer& answer) {
    const std::string condition = HeaderOf(request, "If-Range: ");
    const std::string wanted = HeaderOf(request, "Range: bytes=");
    const std::pair<std::string, std::string> ends =
        absl::StrSplit(wanted, absl::MaxSplits('-', 1));
    size_t from;
    size_t last;
    if (!absl::SimpleAtoi(ends.first, &from) ||
        !absl::SimpleAtoi(ends.second, &last) ||
        (!condition.empty() && condition != answer.response.headers["etag"] &&
         condition != answer.response.headers["last-modified"])) {
      return;
    }
    const size_t size = answer.body.size();
    answer.response.status = from < size ? 206 : 416;
    last = std::min(last, size - 1);
    answer.response.headers["content-range"] =
        absl::StrCat("bytes ", from, "-", last, "/", size);
    answer.body = from < size ? answer.body.substr(from, last + 1 - from) : "";
    answer.response.content_length = static_cast<int64_t>(answer.body.size());
  }

  absl::Status AwaitRelease(const std::string& url,
                            const std::stop_token& stop) {
    std::stop_callback wake(stop, [this] {
      MutexLock lock(mutex_);
      changed_.NotifyAll();
    });
    MutexLock lock(mutex_);
    while (answers_[url].held && !stop.stop_requested()) changed_.Wait(mutex_);
    return stop.stop_requested() ? absl::CancelledError("stopped")
                                 : absl::OkStatus();
  }

  mutable Mutex mutex_;
  CondVar changed_;
  std::map<std::string, Answer> answers_ ABSL_GUARDED_BY(mutex_);
  std::vector<HttpRequest> requests_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace hubd

#endif  // HUBD_TESTS_TESTING_FAKE_HTTP_TRANSPORT_H_
