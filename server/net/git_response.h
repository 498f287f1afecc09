// What a git host's answers over HTTP mean, as far as headers tell.

#ifndef HUBD_SERVER_NET_GIT_RESPONSE_H_
#define HUBD_SERVER_NET_GIT_RESPONSE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/net/http_transport.h"

namespace hubd {

inline constexpr char kGitAdvertisementPath[] =
    "/info/refs?service=git-upload-pack";
inline constexpr char kGitAdvertisementType[] =
    "application/x-git-upload-pack-advertisement";

// OK where `response` is one of git, of the media type that is asked for. Else
// REPO_NOT_FOUND (404, 410, and 401 as GitHub answers for what is not there and
// for what is private), those of ErrorOfResponse, or GitUnavailable.
absl::Status CheckGitResponse(const HttpResponse& response,
                              const std::string& repo_url,
                              absl::string_view media_type);

// UPSTREAM_UNAVAILABLE: "cannot read REPO_URL by git: WHY". `cause` as
// HttpTransport's.
absl::Status GitUnavailable(absl::string_view repo_url, absl::string_view cause,
                            absl::string_view why);

// Some hosts have a repository under NAME.git alone. That address, where
// `failure` of CheckGitResponse says that `repo_url` is none (404); else empty.
std::string OtherAddress(const std::string& repo_url,
                         const absl::Status& failure);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_GIT_RESPONSE_H_
