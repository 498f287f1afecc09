// Logins from a netrc file, by libcurl's own parser. Part of CurlHop.

#ifndef HUBD_SERVER_NET_CURL_NETRC_H_
#define HUBD_SERVER_NET_CURL_NETRC_H_

#include <curl/curl.h>

#include <string>

namespace hubd {

// Makes the next transfer on `easy` show what `file` has for its host, if it
// has something; `used` becomes whether it did. `used` must outlive the
// transfer.
void UseNetrc(CURL* easy, const std::string& file, bool& used);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_CURL_NETRC_H_
