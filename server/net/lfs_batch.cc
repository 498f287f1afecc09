#include "server/net/lfs_batch.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "hubd/net/v1/lfs.pb.h"
#include "server/base/log.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr char kPath[] = ".git/info/lfs/objects/batch";
constexpr char kMediaType[] = "application/vnd.git-lfs+json";
constexpr size_t kMaxAnswer = 4 << 20;
constexpr int kHttpOk = 200;

// What a server may not say of a request: how it is sent is the transport's.
constexpr absl::string_view kOwnHeaders[] = {
    "accept-encoding", "connection", "content-length",    "expect", "host",
    "keep-alive",      "range",      "transfer-encoding", "te",     "trailer",
    "upgrade",         "user-agent"};

absl::Status NoAnswer(absl::string_view url, absl::string_view why) {
  const std::string shown = RedactUrl(url);
  return ReasonError(
      Reason::kUpstreamUnavailable,
      absl::StrCat("cannot use what ", shown, " answers: ", why,
                   "; try again later, or tell the host's owner"),
      {{"url", shown}, {"cause", "protocol"}});
}

class AnswerHandler final : public HttpHandler {
 public:
  explicit AnswerHandler(std::string url) : url_(std::move(url)) {}

  absl::Status OnResponse(const HttpResponse& response) override {
    if (response.status != kHttpOk) return ErrorOfLfsResponse(response, url_);
    from_public_ = response.from_public;
    auto type = response.headers.find("content-type");
    if (type != response.headers.end() &&
        absl::StrContains(absl::AsciiStrToLower(type->second), "json")) {
      return absl::OkStatus();
    }
    const std::string shown = RedactUrl(url_);
    return ReasonError(Reason::kCheckpointNotFound,
                       absl::StrCat("no LFS server answers at ", shown,
                                    ", but something that sends no JSON"),
                       {{"url", shown}});
  }

  absl::Status OnBody(absl::string_view bytes) override {
    if (body_.size() + bytes.size() > kMaxAnswer) {
      return NoAnswer(url_, "it is over 4 MiB");
    }
    body_.append(bytes.data(), bytes.size());
    return absl::OkStatus();
  }

  const std::string& body() const { return body_; }
  bool from_public() const { return from_public_; }

 private:
  const std::string url_;
  std::string body_;
  bool from_public_ = false;
};

// Digests and numbers only: nothing has to be escaped.
std::string Question(const std::vector<LfsObject>& objects) {
  const auto one = [](std::string* out, const LfsObject& object) {
    absl::StrAppend(out, R"({"oid":")", object.oid, R"(","size":)",
                    object.size_bytes, "}");
  };
  return absl::StrCat(R"({"operation":"download","transfers":["basic"],)",
                      R"("hash_algo":"sha256","objects":[)",
                      absl::StrJoin(objects, ",", one), "]}");
}

bool IsToken(absl::string_view name) {
  constexpr absl::string_view kMore = "!#$%&'*+-.^_`|~";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return absl::ascii_isalnum(c) || kMore.find(c) != absl::string_view::npos;
  });
}

// The header as it is sent; empty where it is not the server's to give. A line
// break in it would be a header, or a request, of its own.
absl::StatusOr<std::string> HeaderLine(absl::string_view url,
                                       const std::string& name,
                                       const std::string& value) {
  const bool clean = std::none_of(value.begin(), value.end(), [](char c) {
    return absl::ascii_iscntrl(c);
  });
  if (!IsToken(name) || !clean) {
    return NoAnswer(url, "a header that it names cannot be sent");
  }
  const std::string lower = absl::AsciiStrToLower(name);
  const bool own = std::find(std::begin(kOwnHeaders), std::end(kOwnHeaders),
                             lower) != std::end(kOwnHeaders);
  if (own || value.empty() || absl::StartsWith(lower, "proxy-")) return "";
  return absl::StrCat(name, ": ", value);
}

// What the server says of one object.
absl::StatusOr<HttpRequest> DownloadOf(const net::v1::LfsBatchObject& object,
                                       absl::string_view url,
                                       bool from_public) {
  if (object.has_error()) {
    HttpResponse response;
    response.status =
        static_cast<int>(std::clamp<int64_t>(object.error().code(), 0, 999));
    return ErrorOfLfsResponse(response, url);
  }
  if (object.actions().download().href().empty()) {
    return ReasonError(Reason::kCheckpointNotFound,
                       absl::StrCat(RedactUrl(url), " names no download of it"),
                       {{"url", RedactUrl(url)}});
  }
  const net::v1::LfsBatchAction& action = object.actions().download();
  HttpRequest request;
  request.url = action.href();
  request.from_public = from_public;
  for (const auto& [name, value] : action.header()) {
    HUBD_ASSIGN_OR_RETURN(std::string line, HeaderLine(url, name, value));
    if (!line.empty()) request.headers.push_back(std::move(line));
  }
  return request;
}

absl::StatusOr<net::v1::LfsBatch> ParseAnswer(absl::string_view url,
                                              const std::string& body) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  net::v1::LfsBatch batch;
  if (!google::protobuf::util::JsonStringToMessage(body, &batch, options)
           .ok()) {
    return NoAnswer(url, "it is no JSON of an LFS server");
  }
  if (!batch.transfer().empty() && batch.transfer() != "basic") {
    return NoAnswer(url, "it names a way of transfer that was not asked for");
  }
  return batch;
}

}  // namespace

absl::StatusOr<std::vector<absl::StatusOr<HttpRequest>>> AskLfsBatch(
    HttpTransport& http, const std::string& repo_url,
    const std::vector<LfsObject>& objects, const std::stop_token& stop) {
  HttpRequest request;
  request.method = "POST";
  request.post_again = true;
  request.url = absl::StrCat(repo_url, kPath);
  request.headers = {absl::StrCat("Accept: ", kMediaType),
                     absl::StrCat("Content-Type: ", kMediaType)};
  request.body = Question(objects);
  AnswerHandler handler(request.url);
  HUBD_RETURN_IF_ERROR(http.Fetch(request, handler, stop));
  HUBD_ASSIGN_OR_RETURN(const net::v1::LfsBatch batch,
                        ParseAnswer(request.url, handler.body()));
  std::map<std::string, const net::v1::LfsBatchObject*> known;
  for (const net::v1::LfsBatchObject& object : batch.objects()) {
    known[object.oid()] = &object;
  }
  std::vector<absl::StatusOr<HttpRequest>> downloads;
  for (const LfsObject& object : objects) {
    auto found = known.find(object.oid);
    downloads.push_back(
        found == known.end()
            ? NoAnswer(request.url, "it leaves out what was asked for")
            : DownloadOf(*found->second, request.url, handler.from_public()));
  }
  return downloads;
}

absl::Status ErrorOfLfsResponse(const HttpResponse& response,
                                absl::string_view url) {
  absl::Status status =
      ErrorOfResponse(response, url, Reason::kCheckpointNotFound);
  const int code = response.status;
  const bool for_good =
      code == 501 || (code >= 400 && code < 500 && code != 408 && code != 425);
  if (!for_good || ReasonOf(status) != Reason::kUpstreamUnavailable) {
    return status;
  }
  return ReasonError(Reason::kCheckpointNotFound, status.message(),
                     MetadataOf(status));
}

bool IsLfsRefusal(const absl::Status& status) {
  const std::optional<Reason> reason = ReasonOf(status);
  return reason == Reason::kCheckpointNotFound ||
         reason == Reason::kUpstreamForbidden ||
         reason == Reason::kUrlNotAllowed || reason == Reason::kInvalidUrl;
}

}  // namespace hubd
