#include "server/fetch/checkpoint_flight.h"

#include <fcntl.h>

#include <cerrno>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/fetch/archive.h"
#include "server/fetch/checkpoint_judgement.h"
#include "server/fetch/download.h"
#include "server/fetch/drive_page.h"
#include "server/fetch/first_bytes.h"
#include "server/fetch/offered_digest.h"
#include "server/fetch/range_response.h"
#include "server/net/mirrors.h"
#include "server/net/url_identity.h"
#include "server/store/partial.h"

namespace hubd {
namespace {

// Longer ones are taken for absent: the index keeps them, and memory.
constexpr size_t kMaxHeader = 1024;

std::string KeptHeaderOf(const HttpResponse& response, const char* name) {
  const std::string value = HeaderOf(response, name);
  return value.size() <= kMaxHeader ? value : "";
}

// What is known of earlier bytes is the origin's word, which no mirror knows.
DownloadRequest RequestFor(const Source& source,
                           const std::optional<CheckpointObject>& known) {
  DownloadRequest request{.url = source.url,
                          .connect_timeout = source.connect_timeout};
  if (source.is_mirror) return request;
  if (known && !known->etag.empty()) {
    request.conditions.push_back(absl::StrCat("If-None-Match: ", known->etag));
  } else if (known && !known->last_modified.empty()) {
    request.conditions.push_back(
        absl::StrCat("If-Modified-Since: ", known->last_modified));
  }
  return request;
}

// What came, without a path.
CheckpointObject CheckpointOf(const std::string& url, const Source& source,
                              const Downloaded& got) {
  CheckpointObject checkpoint;
  checkpoint.url = UrlIdentity(url);
  checkpoint.sha256 = got.sha256;
  checkpoint.size_bytes = got.size_bytes;
  checkpoint.content_type = KeptHeaderOf(got.response, "content-type");
  if (source.is_mirror) return checkpoint;
  checkpoint.etag = KeptHeaderOf(got.response, "etag");
  checkpoint.last_modified = KeptHeaderOf(got.response, "last-modified");
  return checkpoint;
}

// `compared`: the bytes have the digest that the server offered.
std::vector<std::string> WarningsOf(const Source& source, const Downloaded& got,
                                    bool compared) {
  std::vector<std::string> warnings;
  if (!got.response.framed && !compared) {
    warnings.push_back(absl::StrCat(
        RedactUrl(source.url),
        ": the server marked no end of the body, so that it may be cut; give "
        "its sha256 to be sure"));
  }
  if (got.changed) {
    warnings.push_back(
        absl::StrCat(RedactUrl(source.url),
                     ": the server has other bytes than those of which a part "
                     "had come; all of them were fetched anew"));
  }
  return warnings;
}

// The same as the callers judge it.
Fetched FetchedOf(const std::string& url, const Source& source,
                  const Downloaded& got, const Partial& partial) {
  const std::string first_bytes = ReadFirstBytes(partial.fd());
  const CheckpointObject checkpoint = CheckpointOf(url, source, got);
  const Offer offer = OfferOf(source.url, got.response);
  const bool compared =
      offer.digest && offer.digest->sha256 == checkpoint.sha256;
  Fetched fetched{
      .object = checkpoint,
      .warnings = WarningsOf(source, got, compared),
      .content = NameContent(first_bytes),
      .objection = CheckDrivePage(source.url, got.response, first_bytes)};
  if (!offer.warning.empty()) fetched.warnings.push_back(offer.warning);
  if (offer.digest) {
    fetched.objection.Update(
        CompareWithOffer(*offer.digest, checkpoint, fetched.content));
  }
  return fetched;
}

// The next source is tried instead of the same again.
DownloadOptions OptionsFor(const FetchContext& context, bool is_final) {
  DownloadOptions options = context.options.download;
  if (!is_final) options.retry.tries = 1;
  return options;
}

// Whether other bytes may come if all of them are asked for once more: what was
// kept may be what is wrong, or what came on its way. Not for a digest that a
// caller expects: mostly that one is wrong. `is_final`: no other source is
// asked after it.
bool MayBeSpoilt(const Downloaded& got, const Fetched& fetched, bool is_final) {
  if (got.resumed) return true;
  return is_final && ReasonOf(fetched.objection) == Reason::kDigestMismatch;
}

// A source's bytes, which somebody accepts, or the word that the known ones
// still hold: `cached`, and no partial. `is_last`: no other source is asked.
struct Accepted {
  Fetched fetched;
  std::optional<Partial> partial;
};

absl::StatusOr<Accepted> FetchFrom(const FetchContext& context,
                                   const std::string& url, const Source& source,
                                   const std::optional<CheckpointObject>& known,
                                   bool is_last, FlightTable::Context& flight) {
  HUBD_ASSIGN_OR_RETURN(
      Partial partial,
      context.parts.store.OpenPartial(UrlIdentity(url), UrlIdentity(source.url),
                                      flight.stop()));
  const auto report = [&](Progress progress) {
    progress.subject = RedactUrl(url);
    flight.Report(progress);
  };
  PacedTransport http = context.HttpOf(flight);
  const DownloadParts parts = {http, context.parts.connections,
                               context.parts.space, context.parts.clock};
  // An origin that is asked first and has an answer is asked alone.
  const bool is_final = is_last || !source.is_mirror;
  const DownloadOptions options = OptionsFor(context, is_final);
  bool asked_again = false;
  while (true) {
    HUBD_ASSIGN_OR_RETURN(const Downloaded got,
                          Download(options, parts, RequestFor(source, known),
                                   partial, report, flight.stop()));
    if (got.unchanged) {
      HUBD_RETURN_IF_ERROR(partial.Remove());
      return Accepted{{.object = *known, .cached = true}, std::nullopt};
    }
    Fetched fetched = FetchedOf(url, source, got, partial);
    absl::Status judgement = flight.Judge(fetched);
    if (judgement.ok()) return Accepted{std::move(fetched), std::move(partial)};
    // Nobody waits any more.
    if (absl::IsCancelled(judgement)) return judgement;
    if (!MayBeSpoilt(got, fetched, is_final) ||
        std::exchange(asked_again, true)) {
      HUBD_RETURN_IF_ERROR(partial.Remove());
      return judgement;
    }
    HUBD_RETURN_IF_ERROR(partial.Restart());
  }
}

// The same of the first source that has it.
absl::StatusOr<Accepted> FetchFromAny(
    const FetchContext& context, const std::string& url, bool refresh,
    const std::vector<Source>& sources,
    const std::optional<CheckpointObject>& known,
    FlightTable::Context& flight) {
  Accepted accepted;
  absl::Status origin;
  const auto ask = [&](const Source& source) -> absl::Status {
    const bool is_last = &source == &sources.back();
    absl::StatusOr<Accepted> here =
        FetchFrom(context, url, source, known, is_last, flight);
    if (!source.is_mirror) origin = here.status();
    HUBD_ASSIGN_OR_RETURN(accepted, std::move(here));
    return absl::OkStatus();
  };
  HUBD_RETURN_IF_ERROR(AskInTurn(sources, ask));
  if (refresh && !accepted.fetched.cached && !origin.ok()) {
    accepted.fetched.warnings.push_back(
        absl::StrCat(RedactUrl(url), ": a mirror's bytes are used, since ",
                     origin.message()));
  }
  return accepted;
}

// What came of the URL from sources that were asked in vain.
void DropPartials(Store& store, const std::string& url,
                  const std::vector<Source>& sources) {
  for (const Source& source : sources) {
    if (absl::Status dropped =
            store.DropPartial(UrlIdentity(url), UrlIdentity(source.url));
        !dropped.ok()) {
      HUBD_LOG(kWarning) << "event=partial_not_dropped error="
                         << LogQuote(dropped.message());
    }
  }
}

}  // namespace

absl::StatusOr<Fetched> FetchUrl(const FetchContext& context,
                                 const std::string& url, bool refresh,
                                 FlightTable::Context& flight) {
  Store& store = context.parts.store;
  HUBD_ASSIGN_OR_RETURN(std::optional<CheckpointObject> known,
                        store.FindCheckpoint(kSharedDomain, UrlIdentity(url)));
  if (known && !refresh) {
    Fetched hit{*std::move(known)};
    hit.cached = true;
    hit.asked = false;
    return hit;
  }
  const std::vector<Source> sources =
      context.parts.mirrors.SourcesOf(url, /*origin_first=*/refresh);
  HUBD_ASSIGN_OR_RETURN(
      Accepted accepted,
      FetchFromAny(context, url, refresh, sources, known, flight));
  Fetched fetched = std::move(accepted.fetched);
  if (fetched.cached) return fetched;
  HUBD_ASSIGN_OR_RETURN(
      CheckpointObject published,
      store.PublishPartial(*std::move(accepted.partial),
                           std::get<CheckpointObject>(fetched.object)));
  HUBD_LOG(kInfo) << "event=publish url=" << LogQuote(RedactUrl(url))
                  << " sha256=" << published.sha256
                  << " bytes=" << published.size_bytes;
  if (known && known->sha256 != published.sha256) {
    fetched.warnings.push_back(absl::StrCat(
        RedactUrl(url), ": it has other bytes than before: their SHA-256 is ",
        published.sha256, ", and was ", known->sha256));
  }
  fetched.object = std::move(published);
  DropPartials(store, url, sources);
  return fetched;
}

absl::StatusOr<Fetched> VerifyBlob(const FetchContext& context,
                                   const CheckpointObject& checkpoint,
                                   FlightTable::Context& flight) {
  Progress progress;
  progress.phase = Progress::Phase::kVerifying;
  progress.subject = checkpoint.sha256;
  progress.total_bytes = checkpoint.size_bytes;
  flight.Report(progress);
  const auto read = [&](int64_t bytes) {
    progress.done_bytes += bytes;
    flight.Report(progress);
  };
  HUBD_RETURN_IF_ERROR(context.parts.store.Verify(
      checkpoint, {.stop = flight.stop(), .passed = read}));
  return Fetched{checkpoint};
}

absl::StatusOr<Fetched> UnpackBlob(const FetchContext& context,
                                   const std::string& sha256,
                                   FlightTable::Context& flight) {
  Store& store = context.parts.store;
  HUBD_ASSIGN_OR_RETURN(std::optional<UnpackedObject> known,
                        store.FindUnpacked(sha256));
  if (known) {
    Fetched hit{*std::move(known)};
    hit.cached = true;
    return hit;
  }
  Progress progress;
  progress.phase = Progress::Phase::kUnpacking;
  progress.subject = sha256;
  flight.Report(progress);
  std::string path = store.layout().Blob(sha256);
  UniqueFd blob(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!blob.valid()) {
    return ErrnoError(errno, absl::StrCat("cannot open ", path));
  }
  HUBD_ASSIGN_OR_RETURN(Staging staging, store.StageDirectory());
  HUBD_ASSIGN_OR_RETURN(Space::Reservation room,
                        context.parts.space.Reserve(0, /*counted=*/false));
  HUBD_ASSIGN_OR_RETURN(
      UnpackedZip unpacked,
      UnpackZip(blob.get(), staging.path(), context.options.tree_limits,
                flight.stop(), std::move(room)));
  UnpackedObject object;
  object.sha256 = sha256;
  object.members = std::move(unpacked.members);
  object.size_bytes = unpacked.size_bytes;
  HUBD_ASSIGN_OR_RETURN(
      object, store.PublishUnpacked(std::move(staging), std::move(object)));
  return Fetched{std::move(object)};
}

}  // namespace hubd
