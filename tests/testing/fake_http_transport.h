// Plays HTTP servers without a network: an answer for each URL, given in
// pieces; records what was asked; can hold a body back in its middle.

#ifndef HUBD_TESTS_TESTING_FAKE_HTTP_TRANSPORT_H_
#define HUBD_TESTS_TESTING_FAKE_HTTP_TRANSPORT_H_

#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
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
  };

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
    }
    answer.response.effective_url = request.url;
    HUBD_RETURN_IF_ERROR(handler.OnResponse(answer.response));
    size_t half = answer.body.size() / 2;
    HUBD_RETURN_IF_ERROR(handler.OnBody(answer.body.substr(0, half)));
    HUBD_RETURN_IF_ERROR(AwaitRelease(request.url, stop));
    HUBD_RETURN_IF_ERROR(handler.OnBody(answer.body.substr(half)));
    return answer.end;
  }

 private:
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
