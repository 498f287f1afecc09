#include "server/net/curl_netrc.h"

#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "server/base/status.h"

namespace hubd {
namespace {

// Looks at the headers that curl sends, since it does not say whether the file
// had something. Nothing of what it is shown is kept or logged.
int OnDebug(CURL*, curl_infotype type, char* bytes, size_t size, void* used) {
  if (type == CURLINFO_HEADER_OUT &&
      absl::StrContains(absl::string_view(bytes, size), "\nAuthorization:")) {
    *static_cast<bool*>(used) = true;
  }
  return 0;
}

}  // namespace

void UseNetrc(CURL* easy, const std::string& file, bool& used) {
  const auto set = [easy](CURLoption option, auto value) {
    HUBD_CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
  };
  used = false;
  set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_OPTIONAL));
  set(CURLOPT_NETRC_FILE, file.c_str());
  set(CURLOPT_VERBOSE, 1L);
  set(CURLOPT_DEBUGFUNCTION, OnDebug);
  set(CURLOPT_DEBUGDATA, static_cast<void*>(&used));
}

}  // namespace hubd
