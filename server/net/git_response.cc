#include "server/net/git_response.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/base/log.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr char kGitSuffix[] = ".git";

}  // namespace

absl::Status GitUnavailable(absl::string_view repo_url, absl::string_view cause,
                            absl::string_view why) {
  const std::string shown = RedactUrl(repo_url);
  return ReasonError(Reason::kUpstreamUnavailable,
                     absl::StrCat("cannot read ", shown, " by git: ", why),
                     {{"url", shown}, {"cause", std::string(cause)}});
}

std::string OtherAddress(const std::string& repo_url,
                         const absl::Status& failure) {
  const Metadata metadata = MetadataOf(failure);
  const auto status = metadata.find("http_status");
  if (ReasonOf(failure) != Reason::kRepoNotFound || status == metadata.end() ||
      status->second != "404" ||
      // Which has both.
      absl::StartsWith(repo_url, "https://github.com/") ||
      absl::EndsWith(repo_url, kGitSuffix)) {
    return "";
  }
  return absl::StrCat(absl::StripSuffix(repo_url, "/"), kGitSuffix);
}

absl::Status CheckGitResponse(const HttpResponse& response,
                              const std::string& repo_url,
                              absl::string_view media_type) {
  const int status = response.status;
  if (status == 401 || status == 404 || status == 410) {
    const std::string shown = RedactUrl(repo_url);
    return ReasonError(
        Reason::kRepoNotFound,
        absl::StrCat(shown, " does not exist, or is private (HTTP ", status,
                     "); check the name"),
        {{"url", shown}, {"http_status", absl::StrCat(status)}});
  }
  if (status != 200) {
    return ErrorOfResponse(response, repo_url, Reason::kRepoNotFound);
  }
  auto type = response.headers.find("content-type");
  const std::string found = type == response.headers.end() ? "" : type->second;
  if (absl::StartsWith(found, media_type)) return absl::OkStatus();
  return GitUnavailable(
      repo_url, "protocol",
      absl::StrCat("no git repository answers there, but ",
                   found.empty()
                       ? "something without a type"
                       : absl::StrCat("a page of type ", LogQuote(found)),
                   "; check the name"));
}

}  // namespace hubd
