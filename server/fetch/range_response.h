// What an HTTP response says of the object that it brings, or brings a range
// of.

#ifndef HUBD_SERVER_FETCH_RANGE_RESPONSE_H_
#define HUBD_SERVER_FETCH_RANGE_RESPONSE_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "server/fetch/part_plan.h"
#include "server/net/http_transport.h"

namespace hubd {

// Cut where it is longer than any that means something.
std::string ContentTypeOf(const HttpResponse& response);

// What tells the object from others of the same URL, as If-Range takes it:
// a strong ETag, else the date of the last change, which does so a minute later
// (RFC 9110, 8.8.2.2). Empty where there is nothing of the kind.
std::string ValidatorOf(const HttpResponse& response);

// Whether the response is about the object that has the validator.
bool HasValidator(const HttpResponse& response, const std::string& validator);

// Which bytes a 206 brings, and of how many.
struct ContentRange {
  ByteRange range;
  int64_t size = 0;

  bool operator==(const ContentRange&) const = default;
};

// nullopt where the response does not say so, says what cannot be, announces
// another length, or brings the bytes encoded.
std::optional<ContentRange> ContentRangeOf(const HttpResponse& response);

// Whether a server, or one in between, says by its status that it does not give
// this range: without one it may give all.
bool RefusesRange(const HttpResponse& response);

// Whether the status of an answer to a range of what is there may mean the
// same, or something that passes.
bool MayRefuseRange(const HttpResponse& response);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_RANGE_RESPONSE_H_
