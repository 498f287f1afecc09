#include "server/fetch/checkpoint_operation.h"

#include <fcntl.h>

#include <cerrno>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/digest.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/fetch/archive.h"
#include "server/fetch/checkpoint_flight.h"
#include "server/fetch/checkpoint_judgement.h"
#include "server/fetch/first_bytes.h"
#include "server/fetch/imported_checkpoint.h"
#include "server/net/network_route.h"
#include "server/net/url_identity.h"
#include "server/net/url_policy.h"

namespace hubd {
namespace {

// Names the URL, which the flight, shared by all URLs of the same bytes,
// cannot.
absl::Status UnpackError(const absl::Status& why, const std::string& url) {
  absl::Status error =
      ReasonOf(why) == Reason::kBadArchive
          ? ReasonError(
                Reason::kBadArchive,
                absl::StrCat(why.message(), "; the file can be had as it is"))
          : why;
  return Annotate(error, absl::StrCat("cannot unpack ", RedactUrl(url)));
}

// What there is to know about unpacking.
struct Contents {
  bool is_zip = false;
  std::optional<UnpackedObject> unpacked;
};

absl::StatusOr<Contents> LookUpContents(const FetchContext& context,
                                        const CheckpointObject& checkpoint) {
  UniqueFd blob(::open(checkpoint.path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!blob.valid()) {
    return ErrnoError(errno, absl::StrCat("cannot open ", checkpoint.path));
  }
  Contents contents;
  contents.is_zip = LooksLikeZip(blob.get());
  if (contents.is_zip) {
    HUBD_ASSIGN_OR_RETURN(contents.unpacked,
                          context.parts.store.FindUnpacked(checkpoint.sha256));
  }
  return contents;
}

absl::Status OfflineMiss(const std::string& asked) {
  const std::string url = RedactUrl(asked);
  return ReasonError(
      Reason::kOfflineMiss,
      absl::StrCat("cannot fetch ", url,
                   " offline: it is not cached; call it once with the network"),
      {{"url", url}});
}

// Of a failed flight: the URL that it asked and the network by which it did,
// each as a digest. Who joined it may have others.
constexpr char kAskedUrl[] = "hubd/asked_url";
constexpr char kNetwork[] = "hubd/network";

absl::StatusOr<Fetched> FetchAndTell(const FetchContext& context,
                                     const std::string& url, bool refresh,
                                     FlightTable::Context& flight) {
  absl::StatusOr<Fetched> fetched = FetchUrl(context, url, refresh, flight);
  if (fetched.ok()) return fetched;
  absl::Status failure = fetched.status();
  // From views: of strings, clang and the packaged absl have other symbols.
  const std::string digest = Sha256Hex(url);
  const std::string network = NetworkKey(context.network);
  failure.SetPayload(kAskedUrl, absl::Cord(absl::string_view(digest)));
  failure.SetPayload(kNetwork, absl::Cord(absl::string_view(network)));
  return failure;
}

// Whether the flight failed by what this caller has otherwise: the signature
// that it showed, or the network.
bool IsByAnother(const absl::Status& failure, const FetchContext& context,
                 const std::string& url) {
  const auto asked = failure.GetPayload(kAskedUrl);
  const auto network = failure.GetPayload(kNetwork);
  if (!asked || !network || absl::IsCancelled(failure)) return false;
  return (MayDependOnSignature(failure) && *asked != Sha256Hex(url)) ||
         *network != NetworkKey(context.network);
}

// What the store has for the request: what the URL gave; else what an imported
// cache had under its name, where that is known to be it or, offline, nothing
// else is to be had. Who does not take that one is not told of it.
absl::StatusOr<std::optional<Fetched>> LookUpStored(
    const FetchContext& context, const CheckpointRequest& request) {
  Store& store = context.parts.store;
  HUBD_ASSIGN_OR_RETURN(
      std::optional<CheckpointObject> known,
      store.FindCheckpoint(kSharedDomain, UrlIdentity(request.url)));
  Fetched hit;
  hit.cached = true;
  if (known) {
    if (!absl::StartsWith(known->sha256, request.sha256_prefix)) {
      hit.content = NameFile(known->path);
    }
    hit.object = *std::move(known);
    return hit;
  }
  HUBD_ASSIGN_OR_RETURN(std::optional<ImportedCheckpoint> import,
                        LookUpImportedCheckpoint(store, request));
  if (!import || !(import->proven || request.offline) ||
      !JudgeCheckpoint(request.sha256_prefix, request.reject_pages,
                       import->checkpoint)
           .ok()) {
    return std::nullopt;
  }
  hit.object = std::move(import->checkpoint);
  if (!import->proven) hit.warnings.push_back(std::move(import->warning));
  return hit;
}

}  // namespace

std::optional<CheckpointResult> LookUpCheckpoint(
    const FetchContext& context, const CheckpointRequest& request) {
  if (request.refresh && !request.offline) return std::nullopt;
  if (!context.parts.policy.CheckCheckpointUrl(request.url).ok())
    return std::nullopt;
  absl::StatusOr<std::optional<Fetched>> found = LookUpStored(context, request);
  if (!found.ok() || !*found) return std::nullopt;
  const auto& checkpoint = std::get<CheckpointObject>((*found)->object);
  if (!JudgeCheckpoint(request.sha256_prefix, request.reject_pages, checkpoint)
           .ok()) {
    return std::nullopt;
  }
  // Bytes that are still to be compared with a digest take the long way.
  if (!request.sha256_prefix.empty() &&
      !context.parts.store.IsVerified(checkpoint)) {
    return std::nullopt;
  }
  CheckpointResult result;
  result.checkpoint = checkpoint;
  result.cached = true;
  if (request.sha256_prefix.empty()) result.warnings = (*found)->warnings;
  if (!request.unpack) return result;
  absl::StatusOr<Contents> contents =
      LookUpContents(context, result.checkpoint);
  if (!contents.ok()) return std::nullopt;
  if (!contents->is_zip) return result;
  if (!contents->unpacked) return std::nullopt;
  result.unpacked = *std::move(contents->unpacked);
  return result;
}

std::optional<CheckpointResult> CheckpointInMemory(
    const FetchContext& context, const CheckpointRequest& request) {
  const FetchParts& parts = context.parts;
  if (request.refresh && !request.offline) return std::nullopt;
  // Whether it is an archive is read from the disk.
  if (request.unpack) return std::nullopt;
  if (!parts.policy.CheckCheckpointUrl(request.url).ok()) return std::nullopt;
  std::optional<CheckpointObject> checkpoint =
      parts.store.CheckpointInMemory(kSharedDomain, UrlIdentity(request.url));
  if (!checkpoint ||
      !JudgeCheckpoint(request.sha256_prefix, request.reject_pages, *checkpoint)
           .ok()) {
    return std::nullopt;
  }
  if (!request.sha256_prefix.empty() &&
      !parts.store.IsVerifiedInMemory(*checkpoint)) {
    return std::nullopt;
  }
  CheckpointResult result;
  result.checkpoint = *std::move(checkpoint);
  result.cached = true;
  return result;
}

CheckpointOperation::CheckpointOperation(const FetchContext& context,
                                         CheckpointRequest request,
                                         ProgressFn progress, DoneFn done)
    : Operation(context.For(request.environment), std::move(progress),
                std::move(done)),
      request_(std::move(request)),
      accept_([prefix = request_.sha256_prefix,
               reject_pages = request_.reject_pages](const Fetched& fetched) {
        return JudgeFetched(prefix, reject_pages, fetched);
      }),
      ask_(request_.refresh) {}

void CheckpointOperation::Start() {
  if (absl::Status allowed =
          context().parts.policy.CheckCheckpointUrl(request_.url);
      !allowed.ok()) {
    return FinishLater(allowed);
  }
  using Known = absl::StatusOr<std::optional<Fetched>>;
  LookUp<Known>([this] { return LookUpStored(context(), request_); },
                [this](Known known) { Decide(std::move(known)); });
}

void CheckpointOperation::Decide(absl::StatusOr<std::optional<Fetched>> known) {
  if (!known.ok()) return Finish(known.status());
  if (*known && (!request_.refresh || request_.offline)) {
    const Fetched& hit = **known;
    absl::Status accepted = accept_(hit);
    if (accepted.ok()) return Accept(hit);
    // A page that someone else wanted may have become a checkpoint; bytes of
    // before a lock was brought up to date are those of then.
    const bool is_page = ReasonOf(accepted) != Reason::kDigestMismatch;
    const bool may_change = is_page || request_.locked;
    if (!may_change || request_.offline) return Finish(accepted);
    ask_ = true;
  }
  if (request_.offline) return Finish(OfflineMiss(request_.url));
  Fetch();
}

void CheckpointOperation::Fetch() {
  Join(
      {kSharedDomain, absl::StrCat("url ", UrlIdentity(request_.url))},
      {"checkpoint", RedactUrl(request_.url), HostOf(request_.url)},
      [context = context(), url = request_.url,
       refresh = ask_](FlightTable::Context& flight) {
        return FetchAndTell(context, url, refresh, flight);
      },
      accept_,
      [this](const absl::StatusOr<Fetched>& fetched) {
        if (fetched.ok()) {
          // The flight was someone's who took what was there.
          if (ask_ && !fetched->asked) return Fetch();
          return Accept(*fetched);
        }
        absl::Status failure = fetched.status();
        if (IsByAnother(failure, context(), request_.url)) return Fetch();
        failure.ErasePayload(kAskedUrl);
        failure.ErasePayload(kNetwork);
        FinishFailed(failure);
      });
}

// A silent origin cannot say that an imported file is another one.
void CheckpointOperation::FinishFailed(const absl::Status& failure) {
  if (!IsSilence(failure) || request_.refresh) return Finish(failure);
  using Found = absl::StatusOr<std::optional<ImportedCheckpoint>>;
  LookUp<Found>(
      [this] {
        return LookUpImportedCheckpoint(context().parts.store, request_);
      },
      [this, failure](Found found) {
        if (!found.ok() || !*found) return Finish(failure);
        Fetched hit;
        hit.cached = true;
        hit.warnings = {absl::StrCat((*found)->warning, "; it is used since ",
                                     failure.message())};
        hit.object = std::move((*found)->checkpoint);
        if (!accept_(hit).ok()) return Finish(failure);
        Accept(hit);
      });
}

void CheckpointOperation::Accept(const Fetched& fetched) {
  result_.checkpoint = std::get<CheckpointObject>(fetched.object);
  result_.cached = fetched.cached;
  // They doubt that the bytes are whole; the expected digest has settled that.
  if (request_.sha256_prefix.empty()) result_.warnings = fetched.warnings;
  // Who names a digest gets no bytes that nobody has looked at.
  if (fetched.cached && !request_.sha256_prefix.empty()) return Verify();
  Deliver();
}

// A stat, no more, if this daemon has looked at them.
void CheckpointOperation::Verify() {
  LookUp<bool>(
      [this] { return context().parts.store.IsVerified(result_.checkpoint); },
      [this](bool verified) {
        if (verified) return Deliver();
        ReadAndVerify();
      });
}

void CheckpointOperation::ReadAndVerify() {
  const CheckpointObject& checkpoint = result_.checkpoint;
  Join(
      {kSharedDomain, absl::StrCat("verified ", checkpoint.sha256)},
      {.kind = "verify", .name = checkpoint.sha256, .host = ""},
      [context = context(), checkpoint](FlightTable::Context& flight) {
        return VerifyBlob(context, checkpoint, flight);
      },
      nullptr,
      [this](const absl::StatusOr<Fetched>& verified) {
        if (verified.ok()) return Deliver();
        // What was damaged is gone, be it by another caller's look; the origin
        // has it.
        const bool gone = absl::IsNotFound(verified.status());
        const bool damaged =
            ReasonOf(verified.status()) == Reason::kDigestMismatch;
        if ((gone || damaged) && !request_.offline) return Fetch();
        Finish(gone ? OfflineMiss(request_.url) : verified.status());
      });
}

void CheckpointOperation::Deliver() {
  if (!request_.unpack) return Finish(std::move(result_));
  using Found = absl::StatusOr<Contents>;
  LookUp<Found>(
      [this] { return LookUpContents(context(), result_.checkpoint); },
      [this](Found found) {
        if (!found.ok()) return Finish(found.status());
        if (!found->is_zip) return Finish(std::move(result_));
        if (!found->unpacked) return Unpack();
        result_.unpacked = *std::move(found->unpacked);
        Finish(std::move(result_));
      });
}

void CheckpointOperation::Unpack() {
  const std::string& sha256 = result_.checkpoint.sha256;
  Join(
      {kSharedDomain, absl::StrCat("unpacked ", sha256)},
      {.kind = "unpack", .name = sha256, .host = ""},
      [context = context(), sha256](FlightTable::Context& flight) {
        return UnpackBlob(context, sha256, flight);
      },
      nullptr,
      [this](const absl::StatusOr<Fetched>& fetched) {
        if (!fetched.ok()) {
          return Finish(UnpackError(fetched.status(), request_.url));
        }
        result_.unpacked = std::get<UnpackedObject>(fetched->object);
        Finish(std::move(result_));
      });
}

}  // namespace hubd
