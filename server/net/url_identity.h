// Which object a URL names, whoever signed the URL.

#ifndef HUBD_SERVER_NET_URL_IDENTITY_H_
#define HUBD_SERVER_NET_URL_IDENTITY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace hubd {

// The URL without what signing adds to its query, so that a URL that is signed
// anew names the same object: presigned URLs of S3 and of what speaks as S3
// does, of Google Cloud Storage and CDN, Alibaba's OSS, Tencent's COS, Huawei's
// OBS and CloudFront, Azure's SAS. A token in the query by one of the usual
// names, which may be what the object is known by, stays as its digest. Any
// other URL as it is. A pure function of any bytes, and of what it gave.
//
// A signature is a credential, which runs out, and a token is one: what is
// kept, shown or compared of a URL is its identity; only a request has the
// rest.
std::string UrlIdentity(absl::string_view url);

// Whether the URL has such a signature.
bool IsSignedUrl(absl::string_view url);

// Whether another signature, or one at all, may get what a request for the same
// object did not get: the host itself refused it (HTTP 4xx), and not for a rate
// limit. Hosts answer a bad signature with 403, 400 or 404.
bool MayDependOnSignature(const absl::Status& failure);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_URL_IDENTITY_H_
