#include "server/net/paced_transport.h"

#include <functional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "server/base/status.h"
#include "server/net/url_policy.h"

namespace hubd {
namespace {

// What a limit holds back at once: a second's bytes at the least one.
constexpr size_t kPiece = Bandwidth::kLeast;

// Hands on each piece of a body when its turn has come.
class PacedHandler final : public HttpHandler {
 public:
  // Whether there is a limit.
  using LimitedFn = std::function<bool()>;
  using TakeFn = std::function<absl::Status(int64_t bytes)>;

  PacedHandler(HttpHandler& handler, LimitedFn limited, TakeFn take)
      : handler_(handler),
        limited_(std::move(limited)),
        take_(std::move(take)) {}

  absl::Status OnResponse(const HttpResponse& response) override {
    return handler_.OnResponse(response);
  }

  absl::Status OnBody(absl::string_view bytes) override {
    while (!bytes.empty() && limited_()) {
      const absl::string_view piece = bytes.substr(0, kPiece);
      HUBD_RETURN_IF_ERROR(take_(static_cast<int64_t>(piece.size())));
      HUBD_RETURN_IF_ERROR(handler_.OnBody(piece));
      bytes.remove_prefix(piece.size());
    }
    return bytes.empty() ? absl::OkStatus() : handler_.OnBody(bytes);
  }

 private:
  HttpHandler& handler_;
  const LimitedFn limited_;
  const TakeFn take_;
};

}  // namespace

absl::Status PacedTransport::Fetch(const HttpRequest& request,
                                   HttpHandler& handler, std::stop_token stop) {
  const std::string host = HostOf(request.url);
  PacedHandler paced(
      handler, [&] { return bandwidth_.IsLimited(host, job_); },
      [&](int64_t bytes) { return bandwidth_.Take(host, job_, bytes, stop); });
  HttpRequest asked = request;
  if (network_ != nullptr) asked.network = network_;
  return http_.Fetch(asked, paced, stop);
}

}  // namespace hubd
