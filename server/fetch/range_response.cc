#include "server/fetch/range_response.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace hubd {
namespace {

constexpr size_t kMaxContentType = 1024;
// Longer validators are taken for absent.
constexpr size_t kMaxValidator = 1024;

absl::Time TimeOf(const std::string& date) {
  absl::Time time;
  const bool read = absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", date, &time,
                                    /*err=*/nullptr);
  return read ? time : absl::InfinitePast();
}

// A row of digits: neither a sign nor a blank, which SimpleAtoi takes.
bool ReadNumber(absl::string_view text, int64_t& number) {
  return text.find_first_not_of("0123456789") == text.npos &&
         absl::SimpleAtoi(text, &number);
}

}  // namespace

std::string ContentTypeOf(const HttpResponse& response) {
  return HeaderOf(response, "content-type").substr(0, kMaxContentType);
}

std::string ValidatorOf(const HttpResponse& response) {
  const std::string etag = HeaderOf(response, "etag");
  if (!etag.empty()) {
    const bool strong =
        etag.size() <= kMaxValidator && absl::StartsWith(etag, "\"");
    return strong ? etag : "";
  }
  const std::string changed = HeaderOf(response, "last-modified");
  const absl::Time time = TimeOf(changed);
  if (time == absl::InfinitePast()) return "";
  const absl::Duration age = TimeOf(HeaderOf(response, "date")) - time;
  return age >= absl::Minutes(1) ? changed : "";
}

bool HasValidator(const HttpResponse& response, const std::string& validator) {
  const bool is_etag = absl::StartsWith(validator, "\"");
  return HeaderOf(response, is_etag ? "etag" : "last-modified") == validator;
}

std::optional<ContentRange> ContentRangeOf(const HttpResponse& response) {
  if (IsEncoded(response)) return std::nullopt;
  const std::string header = HeaderOf(response, "content-range");
  absl::string_view text = header;
  if (!absl::ConsumePrefix(&text, "bytes ")) return std::nullopt;
  const std::pair<absl::string_view, absl::string_view> halves =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  const std::pair<absl::string_view, absl::string_view> ends =
      absl::StrSplit(halves.first, absl::MaxSplits('-', 1));
  int64_t first;
  int64_t last;
  int64_t size;
  if (!ReadNumber(ends.first, first) || !ReadNumber(ends.second, last) ||
      !ReadNumber(halves.second, size) || first > last || last >= size) {
    return std::nullopt;
  }
  const ContentRange range{{first, last + 1}, size};
  const int64_t length = response.content_length;
  if (length >= 0 && length != last + 1 - first) return std::nullopt;
  return range;
}

bool RefusesRange(const HttpResponse& response) {
  const int status = response.status;
  return status == 400 || status == 412 || status == 416 || status == 501;
}

bool MayRefuseRange(const HttpResponse& response) {
  const int status = response.status;
  return status >= 400 && status < 500 && status != 401 && status != 404 &&
         status != 410 && !IsRateLimit(response);
}

}  // namespace hubd
