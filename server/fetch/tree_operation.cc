#include "server/fetch/tree_operation.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/caller_environment.h"
#include "server/base/status.h"
#include "server/fetch/commit_flight.h"
#include "server/fetch/tree_flight.h"
#include "server/fetch/tree_source.h"

namespace hubd {
namespace {

// Callers are told whole seconds.
constexpr absl::Duration kLeastStale = absl::Seconds(1);
// Of those that are cached, in a message.
constexpr size_t kMaxShownTrees = 10;

// Whether another caller, with other credentials, might get something else.
bool MayDifferByCaller(const absl::Status& status) {
  const std::optional<Reason> reason = ReasonOf(status);
  return reason == Reason::kRepoNotFound || reason == Reason::kRefNotFound ||
         reason == Reason::kUpstreamForbidden || reason == Reason::kRateLimited;
}

std::string NameOf(const RepoId& repo, absl::string_view commit) {
  return absl::StrCat(repo.ToString(), " at ", commit);
}

}  // namespace

TreeOperation::TreeOperation(const FetchContext& context,
                             NegativeAnswers& negatives, TreeRequest request,
                             ProgressFn progress, DoneFn done)
    : Operation(context.For(request.environment), std::move(progress),
                std::move(done)),
      negatives_(negatives),
      request_(std::move(request)),
      started_at_(context.parts.clock.Now()) {}

void TreeOperation::Start() {
  if (absl::Status allowed =
          context().parts.policy.CheckRepoUrl(request_.spec.id.Url());
      !allowed.ok()) {
    return FinishLater(allowed);
  }
  LookUp<absl::StatusOr<KnownTree>>(
      [this] { return LookUpTree(context(), request_, started_at_); },
      [this](absl::StatusOr<KnownTree> known) { Decide(std::move(known)); });
}

void TreeOperation::Decide(absl::StatusOr<KnownTree> known) {
  if (!known.ok()) return Finish(known.status());
  if (known->result) return Finish(*std::move(known->result));
  if (request_.offline) return Finish(OfflineMiss(known->others));
  if (!known->resolved) {
    has_mirrors_ = context().parts.mirrors.HasAny(known->repo.Url());
    return AskRefs();
  }
  result_.ref = std::move(known->resolved->ref);
  result_.warnings = std::move(known->resolved->warnings);
  result_.ambiguous_ref = known->resolved->ambiguous;
  FetchTree(KeyOfTree(known->repo, known->resolved->commit));
}

// Of all that ResolveRef judges by.
std::string TreeOperation::Wanted() const {
  return absl::StrCat(":", request_.spec.ref, " ",
                      static_cast<int>(request_.default_ref), " ",
                      request_.skip_validation);
}

// A host that gives nothing to one caller may give it to another.
std::string TreeOperation::RepoQuestion() const {
  return absl::StrCat(request_.spec.id.ToString(), " ",
                      DigestOf(context().environment));
}

std::string TreeOperation::RefQuestion() const {
  return absl::StrCat(RepoQuestion(), Wanted());
}

std::string TreeOperation::RefsQuestion() const {
  return has_mirrors_ ? RefQuestion() : RepoQuestion();
}

absl::Status TreeOperation::LookUpNegative() const {
  if (request_.refresh) return absl::OkStatus();
  HUBD_RETURN_IF_ERROR(negatives_.Find(RepoQuestion(), started_at_));
  return negatives_.Find(RefQuestion(), started_at_);
}

// What is public costs one flight of those who reach it by the same network,
// whatever else they lend: only those who are refused in another caller's name
// ask in their own.
void TreeOperation::JoinAsCaller(
    const std::string& what, const FlightSubject& subject,
    const FlightTable::Run& run,
    std::function<void(const absl::StatusOr<Fetched>&)> then) {
  auto ours = std::make_shared<std::atomic<bool>>(false);
  Join(
      {kSharedDomain, absl::StrCat(what, NetworkKey(context().network))},
      subject,
      [run, ours](FlightTable::Context& flight) {
        ours->store(true);
        return run(flight);
      },
      nullptr,
      [this, what, subject, run, ours,
       then = std::move(then)](const absl::StatusOr<Fetched>& fetched) {
        if (ours->load() || !MayDifferByCaller(fetched.status()))
          return then(fetched);
        // Who lends the same has been answered already.
        if (absl::Status known = LookUpNegative(); !known.ok()) {
          return Finish(known);
        }
        Join({kSharedDomain,
              absl::StrCat(what, " ", DigestOf(context().environment))},
             subject, run, nullptr, then);
      });
}

void TreeOperation::AskRefs() {
  if (absl::Status negative = LookUpNegative(); !negative.ok()) {
    return Finish(negative);
  }
  std::string what = absl::StrCat("refs ", request_.spec.id.ToString(),
                                  has_mirrors_ ? Wanted() : "");
  if (has_mirrors_ && request_.refresh) absl::StrAppend(&what, " refresh");
  JoinAsCaller(
      what, {"refs", request_.spec.id.ToString(), request_.spec.id.host},
      [context = context(), request = request_,
       since = started_at_](FlightTable::Context& flight) {
        return FetchRefs(context, request, since, flight);
      },
      [this](const absl::StatusOr<Fetched>& fetched) { OnRefs(fetched); });
}

void TreeOperation::OnRefs(const absl::StatusOr<Fetched>& fetched) {
  if (!fetched.ok()) {
    if (ReasonOf(fetched.status()) == Reason::kRepoNotFound) {
      negatives_.Note(RefsQuestion(), fetched.status(),
                      context().parts.clock.Now());
    }
    return FinishFailed(fetched.status());
  }
  const RefsObject& refs = std::get<RefsObject>(fetched->object);
  silence_ = fetched->silence;
  result_.warnings = fetched->warnings;
  if (silence_.ok()) {
    negatives_.Forget(RepoQuestion());
  } else {
    // A mark also where the answer is younger, or the clock was set back since.
    result_.stale_for = std::max(started_at_ - refs.asked_at, kLeastStale);
  }
  Resolve(refs);
}

void TreeOperation::Resolve(const RefsObject& refs) {
  absl::StatusOr<ResolvedRef> resolved =
      ResolveRef(request_.spec, request_.default_ref, request_.skip_validation,
                 refs.advertisement);
  if (!resolved.ok()) {
    // That an old answer lacks the ref proves nothing.
    if (!silence_.ok()) return FinishFailed(silence_);
    if (MayBeOlderCommit(request_.spec.ref, refs.advertisement)) {
      return FindCommit(refs.repo);
    }
    return FinishWithout(resolved.status());
  }
  if (silence_.ok()) negatives_.Forget(RefQuestion());
  result_.ref = resolved->ref;
  // Before what is said of a silent origin: the first says what is ambiguous.
  result_.warnings.insert(result_.warnings.begin(), resolved->warnings.begin(),
                          resolved->warnings.end());
  result_.ambiguous_ref = resolved->ambiguous;
  FindTree(refs.repo, resolved->commit);
}

void TreeOperation::FindCommit(const RepoId& repo) {
  using Found = absl::StatusOr<std::optional<std::string>>;
  LookUp<Found>([this] { return LookUpBeginning(context(), request_); },
                [this, repo](Found found) {
                  if (!found.ok()) return Finish(found.status());
                  if (!*found) return FetchCommitOf(repo);
                  result_.ref = request_.spec.ref;
                  FindTree(repo, **found);
                });
}

void TreeOperation::FetchCommitOf(const RepoId& repo) {
  const std::string& prefix = request_.spec.ref;
  JoinAsCaller(
      absl::StrCat("commit ", repo.ToString(), " ", prefix),
      {"commit", NameOf(repo, prefix), repo.host},
      [context = context(), repo, prefix](FlightTable::Context& flight) {
        return FetchCommit(context, repo, prefix, flight);
      },
      [this, repo](const absl::StatusOr<Fetched>& fetched) {
        if (ReasonOf(fetched.status()) == Reason::kRefNotFound) {
          return FinishWithout(fetched.status());
        }
        if (!fetched.ok()) return FinishFailed(fetched.status());
        negatives_.Forget(RefQuestion());
        result_.ref = request_.spec.ref;
        FindTree(repo, std::get<FoundCommit>(fetched->object).commit);
      });
}

// What is not there is not asked for again at once.
void TreeOperation::FinishWithout(const absl::Status& not_found) {
  negatives_.Note(RefQuestion(), not_found, context().parts.clock.Now());
  Finish(not_found);
}

void TreeOperation::FinishFailed(const absl::Status& failure) {
  if (!IsSilence(failure)) return Finish(failure);
  using Found = absl::StatusOr<std::optional<TreeResult>>;
  LookUp<Found>(
      [this] { return LookUpImported(context(), request_, started_at_); },
      [this, failure](Found found) {
        if (!found.ok()) return Finish(found.status());
        if (!*found) return Finish(failure);
        (*found)->warnings.push_back(
            absl::StrCat("it is used since ", failure.message()));
        Finish(**std::move(found));
      });
}

void TreeOperation::FindTree(const RepoId& repo, const std::string& commit) {
  using Found = absl::StatusOr<std::optional<TreeObject>>;
  LookUp<Found>(
      [this, repo, commit] {
        return LookUpCommit(context(), request_, repo, commit);
      },
      [this, repo, commit](Found found) {
        if (!found.ok()) return Finish(found.status());
        if (*found) return Deliver(**std::move(found), /*cached=*/true);
        FetchTree(KeyOfTree(repo, commit));
      });
}

void TreeOperation::FetchTree(const TreeKey& key) {
  JoinAsCaller(
      absl::StrCat("tree ", key.repo.ToString(), " ", key.commit),
      {"tree", NameOf(key.repo, key.commit), key.repo.host},
      [context = context(), key,
       unproven = !request_.proves_commit()](FlightTable::Context& flight) {
        return FetchTreeFiles(context, key, flight, unproven);
      },
      [this](const absl::StatusOr<Fetched>& fetched) {
        if (!fetched.ok()) return FinishFailed(fetched.status());
        Deliver(std::get<TreeObject>(fetched->object), fetched->cached);
      });
}

void TreeOperation::Deliver(TreeObject tree, bool cached) {
  result_.cached = cached;
  SetTree(std::move(tree), result_);
  Finish(std::move(result_));
}

absl::Status TreeOperation::OfflineMiss(
    const std::vector<OtherTree>& others) const {
  const RepoSpec& spec = request_.spec;
  std::vector<std::string> commits;
  std::vector<std::string> shown;
  for (const OtherTree& other : others) {
    commits.push_back(other.commit.substr(0, 12));
    shown.push_back(other.ref.empty()
                        ? commits.back()
                        : absl::StrCat(other.ref, " (", commits.back(), ")"));
    if (other.unproven) {
      absl::StrAppend(&shown.back(), ", not shown to be the repo's own");
    }
  }
  if (shown.size() > kMaxShownTrees) {
    shown.resize(kMaxShownTrees);
    shown.push_back(
        absl::StrCat(commits.size() - kMaxShownTrees, " older ones"));
  }
  const std::string cached = absl::StrJoin(commits, ",");
  std::string wanted = spec.id.ToString();
  if (!spec.ref.empty()) absl::StrAppend(&wanted, ":", spec.ref);
  std::string what = cached.empty() ? "nothing of that repo is cached"
                                    : absl::StrCat("cached of that repo: ",
                                                   absl::StrJoin(shown, ", "));
  return ReasonError(
      Reason::kOfflineMiss,
      absl::StrCat("cannot load ", wanted, " offline: ", what,
                   "; call it once with the network"),
      {{"repo", spec.id.ToString()}, {"ref", spec.ref}, {"cached", cached}});
}

}  // namespace hubd
