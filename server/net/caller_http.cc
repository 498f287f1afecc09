#include "server/net/caller_http.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/net/url_policy.h"

namespace hubd {
namespace {

bool MayNeedLogin(int status) {
  return status == 401 || status == 403 || status == 404 || status == 429;
}

// Keeps a refusal from the handler, who may yet get a better answer.
class Trial final : public HttpHandler {
 public:
  explicit Trial(HttpHandler& handler) : handler_(handler) {}

  absl::Status OnResponse(const HttpResponse& response) override {
    if (!MayNeedLogin(response.status)) return handler_.OnResponse(response);
    refusal_ = response;
    return absl::AbortedError("refused");
  }
  absl::Status OnBody(absl::string_view bytes) override {
    return handler_.OnBody(bytes);
  }

  const std::optional<HttpResponse>& refusal() const { return refusal_; }

 private:
  HttpHandler& handler_;
  std::optional<HttpResponse> refusal_;
};

HttpRequest With(const Credential& credential, HttpRequest request) {
  if (!credential.header.empty()) request.headers.push_back(credential.header);
  request.netrc_file = credential.netrc_file;
  return request;
}

// The same status with more at the end of its message.
absl::Status Extend(const absl::Status& status, absl::string_view more) {
  absl::Status extended(status.code(), absl::StrCat(status.message(), more));
  status.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) {
    extended.SetPayload(type, payload);
  });
  return extended;
}

}  // namespace

absl::Status CallerHttp::Fetch(const HttpRequest& request, HttpHandler& handler,
                               std::stop_token stop) {
  HttpRequest asked = request;
  asked.network = source_.network;
  return FetchBySource(asked, handler, std::move(stop));
}

absl::Status CallerHttp::FetchBySource(const HttpRequest& request,
                                       HttpHandler& handler,
                                       std::stop_token stop) {
  if (!SameOrigin(request.url, source_.url)) {
    return http_.Fetch(request, handler, std::move(stop));
  }
  if (accepted_) {
    return http_.Fetch(With(*accepted_, request), handler, std::move(stop));
  }
  if (source_.refused) {
    return FetchAsCaller(request, std::nullopt, handler, stop);
  }
  Trial trial(handler);
  absl::Status fetched = http_.Fetch(request, trial, stop);
  return trial.refusal()
             ? FetchAsCaller(request, trial.refusal(), handler, stop)
             : fetched;
}

absl::Status CallerHttp::FetchAsCaller(
    const HttpRequest& request, const std::optional<HttpResponse>& refusal,
    HttpHandler& handler, const std::stop_token& stop) {
  HUBD_ASSIGN_OR_RETURN(const Url url, ParseUrl(source_.url));
  Credentials credentials(source_, url, options_,
                          refusal && IsRateLimit(*refusal));
  std::optional<HttpResponse> told = refusal;
  while (std::optional<Credential> credential = credentials.Next(stop)) {
    Trial trial(handler);
    absl::Status fetched = http_.Fetch(With(*credential, request), trial, stop);
    if (trial.refusal()) {
      credentials.Refuse(*credential, *trial.refusal(), stop);
      // Who may come in is told that there is nothing.
      if (told && told->status == 401 && trial.refusal()->status == 404) {
        told = trial.refusal();
      }
      continue;
    }
    if (fetched.ok()) {
      HUBD_LOG(kInfo) << "event=authorized host=" << LogQuote(url.host)
                      << " by=" << LogQuote(credential->name);
      credentials.Accept(*credential, stop);
      accepted_ = *std::move(credential);
    }
    return fetched;
  }
  if (stop.stop_requested()) {
    return absl::CancelledError(
        absl::StrCat("fetching ", RedactUrl(request.url), " was cancelled"));
  }
  absl::Status failed =
      told ? handler.OnResponse(*told)
           : ReasonError(Reason::kUpstreamForbidden,
                         absl::StrCat(RedactUrl(source_.url),
                                      " is not given to everybody"),
                         {{"url", RedactUrl(source_.url)}});
  return failed.ok() ? failed : Extend(failed, credentials.Explain());
}

}  // namespace hubd
