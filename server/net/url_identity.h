// Which object a URL names, whoever signed the URL.

#ifndef HUBD_SERVER_NET_URL_IDENTITY_H_
#define HUBD_SERVER_NET_URL_IDENTITY_H_

#include <string>

#include "absl/strings/string_view.h"

namespace hubd {

// The URL without what signing adds to its query, so that a URL that is signed
// anew names the same object: presigned URLs of S3 and of what speaks as S3
// does, of Google Cloud Storage, Alibaba's OSS and CloudFront, and Azure's SAS.
// Any other URL as it is. A pure function of any bytes.
//
// A signature is a credential, which runs out: what is kept, shown or compared
// of a URL is its identity; only a request has the rest.
std::string UrlIdentity(absl::string_view url);

// Whether the URL has such a signature.
bool IsSignedUrl(absl::string_view url);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_URL_IDENTITY_H_
