#include "server/fetch/verify_operation.h"

#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/idle_io.h"
#include "server/base/log.h"
#include "server/base/status.h"

namespace hubd {
namespace {

// All objects of one kind. They are few, next to what they hold.
template <class Object>
absl::StatusOr<std::vector<Object>> All(
    Catalog& catalog,
    absl::StatusOr<Page<Object>> (Catalog::*list)(int, const std::string&)) {
  std::vector<Object> all;
  std::string token;
  do {
    HUBD_ASSIGN_OR_RETURN(Page<Object> page, (catalog.*list)(0, token));
    for (Object& object : page.objects) all.push_back(std::move(object));
    token = page.next_token;
  } while (!token.empty());
  return all;
}

bool IsAskedFor(const VerifyRequest& request, const TreeObject& tree) {
  return !request.repo ||
         (tree.key.repo == *request.repo &&
          absl::StartsWith(tree.key.commit, request.commit_prefix));
}

// One run over what is stored.
class Verifier {
 public:
  Verifier(Store& store, FlightTable::Context& flight)
      : store_(store), flight_(flight) {
    progress_.phase = Progress::Phase::kVerifying;
  }

  absl::Status Collect(const VerifyRequest& request) {
    quick_ = request.quick;
    Catalog& catalog = store_.catalog();
    HUBD_ASSIGN_OR_RETURN(trees_,
                          All<TreeObject>(catalog, &Catalog::ListTrees));
    std::erase_if(trees_, [&request](const TreeObject& tree) {
      return !IsAskedFor(request, tree);
    });
    if (request.repo && trees_.empty()) {
      return absl::NotFoundError(absl::StrCat(
          "nothing of ", request.repo->ToString(),
          request.commit_prefix.empty() ? "" : " at ", request.commit_prefix,
          " is cached; hubctl cache ls shows what is"));
    }
    if (!request.repo) {
      HUBD_ASSIGN_OR_RETURN(
          checkpoints_,
          All<CheckpointObject>(catalog, &Catalog::ListCheckpoints));
    }
    for (const TreeObject& tree : trees_) {
      progress_.total_bytes += tree.size_bytes;
    }
    std::set<std::string> blobs;
    for (const CheckpointObject& checkpoint : checkpoints_) {
      if (!blobs.insert(checkpoint.sha256).second) continue;
      progress_.total_bytes += checkpoint.size_bytes;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<VerifyReport> Run() {
    for (const TreeObject& tree : trees_) {
      if (!report_.complete) break;
      HUBD_RETURN_IF_ERROR(VerifyTree(tree));
    }
    for (const CheckpointObject& checkpoint : checkpoints_) {
      if (!report_.complete) break;
      HUBD_RETURN_IF_ERROR(VerifyBlob(checkpoint));
    }
    return std::move(report_);
  }

 private:
  absl::Status VerifyTree(const TreeObject& tree) {
    const std::string name =
        absl::StrCat(tree.key.repo.ToString(), " at ", tree.key.commit);
    Begin(name);
    if (quick_ && store_.IsUnchanged(tree, flight_.stop())) {
      return Skip(tree.size_bytes);
    }
    ++report_.trees;
    const absl::Status found = store_.VerifyTree(tree, Reading());
    End(tree.size_bytes);
    return Judge(found, {.kind = Damage::Kind::kTree,
                         .name = name,
                         .path = tree.path,
                         .expected = tree.digest,
                         .tree = tree});
  }

  absl::Status VerifyBlob(const CheckpointObject& checkpoint) {
    if (seen_.insert(checkpoint.sha256).second) {
      HUBD_RETURN_IF_ERROR(ReadBlob(checkpoint));
    }
    // Forgets the URL where its blob is gone, or is none.
    HUBD_ASSIGN_OR_RETURN(
        const std::optional<CheckpointObject> found,
        store_.FindCheckpoint(checkpoint.domain, checkpoint.url));
    if (found || report_.damages.empty()) return absl::OkStatus();
    Damage& last = report_.damages.back();
    last.removed = last.removed || last.path == checkpoint.path;
    return absl::OkStatus();
  }

  absl::Status ReadBlob(const CheckpointObject& checkpoint) {
    const std::string name = RedactUrl(checkpoint.url);
    Begin(name);
    if (quick_ && store_.IsUnchanged(checkpoint)) {
      return Skip(checkpoint.size_bytes);
    }
    ++report_.blobs;
    const absl::Status found = store_.Verify(checkpoint, Reading());
    End(checkpoint.size_bytes);
    if (found.ok()) return absl::OkStatus();
    return Judge(found, {.kind = Damage::Kind::kBlob,
                         .name = name,
                         .path = checkpoint.path,
                         .expected = checkpoint.sha256,
                         .checkpoints = UrlsOf(checkpoint.sha256)});
  }

  std::vector<CheckpointObject> UrlsOf(const std::string& sha256) const {
    std::vector<CheckpointObject> urls;
    for (const CheckpointObject& checkpoint : checkpoints_) {
      if (checkpoint.sha256 == sha256) urls.push_back(checkpoint);
    }
    return urls;
  }

  // Notes a damage. An error only where the run is to end.
  absl::Status Judge(const absl::Status& found, Damage damage) {
    if (found.ok()) return absl::OkStatus();
    if (absl::IsCancelled(found)) return found;
    if (ReasonOf(found) == Reason::kDigestMismatch) {
      damage.actual = MetadataOf(found)["actual"];
      damage.problem = damage.actual.empty()
                           ? "the disk cannot read it"
                           : absl::StrCat("its digest is ", damage.actual,
                                          ", not ", damage.expected);
      damage.removed = true;
    } else if (absl::IsNotFound(found)) {
      damage.problem = "it is gone";
      damage.removed = true;
    } else {
      damage.problem = std::string(found.message());
    }
    report_.damages.push_back(std::move(damage));
    report_.complete = report_.damages.size() < kMaxDamages;
    return absl::OkStatus();
  }

  void Begin(const std::string& subject) {
    begun_bytes_ = progress_.done_bytes;
    progress_.subject = subject;
    flight_.Report(progress_);
  }

  // Tells how far a large thing has come.
  hubd::Reading Reading() {
    return {.stop = flight_.stop(), .passed = [this](int64_t bytes) {
              progress_.done_bytes += bytes;
              flight_.Report(progress_);
            }};
  }

  // What is read need not be what was published.
  void End(int64_t bytes) {
    report_.bytes += bytes;
    progress_.done_bytes = begun_bytes_ + bytes;
  }

  absl::Status Skip(int64_t bytes) {
    ++report_.unchanged;
    progress_.done_bytes += bytes;
    return absl::OkStatus();
  }

  Store& store_;
  FlightTable::Context& flight_;
  std::vector<TreeObject> trees_;
  std::vector<CheckpointObject> checkpoints_;
  std::set<std::string> seen_;
  bool quick_ = false;
  Progress progress_;
  // Before what is being read.
  int64_t begun_bytes_ = 0;
  VerifyReport report_;
};

}  // namespace

absl::StatusOr<Fetched> VerifyStored(const FetchContext& context,
                                     const VerifyRequest& request,
                                     FlightTable::Context& flight) {
  // Nobody waits for it as for a load.
  const IdleIo idle;
  Verifier verifier(context.parts.store, flight);
  HUBD_RETURN_IF_ERROR(verifier.Collect(request));
  HUBD_ASSIGN_OR_RETURN(VerifyReport report, verifier.Run());
  return Fetched{std::move(report)};
}

VerifyOperation::VerifyOperation(const FetchContext& context,
                                 VerifyRequest request, ProgressFn progress,
                                 DoneFn done)
    : Operation(context, std::move(progress), std::move(done)),
      request_(std::move(request)) {}

void VerifyOperation::Start() {
  const std::string what =
      request_.repo
          ? absl::StrCat(request_.repo->ToString(), " ", request_.commit_prefix)
          : "";
  Join(
      {kSharedDomain,
       absl::StrCat(request_.quick ? "verify quick " : "verify ", what)},
      {.kind = "verify", .name = what, .host = ""},
      [context = context(), request = request_](FlightTable::Context& flight) {
        return VerifyStored(context, request, flight);
      },
      nullptr,
      [this](const absl::StatusOr<Fetched>& verified) {
        if (!verified.ok()) return Finish(verified.status());
        Finish(std::get<VerifyReport>(verified->object));
      });
}

}  // namespace hubd
