#include "server/rpc/cache_service.h"

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/base/status.h"
#include "server/rpc/convert.h"
#include "server/rpc/job_watch.h"

namespace hubd {
namespace {

// Watches of one user: each costs a look at all jobs several times a second.
constexpr int kMaxWatches = 16;

absl::Status TooManyWatches() {
  return absl::ResourceExhaustedError(
      absl::StrCat("you watch the jobs ", kMaxWatches,
                   " times already: end one of them (hubctl jobs watch)"));
}

}  // namespace

grpc::ServerUnaryReactor* CacheService::ListTrees(
    grpc::CallbackServerContext* context, const v1::ListTreesRequest* request,
    v1::ListTreesResponse* response) {
  return AnswerOnDisk<v1::ListTreesResponse>(
      parts_, DescribeCall(*context, "ListTrees", ""), response,
      [&catalog = work_.store.catalog(),
       request = *request]() -> absl::StatusOr<v1::ListTreesResponse> {
        HUBD_ASSIGN_OR_RETURN(int size, PageSizeOf(request.page_size()));
        HUBD_ASSIGN_OR_RETURN(Page<TreeObject> page,
                              catalog.ListTrees(size, request.page_token()));
        v1::ListTreesResponse answer;
        for (const TreeObject& tree : page.objects) {
          *answer.add_trees() = ToProto(tree);
        }
        answer.set_next_page_token(page.next_token);
        return answer;
      });
}

grpc::ServerUnaryReactor* CacheService::ListCheckpoints(
    grpc::CallbackServerContext* context,
    const v1::ListCheckpointsRequest* request,
    v1::ListCheckpointsResponse* response) {
  const CallInfo info = DescribeCall(*context, "ListCheckpoints", "");
  // What the query of another user's URL has may be for that user only.
  const bool administrator = parts_.admission.IsAdministrator(info.caller);
  return AnswerOnDisk<v1::ListCheckpointsResponse>(
      parts_, info, response,
      [&catalog = work_.store.catalog(), administrator,
       request = *request]() -> absl::StatusOr<v1::ListCheckpointsResponse> {
        HUBD_ASSIGN_OR_RETURN(int size, PageSizeOf(request.page_size()));
        HUBD_ASSIGN_OR_RETURN(
            Page<CheckpointObject> page,
            catalog.ListCheckpoints(size, request.page_token()));
        v1::ListCheckpointsResponse answer;
        for (const CheckpointObject& checkpoint : page.objects) {
          v1::Checkpoint& listed = *answer.add_checkpoints();
          listed = ToProto(checkpoint);
          if (administrator) continue;
          listed.set_url(checkpoint.url.substr(0, checkpoint.url.find('?')));
        }
        answer.set_next_page_token(page.next_token);
        return answer;
      });
}

grpc::ServerWriteReactor<v1::VerifyResponse>* CacheService::Verify(
    grpc::CallbackServerContext* context, const v1::VerifyRequest* request) {
  CallInfo info =
      DescribeCall(*context, "Verify", LogSubject("repo", request->repo()));
  auto call = OpenStream<v1::VerifyResponse>(parts_, info);
  absl::StatusOr<VerifyRequest> verify = FromProto(*request);
  if (!verify.ok()) {
    call->Fail(verify.status());
    return call.get();
  }
  verify->uid = info.caller.uid;
  call->Run([verify = *std::move(verify), progress = ProgressTo(call),
             done = ResultTo<v1::VerifyResponse, VerifyReport>(
                 call,
                 [](VerifyReport& report, v1::VerifyResponse& response) {
                   *response.mutable_result() = ToProto(report);
                 }),
             &fetcher = work_.fetcher]() -> std::shared_ptr<void> {
    return fetcher.Verify(verify, progress, done);
  });
  return call.get();
}

grpc::ServerWriteReactor<v1::RepairResponse>* CacheService::Repair(
    grpc::CallbackServerContext* context, const v1::RepairRequest* request) {
  CallInfo info = DescribeCall(*context, "Repair",
                               LogSubject("repo", request->verify().repo()));
  auto call = OpenStream<v1::RepairResponse>(parts_, info);
  absl::StatusOr<RepairRequest> repair = FromProto(*request);
  if (!repair.ok()) {
    call->Fail(repair.status());
    return call.get();
  }
  repair->verify.uid = info.caller.uid;
  call->Run([repair = *std::move(repair), progress = ProgressTo(call),
             done = ResultTo<v1::RepairResponse, VerifyReport>(
                 call,
                 [](VerifyReport& report, v1::RepairResponse& response) {
                   *response.mutable_result() = ToProto(report);
                 }),
             &fetcher = work_.fetcher]() -> std::shared_ptr<void> {
    return fetcher.Repair(repair, progress, done);
  });
  return call.get();
}

grpc::ServerWriteReactor<v1::ImportResponse>* CacheService::Import(
    grpc::CallbackServerContext* context, const v1::ImportRequest* request) {
  CallInfo info = DescribeCall(*context, "Import",
                               LogSubject("directory", request->directory()));
  auto call = OpenStream<v1::ImportResponse>(parts_, info);
  const absl::Status admitted = parts_.admission.AdmitImport();
  absl::StatusOr<ImportRequest> import =
      admitted.ok() ? FromProto(*request) : admitted;
  if (!import.ok()) {
    call->Fail(import.status());
    return call.get();
  }
  import->uid = info.caller.uid;
  import->add_trust = [caller = info.caller, &admission = parts_.admission](
                          const RepoId& repo,
                          const std::string& hub_dir) -> absl::StatusOr<bool> {
    HUBD_ASSIGN_OR_RETURN(auto added,
                          admission.AddTrust(caller, repo, hub_dir));
    return added.second;
  };
  call->Run([import = *std::move(import), progress = ProgressTo(call),
             done = ResultTo<v1::ImportResponse, ImportReport>(
                 call,
                 [](ImportReport& report, v1::ImportResponse& response) {
                   *response.mutable_result() = ToProto(report);
                 }),
             &fetcher = work_.fetcher]() -> std::shared_ptr<void> {
    return fetcher.Import(import, progress, done);
  });
  return call.get();
}

grpc::ServerUnaryReactor* CacheService::ListJobs(
    grpc::CallbackServerContext* context, const v1::ListJobsRequest*,
    v1::ListJobsResponse* response) {
  CallInfo info = DescribeCall(*context, "ListJobs", "");
  auto call = OpenUnary(parts_, info, response);
  if (!call->ended()) call->Answer(jobs_.List(info.caller));
  return call.get();
}

grpc::ServerWriteReactor<v1::ListJobsResponse>* CacheService::WatchJobs(
    grpc::CallbackServerContext* context, const v1::WatchJobsRequest*) {
  CallInfo info = DescribeCall(*context, "WatchJobs", "");
  // It has no end: nobody is to wait for one. But somebody looks.
  info.background = true;
  info.watched = true;
  auto call = OpenStream<v1::ListJobsResponse>(parts_, info);
  call->Run([caller = info.caller, weak = std::weak_ptr(call), &io = work_.io,
             &jobs = jobs_, &watchers = watchers_]() -> std::shared_ptr<void> {
    std::shared_ptr<const uid_t>& watcher = watchers[caller.uid];
    if (watcher == nullptr) watcher = std::make_shared<uid_t>(caller.uid);
    if (watcher.use_count() > kMaxWatches) {
      if (auto call = weak.lock()) call->Fail(TooManyWatches());
      return nullptr;
    }
    return std::make_shared<JobWatch>(
        JobWatch::Options(), io,
        [&jobs, caller, watcher] { return jobs.List(caller); },
        [weak](const v1::ListJobsResponse& list) {
          if (auto call = weak.lock()) call->SendProgress(list);
        });
  });
  return call.get();
}

grpc::ServerUnaryReactor* CacheService::CancelJob(
    grpc::CallbackServerContext* context, const v1::CancelJobRequest* request,
    v1::CancelJobResponse* response) {
  CallInfo info =
      DescribeCall(*context, "CancelJob", absl::StrCat("job=", request->id()));
  auto call = OpenUnary(parts_, info, response);
  if (call->ended()) return call.get();
  absl::StatusOr<v1::Job> job = jobs_.Cancel(info.caller, request->id());
  if (!job.ok()) {
    call->Fail(job.status());
    return call.get();
  }
  v1::CancelJobResponse answer;
  *answer.mutable_job() = *std::move(job);
  call->Answer(std::move(answer));
  return call.get();
}

grpc::ServerUnaryReactor* CacheService::SetLimit(
    grpc::CallbackServerContext* context, const v1::SetLimitRequest* request,
    v1::SetLimitResponse* response) {
  CallInfo info = DescribeCall(
      *context, "SetLimit",
      absl::StrCat("bytes_per_second=", request->bytes_per_second()));
  auto call = OpenUnary(parts_, info, response);
  if (call->ended()) return call.get();
  absl::Status set = jobs_.SetLimit(info.caller, *request);
  call->Answer(
      set.ok() ? absl::StatusOr<v1::SetLimitResponse>(v1::SetLimitResponse())
               : set);
  return call.get();
}

grpc::ServerUnaryReactor* CacheService::Prune(
    grpc::CallbackServerContext* context, const v1::PruneRequest* request,
    v1::PruneResponse* response) {
  const CallInfo info = DescribeCall(*context, "Prune", "");
  return AnswerOnDisk<v1::PruneResponse>(
      parts_, info, response,
      [&store = work_.store, &admission = parts_.admission,
       caller = info.caller,
       partials = request->partials()]() -> absl::StatusOr<v1::PruneResponse> {
        HUBD_RETURN_IF_ERROR(admission.AdmitPrune(caller));
        if (!partials) {
          return absl::InvalidArgumentError(
              "nothing is named that is to go; this hubd knows `partials`");
        }
        HUBD_ASSIGN_OR_RETURN(const PrunedPartials pruned,
                              store.PrunePartials(-absl::InfiniteDuration()));
        return ToProto(pruned);
      });
}

}  // namespace hubd
