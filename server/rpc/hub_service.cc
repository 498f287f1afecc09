#include "server/rpc/hub_service.h"

#include <unistd.h>

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/rpc/convert.h"
#include "server/rpc/inspection.h"

namespace hubd {
namespace {

constexpr int kApiRevision = 9;

// What a look-up found, as it is sent.
template <class Response, class Value>
std::optional<absl::StatusOr<Response>> Known(
    std::optional<Value> value,
    const std::function<void(Value&, Response&)>& fill) {
  if (!value) return std::nullopt;
  Response response;
  fill(*value, response);
  return response;
}

template <class Request>
absl::StatusOr<InspectionRequest> InspectionOf(const Request& request) {
  InspectionRequest inspection;
  HUBD_ASSIGN_OR_RETURN(inspection.tree, FromProto(request.tree()));
  HUBD_RETURN_IF_ERROR(CheckInterpreter(request.interpreter()));
  inspection.interpreter = request.interpreter();
  return inspection;
}

void FillList(Inspected& inspected, v1::ListResponse& response) {
  v1::ListResult& result = *response.mutable_result();
  *result.mutable_tree() = ToProto(inspected.tree);
  result.mutable_entrypoints()->Swap(inspected.result.mutable_entrypoints());
  result.mutable_dependencies()->Swap(inspected.result.mutable_dependencies());
  result.set_output(std::move(inspected.output));
  result.set_cached(inspected.cached);
}

void FillHelp(Inspected& inspected, v1::HelpResponse& response) {
  v1::HelpResult& result = *response.mutable_result();
  *result.mutable_tree() = ToProto(inspected.tree);
  if (inspected.result.has_doc()) result.set_doc(inspected.result.doc());
  result.set_signature(inspected.result.signature());
  result.set_output(std::move(inspected.output));
  result.set_cached(inspected.cached);
}

// Answers List and Help from memory, or starts their work.
template <class Response>
void RunInspection(const ServiceParts& parts, const HubService::Work& work,
                   const std::shared_ptr<StreamCall<Response>>& call,
                   absl::StatusOr<InspectionRequest> request,
                   const std::function<void(Inspected&, Response&)>& fill) {
  if (!request.ok()) {
    call->Fail(request.status());
    return;
  }
  if (call->AnswerFrom([&] {
        return Known<Response, Inspected>(
            InspectedInMemory(*request, work.fetcher, work.results), fill);
      })) {
    return;
  }
  const auto shared =
      std::make_shared<const InspectionRequest>(*std::move(request));
  auto look_up = [shared, work, fill] {
    return Known<Response, Inspected>(
        LookUpInspected(*shared, work.fetcher, work.results), fill);
  };
  call->Run(parts.disk, look_up,
            [shared, progress = ProgressTo(call),
             done = ResultTo<Response, Inspected>(call, fill), parts, work] {
              return Inspect(*shared, parts.io, parts.disk, work.fetcher,
                             work.results, progress, done);
            });
}

void FillLoad(TreeResult& result, v1::LoadResponse& response) {
  *response.mutable_result()->mutable_tree() = ToProto(result);
}

void FillCheckpoint(CheckpointResult& result,
                    v1::FetchStateDictResponse& response) {
  *response.mutable_result() = ToProto(result);
}

std::string TreeSubject(const v1::TreeSelector& tree) {
  return LogSubject("repo", tree.repo());
}

}  // namespace

grpc::ServerWriteReactor<v1::ListResponse>* HubService::List(
    grpc::CallbackServerContext* context, const v1::ListRequest* request) {
  CallInfo info = DescribeCall(*context, "List", TreeSubject(request->tree()));
  auto call = OpenStream<v1::ListResponse>(parts_, info);
  absl::StatusOr<InspectionRequest> inspection = InspectionOf(*request);
  if (inspection.ok()) {
    inspection->tree.uid = info.caller.uid;
    inspection->limits = options_.job_limits;
  }
  RunInspection<v1::ListResponse>(parts_, work_, call, std::move(inspection),
                                  FillList);
  return call.get();
}

grpc::ServerWriteReactor<v1::HelpResponse>* HubService::Help(
    grpc::CallbackServerContext* context, const v1::HelpRequest* request) {
  CallInfo info = DescribeCall(*context, "Help", TreeSubject(request->tree()));
  auto call = OpenStream<v1::HelpResponse>(parts_, info);
  absl::StatusOr<InspectionRequest> inspection = InspectionOf(*request);
  if (inspection.ok() && request->entrypoint().empty()) {
    inspection = absl::InvalidArgumentError(
        "Help needs the name of an entrypoint; List shows which there are");
  }
  if (inspection.ok()) {
    inspection->tree.uid = info.caller.uid;
    inspection->limits = options_.job_limits;
    inspection->entrypoint = request->entrypoint();
  }
  RunInspection<v1::HelpResponse>(parts_, work_, call, std::move(inspection),
                                  FillHelp);
  return call.get();
}

grpc::ServerWriteReactor<v1::LoadResponse>* HubService::Load(
    grpc::CallbackServerContext* context, const v1::LoadRequest* request) {
  CallInfo info = DescribeCall(*context, "Load", TreeSubject(request->tree()));
  auto call = OpenStream<v1::LoadResponse>(parts_, info);
  absl::StatusOr<TreeRequest> tree = FromProto(request->tree());
  if (!tree.ok()) {
    call->Fail(tree.status());
    return call.get();
  }
  tree->uid = info.caller.uid;
  using Response = v1::LoadResponse;
  // Trust is looked up on the disk.
  if (!request->require_trust() && call->AnswerFrom([&] {
        return Known<Response, TreeResult>(work_.fetcher.LookInMemory(*tree),
                                           FillLoad);
      })) {
    return call.get();
  }
  if (request->require_trust() || !request->hub_dir().empty()) {
    tree->admit_moved = [hub_dir = request->hub_dir(), caller = info.caller,
                         parts = parts_](const RepoId& moved_to) {
      return parts.admission.RequireTrust(caller, moved_to, hub_dir);
    };
  }
  auto look_up = [tree = *tree, required = request->require_trust(),
                  hub_dir = request->hub_dir(), caller = info.caller,
                  parts = parts_,
                  work = work_]() -> std::optional<absl::StatusOr<Response>> {
    absl::Status trusted =
        required ? parts.admission.RequireTrust(caller, tree.spec.id, hub_dir)
                 : absl::OkStatus();
    if (!trusted.ok()) return trusted;
    return Known<Response, TreeResult>(work.fetcher.LookUp(tree), FillLoad);
  };
  call->Run(parts_.disk, look_up,
            [tree = *tree, progress = ProgressTo(call),
             done = ResultTo<Response, TreeResult>(call, FillLoad),
             work = work_]() -> std::shared_ptr<void> {
              return work.fetcher.FetchTree(tree, progress, done);
            });
  return call.get();
}

grpc::ServerWriteReactor<v1::FetchStateDictResponse>*
HubService::FetchStateDict(grpc::CallbackServerContext* context,
                           const v1::FetchStateDictRequest* request) {
  CallInfo info = DescribeCall(*context, "FetchStateDict",
                               LogSubject("url", RedactUrl(request->url())));
  auto call = OpenStream<v1::FetchStateDictResponse>(parts_, info);
  absl::StatusOr<CheckpointRequest> checkpoint = FromProto(*request);
  if (!checkpoint.ok()) {
    call->Fail(checkpoint.status());
    return call.get();
  }
  checkpoint->uid = info.caller.uid;
  using Response = v1::FetchStateDictResponse;
  if (call->AnswerFrom([&] {
        return Known<Response, CheckpointResult>(
            work_.fetcher.LookInMemory(*checkpoint), FillCheckpoint);
      })) {
    return call.get();
  }
  auto look_up = [checkpoint = *checkpoint, work = work_] {
    return Known<Response, CheckpointResult>(work.fetcher.LookUp(checkpoint),
                                             FillCheckpoint);
  };
  call->Run(parts_.disk, look_up,
            [checkpoint = *checkpoint, progress = ProgressTo(call),
             done = ResultTo<Response, CheckpointResult>(call, FillCheckpoint),
             work = work_]() -> std::shared_ptr<void> {
              return work.fetcher.FetchCheckpoint(checkpoint, progress, done);
            });
  return call.get();
}

grpc::ServerUnaryReactor* HubService::GetDir(
    grpc::CallbackServerContext* context, const v1::GetDirRequest*,
    v1::GetDirResponse* response) {
  auto call = OpenUnary(parts_, DescribeCall(*context, "GetDir", ""), response);
  v1::GetDirResponse answer;
  answer.set_root(options_.root);
  call->Answer(std::move(answer));
  return call.get();
}

// Sandbox and jobs are known on the io thread, the usage on the disk pool.
grpc::ServerUnaryReactor* HubService::GetStatus(
    grpc::CallbackServerContext* context, const v1::GetStatusRequest*,
    v1::GetStatusResponse* response) {
  CallInfo info = DescribeCall(*context, "GetStatus", "");
  auto call = OpenUnary(parts_, info, response);
  if (call->ended()) return call.get();
  auto describe = [weak = std::weak_ptr(call), parts = parts_, work = work_,
                   answer = DescribeDaemon(info.caller)](
                      const JobQueue::Sandbox& sandbox) mutable {
    auto call = weak.lock();
    if (call == nullptr) return;
    answer.set_sandbox(sandbox.level);
    answer.set_sandbox_reason(sandbox.reason);
    answer.set_jobs(work.flights.size() + work.jobs.size());
    parts.disk.Post([call, answer, &store = work.store]() mutable {
      absl::StatusOr<int64_t> usage = store.UsageBytes();
      if (usage.ok()) answer.set_usage_bytes(*usage);
      call->Answer(usage.ok() ? absl::StatusOr<v1::GetStatusResponse>(answer)
                              : usage.status());
    });
  };
  parts_.io.Post([describe, &jobs = work_.jobs, uid = info.caller.uid] {
    jobs.DescribeSandbox(uid, describe);
  });
  return call.get();
}

v1::GetStatusResponse HubService::DescribeDaemon(const Caller& caller) const {
  v1::GetStatusResponse answer;
  answer.set_version(options_.version);
  answer.set_api_revision(kApiRevision);
  answer.set_pid(::getpid());
  answer.set_root(options_.root);
  answer.set_socket(options_.socket());
  answer.set_uptime_seconds(
      absl::ToInt64Seconds(absl::Now() - options_.started_at));
  answer.set_mode(options_.system_mode ? "system" : "user");
  *answer.mutable_caller() = ToProto(caller);
  return answer;
}

}  // namespace hubd
