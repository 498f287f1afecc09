#include "server/fetch/drive_page.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/net/url_policy.h"

namespace hubd {
namespace {

constexpr char kDirectUrl[] =
    "https://drive.usercontent.google.com/download?id=ID&export=download&"
    "confirm=t";

bool HeaderBegins(const HttpResponse& response, const char* name,
                  absl::string_view value) {
  auto found = response.headers.find(name);
  return found != response.headers.end() &&
         absl::StartsWithIgnoreCase(found->second, value);
}

// Whether a file is asked for there; docs.google.com has pages, too, that are
// what is wanted.
bool IsDrive(const std::string& text) {
  const absl::StatusOr<Url> url = ParseUrl(text);
  if (!url.ok()) return false;
  if (url->host == "docs.google.com") return url->path == "/uc";
  return url->host == "drive.google.com" ||
         url->host == "drive.usercontent.google.com";
}

struct Verdict {
  Reason reason = Reason::kUpstreamUnavailable;
  std::string why;
};

// Texts follow the reader's language, names in the markup do not. All pages
// have all names in their style.
Verdict JudgePage(const std::string& host, absl::string_view first_bytes) {
  const auto has = [&](absl::string_view mark) {
    return absl::StrContains(first_bytes, mark);
  };
  if (host == "accounts.google.com") {
    return {Reason::kUpstreamForbidden,
            "it asks for a sign-in, since not everyone who has the link may "
            "read the file; ask its owner to share it with everyone"};
  }
  if (has("Quota exceeded") || has("class=\"uc-error-caption\"")) {
    return {.why =
                "it may not be read at this time, mostly since too many "
                "have fetched it lately; try again in a day, or ask its "
                "owner for another place"};
  }
  if (has("Virus scan warning") || has("class=\"uc-warning-caption\"") ||
      has("id=\"download-form\"")) {
    return {.why = absl::StrCat("the file is too large for its virus scan, and "
                                "it wants that confirmed; ask for ",
                                kDirectUrl, " with the file's ID")};
  }
  return {.why =
              absl::StrCat("it shows the file to people; ask for ", kDirectUrl,
                           " with the file's ID, which stands in the link")};
}

}  // namespace

absl::Status CheckDrivePage(const std::string& url,
                            const HttpResponse& response,
                            absl::string_view first_bytes) {
  if (!IsDrive(url) || !HeaderBegins(response, "content-type", "text/html") ||
      HeaderBegins(response, "content-disposition", "attachment")) {
    return absl::OkStatus();
  }
  const std::string shown = RedactUrl(url);
  const Verdict verdict =
      JudgePage(HostOf(response.effective_url), first_bytes);
  return ReasonError(
      verdict.reason,
      absl::StrCat(
          "cannot fetch ", shown,
          ": Google Drive sent a page in place of the file: ", verdict.why),
      {{"url", shown}, {"cause", "page"}});
}

}  // namespace hubd
