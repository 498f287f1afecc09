// Headers of any server, "name: value" a line; those of a redirect stand before
// an empty line. What is offered is a digest that is written there.

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/base/digest.h"
#include "server/base/status.h"
#include "server/fetch/offered_digest.h"

namespace hubd {
namespace {

constexpr char kUrl[] = "https://example.org/m?secret";
constexpr char kElsewhere[] = "https://cdn.example.org/m";

std::map<std::string, std::string> HeadersOf(absl::string_view text) {
  std::map<std::string, std::string> headers;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos) continue;
    headers[absl::AsciiStrToLower(line.substr(0, colon))] =
        std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
  }
  return headers;
}

void CheckOffer(const std::string& text, const HttpResponse& response) {
  const Offer offer = OfferOf(kUrl, response);
  HUBD_CHECK(!absl::StrContains(offer.warning, "secret"));
  if (!offer.digest) return;
  HUBD_CHECK(offer.warning.empty());
  const std::string& hex = offer.digest->sha256;
  HUBD_CHECK(hex.size() == 64 && IsSha256Prefix(hex));
  HUBD_CHECK(
      absl::StrContains(absl::AsciiStrToLower(text), hex) ||
      absl::StrContains(text, absl::Base64Escape(absl::HexStringToBytes(hex))));
  HUBD_CHECK(absl::EndsWith(offer.digest->by, "example.org"));
}

void Check(const std::string& text) {
  HttpResponse response;
  const size_t blank = text.find("\n\n");
  if (blank != std::string::npos) {
    response.redirect_headers = HeadersOf(text.substr(0, blank));
    response.headers = HeadersOf(text.substr(blank));
  } else {
    response.headers = HeadersOf(text);
  }
  for (const int status : {200, 206}) {
    for (const char* url : {kUrl, kElsewhere}) {
      response.status = status;
      response.effective_url = url;
      CheckOffer(text, response);
    }
  }
}

}  // namespace
}  // namespace hubd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hubd::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
