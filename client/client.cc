#include "client/client.h"

#include "client/call.h"
#include "client/call_limit.h"
#include "client/connection.h"
#include "client/daemon.h"
#include "client/environment.h"
#include "client/interpreter.h"
#include "client/known_interpreter.h"
#include "client/root.h"
#include "hubd/v1/cache.grpc.pb.h"
#include "hubd/v1/hub.grpc.pb.h"
#include "hubd/v1/trust.grpc.pb.h"
#include "server/base/status.h"

namespace hubd {
namespace {

absl::StatusOr<CallLimit> LimitOf(const CallOptions& call) {
  if (call.timeout) return CallLimit(*call.timeout, call.cancel);
  HUBD_ASSIGN_OR_RETURN(const absl::Duration timeout, EnvironmentTimeout());
  return CallLimit(timeout, call.cancel);
}

// All pages of a list: calls `get_page` with growing requests, and collects
// what `items_of` finds in the answers.
template <class Item, class Request, class GetPage, class ItemsOf>
absl::StatusOr<std::vector<Item>> AllPages(Request request, GetPage get_page,
                                           ItemsOf items_of) {
  std::vector<Item> all;
  do {
    HUBD_ASSIGN_OR_RETURN(auto page, get_page(request));
    for (Item& item : *items_of(page)) all.push_back(std::move(item));
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return all;
}

}  // namespace

Client::Client(ClientOptions options)
    : options_(std::move(options)),
      connection_(std::make_unique<Connection>()),
      interpreter_(std::make_unique<KnownInterpreter>()) {}

Client::~Client() = default;

template <class Action>
auto Client::Run(const CallOptions& call, Action action)
    -> decltype(action(std::declval<const CallTarget&>())) {
  HUBD_ASSIGN_OR_RETURN(const CallLimit limit, LimitOf(call));
  HUBD_ASSIGN_OR_RETURN(const std::string root, FindRoot(options_.dir));
  DaemonPlace place = PlaceFromEnvironment(root);
  if (!options_.socket.empty()) place.socket = options_.socket;
  if (options_.autostart) place.autostart = *options_.autostart;
  return action(CallTarget{*connection_, place, limit});
}

bool Client::IsOffline() const {
  return options_.offline.value_or(EnvironmentIsOffline());
}

v1::TreeSelector Client::Selector(const RepoOptions& repo) const {
  v1::TreeSelector selector;
  selector.set_repo(repo.repo);
  selector.set_default_ref(repo.default_ref);
  selector.set_refresh(repo.refresh);
  selector.set_skip_validation(repo.skip_validation);
  selector.set_offline(IsOffline());
  selector.set_commit(repo.commit);
  if (repo.lock) selector.set_lock(*repo.lock);
  for (auto& [name, value] : LentVariables()) {
    (*selector.mutable_environment())[name] = std::move(value);
  }
  return selector;
}

absl::StatusOr<v1::Interpreter> Client::Interpreter(
    const CallLimit& limit) const {
  return interpreter_->Describe(FindInterpreter(options_.python), limit);
}

absl::StatusOr<v1::ListResult> Client::List(const RepoOptions& repo,
                                            const CallOptions& call) {
  return Run(call,
             [&](const CallTarget& target) -> absl::StatusOr<v1::ListResult> {
               v1::ListRequest request;
               *request.mutable_tree() = Selector(repo);
               HUBD_ASSIGN_OR_RETURN(*request.mutable_interpreter(),
                                     Interpreter(target.limit));
               return CallStream<v1::ListResult>(target, &v1::Hub::Stub::List,
                                                 request, call.progress);
             });
}

absl::StatusOr<v1::HelpResult> Client::Help(const RepoOptions& repo,
                                            const std::string& entrypoint,
                                            const CallOptions& call) {
  return Run(call,
             [&](const CallTarget& target) -> absl::StatusOr<v1::HelpResult> {
               v1::HelpRequest request;
               *request.mutable_tree() = Selector(repo);
               request.set_entrypoint(entrypoint);
               HUBD_ASSIGN_OR_RETURN(*request.mutable_interpreter(),
                                     Interpreter(target.limit));
               return CallStream<v1::HelpResult>(target, &v1::Hub::Stub::Help,
                                                 request, call.progress);
             });
}

absl::StatusOr<v1::LoadResult> Client::Load(const RepoOptions& repo,
                                            const LoadOptions& load,
                                            const CallOptions& call) {
  v1::LoadRequest request;
  *request.mutable_tree() = Selector(repo);
  request.set_require_trust(load.require_trust);
  request.set_hub_dir(load.hub_dir);
  return Run(call, [&](const CallTarget& target) {
    return CallStream<v1::LoadResult>(target, &v1::Hub::Stub::Load, request,
                                      call.progress);
  });
}

absl::StatusOr<v1::Checkpoint> Client::FetchStateDict(
    const CheckpointOptions& fetch, const CallOptions& call) {
  v1::FetchStateDictRequest request;
  request.set_url(fetch.url);
  request.set_sha256_prefix(fetch.sha256_prefix);
  request.set_refresh(fetch.refresh);
  request.set_offline(IsOffline());
  request.set_reject_pages(fetch.reject_pages);
  request.set_unpack(fetch.unpack);
  if (fetch.lock) request.set_lock(*fetch.lock);
  for (auto& [name, value] : LentNetwork()) {
    (*request.mutable_environment())[name] = std::move(value);
  }
  return Run(call, [&](const CallTarget& target) {
    return CallStream<v1::Checkpoint>(target, &v1::Hub::Stub::FetchStateDict,
                                      request, call.progress);
  });
}

absl::StatusOr<v1::GetDirResponse> Client::GetDir(const CallOptions& call) {
  return Run(call, [&](const CallTarget& target) {
    return CallUnary<v1::Hub>(target, &v1::Hub::Stub::GetDir,
                              v1::GetDirRequest());
  });
}

absl::StatusOr<v1::GetStatusResponse> Client::GetStatus(
    const CallOptions& call) {
  return Run(call, [&](const CallTarget& target) {
    return CallUnary<v1::Hub>(target, &v1::Hub::Stub::GetStatus,
                              v1::GetStatusRequest());
  });
}

absl::StatusOr<std::vector<v1::Tree>> Client::ListTrees(
    const CallOptions& call) {
  return Run(call, [&](const CallTarget& target) {
    return AllPages<v1::Tree>(
        v1::ListTreesRequest(),
        [&](const v1::ListTreesRequest& request) {
          return CallUnary<v1::Cache>(target, &v1::Cache::Stub::ListTrees,
                                      request);
        },
        [](v1::ListTreesResponse& page) { return page.mutable_trees(); });
  });
}

absl::StatusOr<std::vector<v1::Checkpoint>> Client::ListCheckpoints(
    const CallOptions& call) {
  return Run(call, [&](const CallTarget& target) {
    return AllPages<v1::Checkpoint>(
        v1::ListCheckpointsRequest(),
        [&](const v1::ListCheckpointsRequest& request) {
          return CallUnary<v1::Cache>(target, &v1::Cache::Stub::ListCheckpoints,
                                      request);
        },
        [](v1::ListCheckpointsResponse& page) {
          return page.mutable_checkpoints();
        });
  });
}

absl::StatusOr<v1::VerifyResult> Client::Verify(const VerifyOptions& verify,
                                                const CallOptions& call) {
  v1::VerifyRequest request;
  request.set_repo(verify.repo);
  request.set_quick(verify.quick);
  return Run(call, [&](const CallTarget& target) {
    return CallStream<v1::VerifyResult>(target, &v1::Cache::Stub::Verify,
                                        request, call.progress,
                                        OnceBegun::kFail);
  });
}

absl::StatusOr<v1::VerifyResult> Client::Repair(const VerifyOptions& verify,
                                                const CallOptions& call) {
  v1::RepairRequest request;
  request.mutable_verify()->set_repo(verify.repo);
  request.mutable_verify()->set_quick(verify.quick);
  request.set_offline(IsOffline());
  for (auto& [name, value] : LentVariables()) {
    (*request.mutable_environment())[name] = std::move(value);
  }
  return Run(call, [&](const CallTarget& target) {
    return CallStream<v1::VerifyResult>(target, &v1::Cache::Stub::Repair,
                                        request, call.progress,
                                        OnceBegun::kFail);
  });
}

absl::StatusOr<v1::PruneResponse> Client::PrunePartials(
    const CallOptions& call) {
  v1::PruneRequest request;
  request.set_partials(true);
  return Run(call, [&](const CallTarget& target) {
    return CallUnary<v1::Cache>(target, &v1::Cache::Stub::Prune, request);
  });
}

absl::StatusOr<v1::ImportResult> Client::Import(
    const std::string& directory, const std::vector<std::string>& repos,
    const CallOptions& call) {
  v1::ImportRequest request;
  request.set_directory(directory);
  request.mutable_repos()->Add(repos.begin(), repos.end());
  return Run(call, [&](const CallTarget& target) {
    return CallStream<v1::ImportResult>(target, &v1::Cache::Stub::Import,
                                        request, call.progress);
  });
}

absl::StatusOr<v1::ListJobsResponse> Client::ListJobs(const CallOptions& call) {
  return Run(call, [&](const CallTarget& target) {
    return CallUnary<v1::Cache>(target, &v1::Cache::Stub::ListJobs,
                                v1::ListJobsRequest());
  });
}

absl::Status Client::WatchJobs(
    const std::function<void(const v1::ListJobsResponse&)>& tell,
    const CallOptions& call) {
  return Run(call, [&](const CallTarget& target) {
    return CallWatch(target, &v1::Cache::Stub::WatchJobs,
                     v1::WatchJobsRequest(), tell);
  });
}

absl::StatusOr<v1::Job> Client::CancelJob(int64_t id, const CallOptions& call) {
  v1::CancelJobRequest request;
  request.set_id(id);
  return Run(call, [&](const CallTarget& target) -> absl::StatusOr<v1::Job> {
    HUBD_ASSIGN_OR_RETURN(
        v1::CancelJobResponse answer,
        CallUnary<v1::Cache>(target, &v1::Cache::Stub::CancelJob, request));
    return std::move(*answer.mutable_job());
  });
}

absl::Status Client::SetLimit(const v1::SetLimitRequest& limit,
                              const CallOptions& call) {
  return Run(call, [&](const CallTarget& target) {
    return CallUnary<v1::Cache>(target, &v1::Cache::Stub::SetLimit, limit)
        .status();
  });
}

absl::StatusOr<std::vector<v1::TrustEntry>> Client::ListTrust(
    const std::string& hub_dir, const CallOptions& call) {
  v1::ListTrustRequest first;
  first.set_hub_dir(hub_dir);
  return Run(call, [&](const CallTarget& target) {
    return AllPages<v1::TrustEntry>(
        first,
        [&](const v1::ListTrustRequest& request) {
          return CallUnary<v1::Trust>(target, &v1::Trust::Stub::ListTrust,
                                      request);
        },
        [](v1::ListTrustResponse& page) { return page.mutable_entries(); });
  });
}

absl::StatusOr<v1::AddTrustResponse> Client::AddTrust(
    const std::string& repo, const std::string& hub_dir,
    const CallOptions& call) {
  v1::AddTrustRequest request;
  request.set_repo(repo);
  request.set_hub_dir(hub_dir);
  return Run(call, [&](const CallTarget& target) {
    return CallUnary<v1::Trust>(target, &v1::Trust::Stub::AddTrust, request);
  });
}

absl::StatusOr<v1::RemoveTrustResponse> Client::RemoveTrust(
    const std::string& repo, const std::string& hub_dir, bool everywhere,
    const CallOptions& call) {
  v1::RemoveTrustRequest request;
  request.set_repo(repo);
  request.set_hub_dir(hub_dir);
  request.set_everywhere(everywhere);
  return Run(call, [&](const CallTarget& target) {
    return CallUnary<v1::Trust>(target, &v1::Trust::Stub::RemoveTrust, request);
  });
}

absl::StatusOr<v1::CheckTrustResponse> Client::CheckTrust(
    const std::string& repo, const std::string& hub_dir,
    const CallOptions& call) {
  v1::CheckTrustRequest request;
  request.set_repo(repo);
  request.set_hub_dir(hub_dir);
  return Run(call, [&](const CallTarget& target) {
    return CallUnary<v1::Trust>(target, &v1::Trust::Stub::CheckTrust, request);
  });
}

}  // namespace hubd
