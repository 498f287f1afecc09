#include "server/net/curl_hop.h"

#include <sys/socket.h>

#include <algorithm>
#include <climits>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/log.h"
#include "server/base/text.h"
#include "server/base/version.h"
#include "server/net/curl_failure.h"
#include "server/net/curl_netrc.h"
#include "server/net/ip_address.h"

namespace hubd {
namespace {

constexpr int64_t kMaxHeaderBytes = 1 << 20;
// A longer body of a redirect is not read: the connection is closed instead.
constexpr int64_t kMaxRedirectBody = 64 << 10;
constexpr int kProxyAuthenticationRequired = 407;
// To connect to an address that is not avoided.
constexpr absl::Duration kOtherAddressTimeout = absl::Seconds(3);
// OpenSSL's own order has the 256-bit one first, which takes more of the
// processor for each byte.
constexpr char kTls13Ciphers[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
    "TLS_CHACHA20_POLY1305_SHA256";

absl::Status Cancelled(absl::string_view url) {
  return absl::CancelledError(
      absl::StrCat("fetching ", RedactUrl(url), " was cancelled"));
}

FetchDeadlines::Time SteadyNow() { return std::chrono::steady_clock::now(); }

// As curl takes it, where 0 would mean "never".
long Milliseconds(absl::Duration duration) {
  return std::clamp<int64_t>(absl::ToInt64Milliseconds(duration), 1, INT_MAX);
}

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 ||
         status == 308;
}

}  // namespace

void Append(CurlList& list, const std::string& text) {
  curl_slist* head = list.release();
  list.reset(curl_slist_append(head, text.c_str()));
}

absl::Status FetchError(absl::string_view url, absl::string_view cause,
                        absl::string_view why, absl::string_view address) {
  const std::string shown = RedactUrl(url);
  Metadata metadata = {{"url", shown}, {"cause", std::string(cause)}};
  if (!address.empty()) metadata["address"] = std::string(address);
  return ReasonError(Reason::kUpstreamUnavailable,
                     absl::StrCat("cannot fetch ", shown, ": ", why), metadata);
}

absl::Status RefusedUrl(const absl::Status& refusal, absl::string_view url) {
  const std::string shown = RedactUrl(url);
  return ReasonError(
      Reason::kUrlNotAllowed,
      absl::StrCat("cannot fetch ", shown, ": ", refusal.message()),
      {{"url", shown}});
}

void CurlHop::SetConnection() {
  Set(CURLOPT_NOSIGNAL, 1L);
  Set(CURLOPT_PROTOCOLS_STR, "http,https");
  Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  Set(CURLOPT_TLS13_CIPHERS, kTls13Ciphers);
  // The name in a certificate is checked after the handshake: a session of a
  // host with a wrong one would be resumed after the host has a right one.
  Set(CURLOPT_SSL_SESSIONID_CACHE, 0L);
  // Given even if empty: curl asks the environment otherwise.
  Set(CURLOPT_PROXY, route_.proxy.value.c_str());
  Set(CURLOPT_NOPROXY, "");
  Set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  // A resolver that hangs would hold a cancelled request until it gives up.
  Set(CURLOPT_QUICK_EXIT, 1L);
  if (settings_.connect_to) {
    Set(CURLOPT_CONNECT_TO, settings_.connect_to.get());
  }
  if (const std::string& ca_file = route_.ca_file.value; !ca_file.empty()) {
    Set(CURLOPT_CAINFO, ca_file.c_str());
    Set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
    Set(CURLOPT_PROXY_CAINFO, ca_file.c_str());
    Set(CURLOPT_PROXY_CAPATH, static_cast<char*>(nullptr));
  }
}

void CurlHop::SetRequest() {
  Set(CURLOPT_URL, url_.c_str());
  if (request_.http1) {
    Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  }
  Set(CURLOPT_USERAGENT, absl::StrCat("hubd/", kVersion).c_str());
  Append(headers_, "Accept-Encoding: identity");
  for (const std::string& header : request_.headers) Append(headers_, header);
  Append(headers_, "Expect:");
  Set(CURLOPT_HTTPHEADER, headers_.get());
  if (!request_.netrc_file.empty()) {
    UseNetrc(easy_, request_.netrc_file, netrc_used_);
  }
  if (request_.method == "HEAD") {
    Set(CURLOPT_NOBODY, 1L);
  } else if (request_.method == "POST") {
    Set(CURLOPT_POST, 1L);
    Set(CURLOPT_POSTFIELDS, request_.body.c_str());
    Set(CURLOPT_POSTFIELDSIZE_LARGE,
        static_cast<curl_off_t>(request_.body.size()));
  } else {
    HUBD_CHECK(request_.method == "GET");
    Set(CURLOPT_HTTPGET, 1L);
  }
}

void CurlHop::SetTimes(absl::Duration connect_timeout) {
  Set(CURLOPT_CONNECTTIMEOUT_MS, Milliseconds(connect_timeout));
  if (deadlines_.whole != FetchDeadlines::Time::max()) {
    // Rounded up, so that the deadline has passed when curl gives up.
    Set(CURLOPT_TIMEOUT_MS,
        Milliseconds(absl::FromChrono(deadlines_.whole - SteadyNow()) +
                     absl::Milliseconds(1)));
  }
}

void CurlHop::SetCallbacks() {
  using Data = size_t (*)(char*, size_t, size_t, void*);
  Data on_header = [](char* bytes, size_t, size_t size, void* self) -> size_t {
    return static_cast<CurlHop*>(self)->OnHeader({bytes, size}) ? size : 0;
  };
  Data on_body = [](char* bytes, size_t, size_t size, void* self) -> size_t {
    return static_cast<CurlHop*>(self)->OnBody({bytes, size}) ? size : 0;
  };
  curl_xferinfo_callback on_tick = [](void* self, curl_off_t, curl_off_t come,
                                      curl_off_t, curl_off_t gone) {
    return static_cast<CurlHop*>(self)->OnTick(come + gone) ? 0 : 1;
  };
  // Until then there is the time to connect.
  curl_prereq_callback on_connected = [](void* self, char*, char*, int, int) {
    static_cast<CurlHop*>(self)->judged_from_ = SteadyNow();
    return CURL_PREREQFUNC_OK;
  };
  curl_opensocket_callback open_socket = [](void* self, curlsocktype,
                                            curl_sockaddr* address) {
    return static_cast<CurlHop*>(self)->OpenSocket(*address);
  };
  Set(CURLOPT_ERRORBUFFER, error_text_);
  // Only for speed, hence unchecked: curl refuses it on a handle whose last
  // transfer ended before it had a connection.
  curl_easy_setopt(easy_, CURLOPT_BUFFERSIZE, 256L << 10);
  Set(CURLOPT_HEADERFUNCTION, on_header);
  Set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  Set(CURLOPT_WRITEFUNCTION, on_body);
  Set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  Set(CURLOPT_NOPROGRESS, 0L);
  Set(CURLOPT_XFERINFOFUNCTION, on_tick);
  Set(CURLOPT_XFERINFODATA, static_cast<void*>(this));
  Set(CURLOPT_PREREQFUNCTION, on_connected);
  Set(CURLOPT_PREREQDATA, static_cast<void*>(this));
  Set(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  Set(CURLOPT_OPENSOCKETDATA, static_cast<void*>(this));
}

// Behind a proxy the address is seen by the proxy only.
absl::Status CurlHop::CheckProxied() const {
  if (!IsProxied()) return absl::OkStatus();
  HUBD_ASSIGN_OR_RETURN(Url url, ParseUrl(url_));
  Addresses address = NumericAddress(url.host, url.port);
  if (!address) return absl::OkStatus();
  return settings_.policy.CheckAddress(*address->ai_addr, from_public_);
}

int CurlHop::OpenSocket(const curl_sockaddr& address) {
  if (!IsProxied()) {
    if (avoids_addresses_ && absl::c_linear_search(request_.avoided_addresses,
                                                   IpText(address.addr))) {
      return CURL_SOCKET_BAD;
    }
    absl::Status status =
        settings_.policy.CheckAddress(address.addr, from_public_);
    if (!status.ok()) {
      refused_address_ = status;
      return CURL_SOCKET_BAD;
    }
  }
  return socket(address.family, address.socktype | SOCK_CLOEXEC,
                address.protocol);
}

bool CurlHop::OnHeader(absl::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > kMaxHeaderBytes) {
    failure_ = HeadersError("over 1 MiB");
    return false;
  }
  if (headers_done_) return true;  // trailers
  absl::string_view text = absl::StripAsciiWhitespace(line);
  if (absl::StartsWith(line, "HTTP/")) {
    // An answer such as 100 or 103 may come before the real one.
    response_ = HttpResponse();
    http1_ = absl::StartsWith(line, "HTTP/1");
    size_t space = text.find(' ');
    if (space == absl::string_view::npos ||
        !absl::SimpleAtoi(text.substr(space + 1, 3), &response_.status)) {
      response_.status = 0;
    }
    return true;
  }
  if (text.empty()) return response_.status < 200 || OnHeadersEnd();
  size_t colon = text.find(':');
  if (colon == absl::string_view::npos) return true;
  response_.headers[absl::AsciiStrToLower(text.substr(0, colon))] =
      std::string(absl::StripAsciiWhitespace(text.substr(colon + 1)));
  return true;
}

// Of https, what a proxy says is not among the headers.
bool CurlHop::IsRefusedByProxy() const {
  return IsProxied() && absl::StartsWithIgnoreCase(url_, "http:") &&
         response_.status == kProxyAuthenticationRequired;
}

bool CurlHop::OnHeadersEnd() {
  headers_done_ = true;
  if (IsRefusedByProxy()) {
    failure_ = ExplainedError(ProxyRefusal(route_.proxy), "");
    return false;
  }
  response_.effective_url = url_;
  response_.redirect_headers = redirect_headers_;
  response_.from_public = from_public_ || IsPublic();
  response_.netrc_used = netrc_used_;
  if (IsRedirect(response_.status) &&
      !HeaderOf(response_, "location").empty()) {
    redirecting_ = true;
    return true;
  }
  const bool chunked = absl::StrContains(
      absl::AsciiStrToLower(HeaderOf(response_, "transfer-encoding")),
      "chunked");
  const bool encoded = IsEncoded(response_);
  int64_t length;
  const bool has_length =
      !chunked &&
      absl::SimpleAtoi(HeaderOf(response_, "content-length"), &length);
  if (has_length && !encoded) response_.content_length = length;
  const bool bodyless = request_.method == "HEAD" || response_.status == 204 ||
                        response_.status == 304;
  response_.framed = !http1_ || chunked || has_length || bodyless;
  failure_ = handler_.OnResponse(response_);
  if (failure_.ok() && encoded && !bodyless) {
    const std::string encoding = HeaderOf(response_, "content-encoding");
    decoder_ = BodyDecoder::Create(encoding);
    if (!decoder_) {
      failure_ = BodyError(absl::StrCat("its encoding is ", LogQuote(encoding),
                                        ", which nobody asked for"));
    }
  }
  return failure_.ok();
}

bool CurlHop::OnBody(absl::string_view bytes) {
  const FetchDeadlines::Time begin = SteadyNow();
  const bool taken = TakeBody(bytes);
  // Who takes it may be slow, or kept to a limit: that is not the server's.
  judged_from_ += SteadyNow() - begin;
  return taken;
}

bool CurlHop::TakeBody(absl::string_view bytes) {
  if (redirecting_) {
    redirect_body_bytes_ += bytes.size();
    return redirect_body_bytes_ <= kMaxRedirectBody;
  }
  if (!decoder_) {
    failure_ = handler_.OnBody(bytes);
    return failure_.ok();
  }
  absl::Status handled;
  const absl::Status decoded =
      decoder_->Decode(bytes, [&](absl::string_view plain) {
        handled = handler_.OnBody(plain);
        return handled;
      });
  failure_ =
      handled.ok() && !decoded.ok() ? BodyError(decoded.message()) : handled;
  return failure_.ok();
}

// Not libcurl's own check, for which who takes the bytes is as the server.
bool CurlHop::IsStalled(int64_t moved) {
  const NetOptions& net = settings_.net;
  const absl::Duration time = std::max(absl::Seconds(1), net.stall_timeout);
  const double least =
      static_cast<double>(net.stall_rate) * absl::ToDoubleSeconds(time);
  const FetchDeadlines::Time now = SteadyNow();
  if (static_cast<double>(moved - judged_bytes_) < least) {
    return now - judged_from_ >= absl::ToChronoNanoseconds(time);
  }
  judged_bytes_ = moved;
  judged_from_ = now;
  return false;
}

bool CurlHop::OnTick(int64_t moved) {
  if (stop_.stop_requested()) {
    failure_ = Cancelled(url_);
    return false;
  }
  if (!headers_done_ && SteadyNow() >= deadlines_.answer) {
    failure_ = Error("timeout",
                     absl::StrCat("no answer came within ",
                                  absl::FormatDuration(request_.answer_timeout),
                                  "; ", kTryLater));
    return false;
  }
  if (IsStalled(moved)) {
    failure_ = StallError();
    return false;
  }
  return true;
}

absl::Duration CurlHop::ConnectTimeout() const {
  return std::min(settings_.net.connect_timeout,
                  request_.connect_timeout.value_or(absl::InfiniteDuration()));
}

// Should curl quote the proxy, with its password, its words are left out.
absl::string_view CurlHop::Detail() const {
  const absl::string_view detail = error_text_;
  return IsProxied() && absl::StrContains(detail, route_.proxy.value) ? ""
                                                                      : detail;
}

std::string CurlHop::ServerAddress() const {
  char* ip = nullptr;
  if (!IsProxied()) curl_easy_getinfo(easy_, CURLINFO_PRIMARY_IP, &ip);
  return ip == nullptr ? "" : ip;
}

absl::Status CurlHop::Error(absl::string_view cause,
                            absl::string_view why) const {
  return FetchError(url_, cause, why, ServerAddress());
}

absl::Status CurlHop::ExplainedError(const Explanation& explanation,
                                     absl::string_view detail) const {
  return Error(explanation.cause, Say(explanation, detail));
}

absl::Status CurlHop::HeadersError(absl::string_view detail) const {
  return ExplainedError({"headers", "the headers of the answer are too long",
                         std::string(kCheckUrl)},
                        detail);
}

absl::Status CurlHop::BodyError(absl::string_view why) const {
  return Error("protocol", absl::StrCat("the body cannot be taken: ", why, "; ",
                                        kCheckUrl));
}

absl::Status CurlHop::TimeoutError() const {
  if (SteadyNow() >= deadlines_.whole) {
    return Error("timeout", absl::StrCat("it took longer than ",
                                         absl::FormatDuration(request_.timeout),
                                         "; ", kTryLater));
  }
  if (absl::StartsWith(Detail(), "Resolving timed out")) {
    return ExplainedError({"dns", "the host's name cannot be resolved in time",
                           std::string(kCheckNetwork)},
                          "");
  }
  const std::string by =
      IsProxied() ? absl::StrCat(" by ", NameOf(route_.proxy)) : "";
  return ExplainedError(
      {"connect",
       absl::StrCat("no connection to the host", by, " within ",
                    absl::FormatDuration(ConnectTimeout())),
       std::string(kCheckNetwork)},
      Detail());
}

absl::Status CurlHop::StallError() const {
  const NetOptions& net = settings_.net;
  return Error(
      "stall",
      absl::StrCat("less than ", net.stall_rate, " bytes a second came for ",
                   absl::FormatDuration(net.stall_timeout),
                   "; try again later, or raise [net] stall_timeout of the "
                   "daemon's configuration"));
}

absl::Status CurlHop::ErrorOf(CURLcode code) const {
  if (code == CURLE_OPERATION_TIMEDOUT) return TimeoutError();
  if (code == CURLE_COULDNT_CONNECT && !refused_address_.ok()) {
    return RefusedUrl(refused_address_, url_);
  }
  absl::string_view detail = Detail();
  if (detail.empty()) detail = curl_easy_strerror(code);
  // curl has limits of its own on the headers, below ours; for one line it
  // calls that a lack of memory.
  if (absl::StartsWith(detail, "Too large response headers") ||
      (code == CURLE_OUT_OF_MEMORY && response_.status != 0 &&
       !headers_done_)) {
    return HeadersError("");
  }
  return ExplainedError(
      Explain(easy_, code, detail, route_, request_.network != nullptr),
      detail);
}

CURLcode CurlHop::Perform() {
  if (!request_.avoided_addresses.empty() && !IsProxied()) {
    avoids_addresses_ = true;
    SetTimes(std::min(ConnectTimeout(), kOtherAddressTimeout));
    const CURLcode code = curl_easy_perform(easy_);
    const bool connected = judged_from_ != FetchDeadlines::Time::max();
    if (connected || !failure_.ok() ||
        (code != CURLE_COULDNT_CONNECT && code != CURLE_OPERATION_TIMEDOUT)) {
      return code;
    }
    // The name has no other address, or none that can be reached.
    avoids_addresses_ = false;
  }
  SetTimes(ConnectTimeout());
  return curl_easy_perform(easy_);
}

absl::StatusOr<std::optional<std::string>> CurlHop::Run() {
  if (stop_.stop_requested()) return Cancelled(url_);
  if (SteadyNow() >= deadlines_.whole) return TimeoutError();
  if (std::optional<Explanation> unusable = CheckProxy(route_.proxy)) {
    return ExplainedError(*unusable, "");
  }
  if (absl::Status status = CheckProxied(); !status.ok()) {
    return RefusedUrl(status, url_);
  }
  SetConnection();
  SetRequest();
  SetCallbacks();
  const CURLcode code = Perform();
  HUBD_RETURN_IF_ERROR(failure_);
  // How the body of a redirect ends does not matter.
  if (redirecting_) return response_.headers["location"];
  if (code != CURLE_OK) return ErrorOf(code);
  if (!headers_done_) {
    return ExplainedError(
        {"protocol", "the answer has no headers", std::string(kCheckUrl)}, "");
  }
  if (decoder_) {
    if (absl::Status whole = decoder_->Finish(); !whole.ok()) {
      return BodyError(whole.message());
    }
  }
  return std::nullopt;
}

bool CurlHop::IsPublic() const {
  return IsPublicHost(IsProxied() ? HostOf(url_) : ServerAddress());
}

}  // namespace hubd
