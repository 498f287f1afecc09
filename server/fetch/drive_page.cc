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

std::string HostOf(const std::string& url) {
  const absl::StatusOr<Url> parsed = ParseUrl(url);
  return parsed.ok() ? parsed->host : "";
}

bool IsDrive(const std::string& host) {
  return host == "drive.google.com" || host == "docs.google.com" ||
         host == "drive.usercontent.google.com";
}

}  // namespace

absl::Status CheckDrivePage(const std::string& url,
                            const HttpResponse& response,
                            absl::string_view first_bytes) {
  if (!IsDrive(HostOf(url)) ||
      !HeaderBegins(response, "content-type", "text/html") ||
      HeaderBegins(response, "content-disposition", "attachment")) {
    return absl::OkStatus();
  }
  const std::string shown = RedactUrl(url);
  const auto error = [&](Reason reason, absl::string_view why) {
    return ReasonError(
        reason,
        absl::StrCat("cannot fetch ", shown,
                     ": Google Drive sent a page in place of the file: ", why),
        {{"url", shown}, {"cause", "page"}});
  };
  if (HostOf(response.effective_url) == "accounts.google.com") {
    return error(Reason::kUpstreamForbidden,
                 "it asks for a sign-in, since not everyone who has the link "
                 "may read the file; ask its owner to share it with everyone");
  }
  // Texts follow the reader's language, names in the markup do not.
  const auto has = [&](absl::string_view mark) {
    return absl::StrContains(first_bytes, mark);
  };
  if (has("Quota exceeded") || has("uc-error-caption")) {
    return error(Reason::kUpstreamUnavailable,
                 "it may not be read at this time, mostly since too many have "
                 "fetched it lately; try again in a day, or ask its owner for "
                 "another place");
  }
  if (has("Virus scan warning") || has("uc-warning-caption") ||
      has("download-form")) {
    return error(
        Reason::kUpstreamUnavailable,
        absl::StrCat("the file is too large for its virus scan, and it "
                     "wants that confirmed; ask for ",
                     kDirectUrl, " with the file's ID"));
  }
  return error(Reason::kUpstreamUnavailable,
               absl::StrCat("it shows the file to people; ask for ", kDirectUrl,
                            " with the file's ID, which stands in the link"));
}

}  // namespace hubd
