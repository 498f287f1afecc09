#include "server/net/git_remote.h"

#include <git2.h>
#include <git2/sys/transport.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/net/caller_http.h"
#include "server/net/git_response.h"
#include "server/net/git_tunnel.h"

namespace hubd {
namespace {

constexpr char kPeeled[] = "^{}";
// What begins an advertisement over HTTP, and there only.
constexpr char kServiceLine[] = "001e# service=git-upload-pack\n0000";

// Keeps the body of an advertisement. Refuses everything else at its headers.
class AdvertisementBody final : public HttpHandler {
 public:
  AdvertisementBody(std::string repo_url, int64_t max_bytes)
      : repo_url_(std::move(repo_url)), max_bytes_(max_bytes) {}

  absl::Status OnResponse(const HttpResponse& response) override;
  absl::Status OnBody(absl::string_view bytes) override;

  const std::string& bytes() const { return bytes_; }
  // The URL that answered.
  const std::string& answered() const { return answered_; }

 private:
  const std::string repo_url_;
  const int64_t max_bytes_;
  std::string bytes_;
  std::string answered_;
};

absl::Status AdvertisementBody::OnResponse(const HttpResponse& response) {
  answered_ = response.effective_url;
  return CheckGitResponse(response, repo_url_, kGitAdvertisementType);
}

absl::Status AdvertisementBody::OnBody(absl::string_view bytes) {
  if (static_cast<int64_t>(bytes_.size() + bytes.size()) > max_bytes_) {
    return GitUnavailable(
        repo_url_, "protocol",
        absl::StrCat("its list of refs is over ", max_bytes_, " bytes"));
  }
  bytes_.append(bytes.data(), bytes.size());
  return absl::OkStatus();
}

// libgit2 asks for bytes through these two structs of C functions. They live on
// the stack of ListRefs, longer than the git_remote that uses them, so that
// freeing them is nothing; an error of the transport is kept here as it was.
struct Session : git_smart_subtransport {
  explicit Session(AdvertisementBody body) : body(std::move(body)) {}

  // Fills the body.
  std::function<absl::Status()> ask;
  HttpRequest request;
  absl::Status status;
  AdvertisementBody body;
  size_t offset = 0;
  git_smart_subtransport_stream stream = {};
};

Session& SessionOf(git_smart_subtransport* transport) {
  return *static_cast<Session*>(transport);
}

int Read(git_smart_subtransport_stream* stream, char* buffer, size_t size,
         size_t* bytes_read) {
  Session& session = SessionOf(stream->subtransport);
  absl::string_view rest = session.body.bytes();
  rest.remove_prefix(session.offset);
  *bytes_read = std::min(size, rest.size());
  std::memcpy(buffer, rest.data(), *bytes_read);
  session.offset += *bytes_read;
  return 0;
}

int RefuseWrite(git_smart_subtransport_stream*, const char*, size_t) {
  return GIT_EUSER;
}

int Act(git_smart_subtransport_stream** out, git_smart_subtransport* transport,
        const char*, git_smart_service_t action) {
  Session& session = SessionOf(transport);
  if (action != GIT_SERVICE_UPLOADPACK_LS) return GIT_EUSER;
  session.status = session.ask();
  if (!session.status.ok()) return GIT_EUSER;
  session.stream.subtransport = transport;
  session.stream.read = Read;
  session.stream.write = RefuseWrite;
  session.stream.free = [](git_smart_subtransport_stream*) {};
  *out = &session.stream;
  return 0;
}

int CreateSubtransport(git_smart_subtransport** out, git_transport*,
                       void* session) {
  *out = static_cast<Session*>(session);
  return 0;
}

int CreateTransport(git_transport** out, git_remote* owner, void* definition) {
  return git_transport_smart(out, owner, definition);
}

struct FreeRemote {
  void operator()(git_remote* remote) const { git_remote_free(remote); }
};
using Remote = std::unique_ptr<git_remote, FreeRemote>;

std::string LastGitError() {
  const git_error* error = git_error_last();
  return error == nullptr ? "unknown error" : absl::CEscape(error->message);
}

bool IsBranchOrTag(absl::string_view name) {
  int valid = 0;
  return (absl::StartsWith(name, "refs/heads/") ||
          absl::StartsWith(name, "refs/tags/")) &&
         git_reference_name_is_valid(&valid, std::string(name).c_str()) == 0 &&
         valid == 1;
}

Advertisement ToAdvertisement(const git_remote_head* const* heads,
                              size_t count) {
  Advertisement advertisement;
  std::map<std::string, std::string> commits;
  for (size_t i = 0; i < count; ++i) {
    const git_remote_head& head = *heads[i];
    absl::string_view name = head.name;
    if (name == "HEAD" && head.symref_target != nullptr &&
        IsBranchOrTag(head.symref_target)) {
      advertisement.head = head.symref_target;
    }
    // What a tag object stands for follows the tag and replaces it.
    absl::ConsumeSuffix(&name, kPeeled);
    if (!IsBranchOrTag(name)) continue;
    char hex[GIT_OID_HEXSZ + 1] = "";
    git_oid_tostr(hex, sizeof(hex), &head.oid);
    commits[std::string(name)] = hex;
  }
  for (auto& [name, commit] : commits) {
    advertisement.refs.push_back({name, commit});
  }
  return advertisement;
}

// The repository whose advertisement came from `answered`; empty where that is
// `asked`, or nothing that can be told from its address.
std::string MovedTo(absl::string_view answered, absl::string_view asked) {
  if (answered == asked ||
      !absl::ConsumeSuffix(&answered, kGitAdvertisementPath))
    return "";
  return std::string(answered);
}

HttpRequest MakeRequest(const std::string& url,
                        const GitRemoteOptions& options) {
  HttpRequest request;
  request.url =
      absl::StrCat(absl::StripSuffix(url, "/"), kGitAdvertisementPath);
  request.headers = {absl::StrCat("Accept: ", kGitAdvertisementType),
                     "Pragma: no-cache"};
  request.timeout = options.timeout;
  request.connect_timeout = options.connect_timeout;
  request.answer_timeout = options.connect_timeout;
  return request;
}

class Libgit2Remote final : public GitRemote {
 public:
  Libgit2Remote(HttpTransport& http, GitRemoteOptions options)
      : http_(http), options_(options) {}

