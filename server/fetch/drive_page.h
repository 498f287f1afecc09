// Google Drive's pages, which come in place of a file, with HTTP 200.

#ifndef HUBD_SERVER_FETCH_DRIVE_PAGE_H_
#define HUBD_SERVER_FETCH_DRIVE_PAGE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/net/http_transport.h"

namespace hubd {

// What a page that `url`, of Google Drive, gave in place of a file's bytes is,
// and the way out: UPSTREAM_FORBIDDEN where it asks for a sign-in, else
// UPSTREAM_UNAVAILABLE with the cause `page`. OK for all else: other hosts, and
// a file, even if it holds a page, and what docs.google.com shows beside /uc.
// `first_bytes` are those of the body.
absl::Status CheckDrivePage(const std::string& url,
                            const HttpResponse& response,
                            absl::string_view first_bytes);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_DRIVE_PAGE_H_
