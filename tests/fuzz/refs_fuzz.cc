// Advertisements of git hosts: read, kept as a record, asked for refs.
//
// The first byte is "p" for the lines of an advertisement, to each of which the
// length is added that git wants ("0000" stands for itself), anything else for
// the bytes as they are. "%" in a line stands for a NUL.

#include <algorithm>
#include <cstdint>
#include <stop_token>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "server/base/status.h"
#include "server/fetch/ref_rules.h"
#include "server/net/git_remote.h"
#include "server/store/record.h"
#include "tests/fuzz/clean_text.h"
#include "tests/testing/fake_http_transport.h"

namespace hubd {
namespace {

constexpr char kUrl[] = "https://example.com/o/r";
constexpr char kMediaType[] = "application/x-git-upload-pack-advertisement";

std::string WithLengths(absl::string_view text) {
  std::string body;
  for (const absl::string_view part : absl::StrSplit(text, '\n')) {
    std::string line(part);
    std::replace(line.begin(), line.end(), '%', '\0');
    if (line == "0000") {
      body += line;
    } else {
      absl::StrAppendFormat(&body, "%04x", (line.size() + 5) & 0xffff);
      absl::StrAppend(&body, line, "\n");
    }
  }
  return body;
}

bool IsHex40(absl::string_view text) {
  return text.size() == 40 &&
         text.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
}

void CheckAdvertisement(const Advertisement& advertisement) {
  std::string last;
  for (const AdvertisedRef& ref : advertisement.refs) {
    HUBD_CHECK(absl::StartsWith(ref.name, "refs/heads/") ||
               absl::StartsWith(ref.name, "refs/tags/"));
    HUBD_CHECK(IsHex40(ref.commit));
    HUBD_CHECK(last < ref.name);
    last = ref.name;
  }
}

void CheckRecord(const Advertisement& advertisement) {
  RefsObject refs;
  refs.repo = {"example.com", "o", "r"};
  refs.advertisement = advertisement;
  refs.asked_at = absl::UnixEpoch();
  const absl::StatusOr<RefsObject> back =
      DecodeRecord<RefsObject>(EncodeRecord(refs));
  HUBD_CHECK(back.ok() && *back == refs);
}

// Every ref that is there is found by its full name; what is found is there.
void CheckRefRules(const Advertisement& advertisement) {
  RepoSpec spec;
  spec.id = {"example.com", "o", "r"};
  for (const AdvertisedRef& ref : advertisement.refs) {
    spec.ref = ref.name;
    const auto found =
        ResolveRef(spec, DefaultRef::kHead, false, advertisement);
    HUBD_CHECK(found.ok() && IsHex40(found->commit));
  }
  for (const char* ref : {"", "main", "v1", "refs/heads/main", "abcd"}) {
    spec.ref = ref;
    for (const DefaultRef rule : {DefaultRef::kHead, DefaultRef::kMaster,
                                  DefaultRef::kMainElseMaster}) {
      const auto found = ResolveRef(spec, rule, false, advertisement);
      if (found.ok()) {
        HUBD_CHECK(IsHex40(found->commit) && !found->ref.empty());
      } else {
        HUBD_CHECK(ReasonOf(found.status()) == Reason::kRefNotFound);
      }
    }
  }
}

void Check(absl::string_view input) {
  const bool lines = absl::StartsWith(input, "p");
  const std::string body =
      lines ? WithLengths(input.substr(1)) : std::string(input);
  FakeHttpTransport http;
  http.Serve(absl::StrCat(kUrl, "/info/refs?service=git-upload-pack"), body,
             {{"content-type", kMediaType}});
  const absl::StatusOr<Advertisement> advertisement =
      CreateGitRemote(http, {})->ListRefs({kUrl}, std::stop_token());
  if (!advertisement.ok()) {
    HUBD_CHECK(ReasonOf(advertisement.status()) ==
               Reason::kUpstreamUnavailable);
    HUBD_CHECK(IsCleanError(advertisement.status()));
    return;
  }
  CheckAdvertisement(*advertisement);
  CheckRecord(*advertisement);
  CheckRefRules(*advertisement);
}

}  // namespace
}  // namespace hubd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  hubd::Check({reinterpret_cast<const char*>(data), size});
  return 0;
}
