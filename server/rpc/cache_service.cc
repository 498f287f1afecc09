#include "server/rpc/cache_service.h"

#include <memory>
#include <utility>

#include "server/base/status.h"
#include "server/rpc/convert.h"

namespace hubd {

grpc::ServerUnaryReactor* CacheService::ListTrees(
    grpc::CallbackServerContext* context, const v1::ListTreesRequest* request,
    v1::ListTreesResponse* response) {
  return AnswerOnDisk<v1::ListTreesResponse>(
      parts_, DescribeCall(*context, "ListTrees", ""), response,
      [&catalog = catalog_,
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
  return AnswerOnDisk<v1::ListCheckpointsResponse>(
      parts_, DescribeCall(*context, "ListCheckpoints", ""), response,
      [&catalog = catalog_,
       request = *request]() -> absl::StatusOr<v1::ListCheckpointsResponse> {
        HUBD_ASSIGN_OR_RETURN(int size, PageSizeOf(request.page_size()));
        HUBD_ASSIGN_OR_RETURN(
            Page<CheckpointObject> page,
            catalog.ListCheckpoints(size, request.page_token()));
        v1::ListCheckpointsResponse answer;
        for (const CheckpointObject& checkpoint : page.objects) {
          *answer.add_checkpoints() = ToProto(checkpoint);
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
  call->Run([verify = *std::move(verify), progress = ProgressTo(call),
             done = ResultTo<v1::VerifyResponse, VerifyReport>(
                 call,
                 [](VerifyReport& report, v1::VerifyResponse& response) {
                   *response.mutable_result() = ToProto(report);
                 }),
             &fetcher = fetcher_]() -> std::shared_ptr<void> {
    return fetcher.Verify(verify, progress, done);
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
             &fetcher = fetcher_]() -> std::shared_ptr<void> {
    return fetcher.Import(import, progress, done);
  });
  return call.get();
}

}  // namespace hubd
