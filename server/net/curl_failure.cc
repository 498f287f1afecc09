#include "server/net/curl_failure.h"

#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/text.h"

namespace hubd {
namespace {

// X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED.
constexpr long kNotYetValid = 9;
constexpr long kHasExpired = 10;

constexpr long kProxyAuthenticationRequired = 407;

constexpr absl::string_view kProxySchemes[] = {"http",    "https",  "socks4",
                                               "socks4a", "socks5", "socks5h"};

long NumberOf(CURL* easy, CURLINFO info) {
  long number = 0;
  curl_easy_getinfo(easy, info, &number);
  return number;
}

// The parts of a proxy's address, read as curl itself does.
class ProxyUrl {
 public:
  explicit ProxyUrl(const std::string& text)
      : url_(curl_url(), curl_url_cleanup),
        valid_(curl_url_set(url_.get(), CURLUPART_URL, text.c_str(),
                            CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME) ==
               CURLUE_OK) {}

  // Empty where there is none.
  std::string Part(CURLUPart part) const {
    char* text = nullptr;
    if (!valid_ || curl_url_get(url_.get(), part, &text, 0) != CURLUE_OK) {
      return "";
    }
    std::string copy = text;
    curl_free(text);
    return copy;
  }

  // Whether something stands behind the host and the port: it may be what is
  // left of a password with a "/", "?" or "#", whose beginning they are then.
  bool GoesOn() const {
    const std::string path = Part(CURLUPART_PATH);
    return (!path.empty() && path != "/") || !Part(CURLUPART_QUERY).empty() ||
           !Part(CURLUPART_FRAGMENT).empty();
  }

 private:
  const std::unique_ptr<CURLU, decltype(&curl_url_cleanup)> url_;
  const bool valid_;
};

std::string OwnCertificates(bool callers) {
  return absl::StrCat(
      "if your site has a certificate authority of its own, name its PEM file "
      "in ",
      callers ? "SSL_CERT_FILE, or in " : "",
      "[net] ca_file of the daemon's configuration");
}

std::string WithOwnCertificates(const NamedValue& ca_file, bool callers) {
  if (ca_file.value.empty()) return OwnCertificates(callers);
  return absl::StrCat("only the certificates of ", ca_file.name,
                      " are trusted: check whether that file has the right "
                      "ones");
}

Explanation ExplainCertificate(CURL* easy, absl::string_view detail,
                               const NamedValue& ca_file, bool callers) {
  const long verdict = NumberOf(easy, CURLINFO_SSL_VERIFYRESULT);
  if (verdict == kNotYetValid || verdict == kHasExpired) {
    return {"tls", "the host's certificate is not valid at this time",
            "ask its owner to renew it, and check this machine's clock"};
  }
  if (absl::StrContains(detail, "subject name")) {
    return {"tls", "the host's certificate is one for other names",
            std::string(kCheckUrl)};
  }
  return {"tls", "the host's certificate is not trusted",
          WithOwnCertificates(ca_file, callers)};
}

// The file itself; a host's certificate was not looked at.
Explanation ExplainFile(const NamedValue& ca_file) {
  if (ca_file.value.empty()) {
    return {"tls", "the system's certificates cannot be read",
            "install the package ca-certificates"};
  }
  return {
      "tls",
      absl::StrCat("the file of ", ca_file.name, ", ", LogQuote(ca_file.value),
                   ", cannot be read as certificates"),
      "name a PEM file by its absolute path"};
}

bool WantsCredentials(long connect_status, long socks_error) {
  return connect_status == kProxyAuthenticationRequired ||
         socks_error == CURLPX_USER_REJECTED || socks_error == CURLPX_NO_AUTH;
}

// Before a proxy that is reached by TLS has said anything.
std::optional<Explanation> ExplainSecureProxy(CURLcode code,
                                              const NetworkRoute& route,
                                              bool callers) {
  const std::string name = NameOf(route.proxy);
  if (code == CURLE_PEER_FAILED_VERIFICATION) {
    return Explanation{
        "proxy", absl::StrCat("the certificate of ", name, " is not trusted"),
        WithOwnCertificates(route.ca_file, callers)};
  }
  if (code == CURLE_SSL_CONNECT_ERROR) {
    return Explanation{"proxy", absl::StrCat("no secure connection to ", name),
                       absl::StrCat("check ", route.proxy.name)};
  }
  return std::nullopt;
}

// What a proxy said or did; nullopt where it was not the proxy.
std::optional<Explanation> ExplainProxy(CURL* easy, CURLcode code,
                                        const NetworkRoute& route,
                                        bool callers) {
  const NamedValue& proxy = route.proxy;
  if (proxy.value.empty()) return std::nullopt;
  const std::string name = NameOf(proxy);
  const long status = NumberOf(easy, CURLINFO_HTTP_CONNECTCODE);
  const long socks = code == CURLE_PROXY ? NumberOf(easy, CURLINFO_PROXY_ERROR)
                                         : static_cast<long>(CURLPX_OK);
  if (WantsCredentials(status, socks)) return ProxyRefusal(proxy);
  if (status >= 300 || code == CURLE_PROXY) {
    // By its rules it does not, or it cannot at this time.
    const bool refuses = status == 403 || status == 405 || status == 451 ||
                         socks == CURLPX_REPLY_NOT_ALLOWED;
    return Explanation{refuses ? "proxy" : "connect",
                       absl::StrCat(name, " does not connect to the host"),
                       absl::StrCat("check the URL and ", proxy.name)};
  }
  if (code == CURLE_COULDNT_RESOLVE_PROXY) {
    return Explanation{
        "dns", absl::StrCat("the name of ", name, " cannot be resolved"),
        absl::StrCat("check ", proxy.name)};
  }
  if (code == CURLE_COULDNT_CONNECT) {
    return Explanation{"connect", absl::StrCat("no connection to ", name),
                       absl::StrCat("check ", proxy.name)};
  }
  const bool secure = ProxyUrl(proxy.value).Part(CURLUPART_SCHEME) == "https";
  if (!secure || status != 0) return std::nullopt;
  return ExplainSecureProxy(code, route, callers);
}

// Of a handshake: as libcurl and OpenSSL say that the other side hung up.
bool BrokeOff(absl::string_view detail) {
  return absl::StrContains(detail, "SSL_ERROR_SYSCALL") ||
         absl::StrContains(detail, "Connection reset by peer") ||
         absl::StrContains(detail, "unexpected eof");
}

Explanation ExplainOther(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {"dns", "the host's name cannot be resolved",
              std::string(kCheckNetwork)};
    case CURLE_COULDNT_CONNECT:
      return {"connect", "no connection to the host",
              std::string(kCheckNetwork)};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_SHUTDOWN_FAILED:
      return {"tls", "no secure connection to the host",
              std::string(kCheckUrl)};
    case CURLE_GOT_NOTHING:
      return {"cut", "the server closed the connection without an answer",
              std::string(kTryLater)};
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return {"cut", "the connection broke before the end of the answer",
              std::string(kTryLater)};
    default:
      return {"protocol", "the answer cannot be understood",
              std::string(kCheckUrl)};
  }
}

}  // namespace