  absl::StatusOr<Advertisement> ListRefs(const GitSource& source,
                                         std::stop_token stop) override;

 private:
  absl::StatusOr<Advertisement> ListRefsAt(const GitSource& source,
                                           const std::stop_token& stop);

  HttpTransport& http_;
  const GitRemoteOptions options_;
};

absl::Status AskByTunnel(const GitSource& source,
                         const GitRemoteOptions& options,
                         AdvertisementBody& body, const std::stop_token& stop) {
  GitRelayOptions relay;
  relay.connect_timeout = options.connect_timeout;
  relay.max_bytes = options.max_bytes;
  HUBD_ASSIGN_OR_RETURN(
      const std::string text,
      TunnelAdvertisement(source, relay, absl::Now() + options.timeout, stop));
  HUBD_RETURN_IF_ERROR(body.OnBody(kServiceLine));
  return body.OnBody(text);
}

absl::StatusOr<Advertisement> Libgit2Remote::ListRefs(const GitSource& source,
                                                      std::stop_token stop) {
  absl::StatusOr<Advertisement> listed = ListRefsAt(source, stop);
  const std::string other = OtherAddress(source.url, listed.status());
  if (other.empty()) return listed;
  GitSource elsewhere = source;
  elsewhere.url = other;
  absl::StatusOr<Advertisement> there = ListRefsAt(elsewhere, stop);
  return there.ok() ? there : listed;
}

absl::StatusOr<Advertisement> Libgit2Remote::ListRefsAt(
    const GitSource& source, const std::stop_token& stop) {
  const std::string& url = source.url;
  Session session(AdvertisementBody(url, options_.max_bytes));
  session.action = Act;
  session.close = [](git_smart_subtransport*) { return 0; };
  session.free = [](git_smart_subtransport*) {};
  CallerHttp http(http_, source, options_.credentials);
  session.request = MakeRequest(url, options_);
  session.ask = [&] {
    return IsTunnelled(url) ? AskByTunnel(source, options_, session.body, stop)
                            : http.Fetch(session.request, session.body, stop);
  };

  git_smart_subtransport_definition definition = {CreateSubtransport, 1,
                                                  &session};
  git_remote_callbacks callbacks;
  git_remote_init_callbacks(&callbacks, GIT_REMOTE_CALLBACKS_VERSION);
  callbacks.transport = CreateTransport;
  callbacks.payload = &definition;
  git_remote* made = nullptr;
  if (git_remote_create_detached(&made, url.c_str()) != 0) {
    return absl::InternalError(
        absl::StrCat("cannot ask ", RedactUrl(url), ": ", LastGitError()));
  }
  Remote remote(made);
  const git_remote_head** heads = nullptr;
  size_t count = 0;
  const int code = git_remote_connect(made, GIT_DIRECTION_FETCH, &callbacks,
                                      nullptr, nullptr);
  HUBD_RETURN_IF_ERROR(session.status);
  if (code != 0 || git_remote_ls(&heads, &count, made) != 0) {
    return GitUnavailable(url, "protocol",
                          absl::StrCat("what it answers is no list of refs (",
                                       LastGitError(), ")"));
  }
  Advertisement advertisement = ToAdvertisement(heads, count);
  advertisement.moved_to =
      MovedTo(session.body.answered(), session.request.url);
  return advertisement;
}

}  // namespace

std::unique_ptr<GitRemote> CreateGitRemote(HttpTransport& http,
                                           GitRemoteOptions options) {
  static const int initialised = git_libgit2_init();
  HUBD_CHECK(initialised > 0);
  return std::make_unique<Libgit2Remote>(http, options);
}

}  // namespace hubd
