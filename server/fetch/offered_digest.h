// The SHA-256 that a server says its object has.

#ifndef HUBD_SERVER_FETCH_OFFERED_DIGEST_H_
#define HUBD_SERVER_FETCH_OFFERED_DIGEST_H_

#include <optional>
#include <string>

#include "server/net/http_transport.h"

namespace hubd {

struct OfferedDigest {
  // 64 lower-case hex digits.
  std::string sha256;
  // Who says it: "Repr-Digest of models.example.org".
  std::string by;

  bool operator==(const OfferedDigest&) const = default;
};

struct Offer {
  // nullopt: none, or none that can be relied on.
  std::optional<OfferedDigest> digest;
  // Two of one host that contradict each other, a sentence; none of them is
  // taken then.
  std::string warning;
};

// What the response to a request for `url` offers of the whole object, as it is
// without a Content-Encoding; of a response with one only what stands on the
// redirect to it:
//   Repr-Digest            RFC 9530, its sha-256; of the final response
//   x-amz-checksum-sha256  of a final response that brings the whole object, a
//                          206 too, where it is no checksum of the checksums
//                          of parts (S3 may give a range's own)
//   x-linked-etag          Hugging Face's, with x-linked-size: of a host that
//                          was asked over https, before it redirects to
//                          another, which is not believed about it, and
//                          cannot gainsay it
// What is malformed counts as absent. A pure function of any headers.
Offer OfferOf(const std::string& url, const HttpResponse& response);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_OFFERED_DIGEST_H_