std::string Say(const Explanation& explanation, absl::string_view detail) {
  std::string text = explanation.words;
  if (!detail.empty()) absl::StrAppend(&text, " (", CleanLine(detail), ")");
  absl::StrAppend(&text, "; ", explanation.way_out);
  return text;
}

std::string NameOf(const NamedValue& proxy) {
  const ProxyUrl url(proxy.value);
  std::string host = url.Part(CURLUPART_HOST);
  const std::string port = url.Part(CURLUPART_PORT);
  if (!port.empty()) absl::StrAppend(&host, ":", port);
  return absl::StrCat("the proxy ", CleanLine(host), " (", proxy.name, ")");
}

std::optional<Explanation> CheckProxy(const NamedValue& proxy) {
  if (proxy.value.empty()) return std::nullopt;
  const ProxyUrl url(proxy.value);
  const std::string scheme = url.Part(CURLUPART_SCHEME);
  if (!url.GoesOn()) {
    for (absl::string_view known : kProxySchemes) {
      if (absl::EqualsIgnoreCase(scheme, known)) return std::nullopt;
    }
  }
  return Explanation{
      "proxy", absl::StrCat(proxy.name, " is not the address of a proxy"),
      "write [http|https|socks4|socks4a|socks5|socks5h://][USER:PASSWORD@]"
      "HOST[:PORT], and what is special in user or password as %XX"};
}

Explanation ProxyRefusal(const NamedValue& proxy) {
  return {"proxy",
          absl::StrCat(NameOf(proxy), " does not take the user and password"),
          absl::StrCat("set them in ", proxy.name,
                       " as http://USER:PASSWORD@HOST:PORT, or in place of "
                       "http what the proxy speaks")};
}

Explanation Explain(CURL* easy, CURLcode code, absl::string_view detail,
                    const NetworkRoute& route, bool callers) {
  if (code == CURLE_SSL_CACERT_BADFILE) return ExplainFile(route.ca_file);
  if (std::optional<Explanation> proxy =
          ExplainProxy(easy, code, route, callers)) {
    return *std::move(proxy);
  }
  if (code == CURLE_PEER_FAILED_VERIFICATION ||
      code == CURLE_SSL_ISSUER_ERROR) {
    return ExplainCertificate(easy, detail, route.ca_file, callers);
  }
  Explanation other = ExplainOther(code);
  // By who was there, or is too busy: unlike what is said to be wrong, it
  // passes.
  if (code == CURLE_SSL_CONNECT_ERROR && BrokeOff(detail)) other.cause = "cut";
  return other;
}

}  // namespace hubd
