#include "server/rpc/trust_service.h"

#include <utility>

#include "server/base/repo.h"
#include "server/base/status.h"
#include "server/rpc/convert.h"

namespace hubd {

grpc::ServerUnaryReactor* TrustService::ListTrust(
    grpc::CallbackServerContext* context, const v1::ListTrustRequest* request,
    v1::ListTrustResponse* response) {
  CallInfo info = DescribeCall(*context, "ListTrust", "");
  return AnswerOnDisk<v1::ListTrustResponse>(
      parts_, info, response,
      [&admission = parts_.admission, caller = info.caller,
       request = *request]() -> absl::StatusOr<v1::ListTrustResponse> {
        HUBD_ASSIGN_OR_RETURN(int size, PageSizeOf(request.page_size()));
        HUBD_ASSIGN_OR_RETURN(Page<TrustEntry> page,
                              admission.ListTrust(caller, request.hub_dir(),
                                                  size, request.page_token()));
        v1::ListTrustResponse answer;
        for (const TrustEntry& entry : page.objects) {
          *answer.add_entries() = ToProto(entry);
        }
        answer.set_next_page_token(page.next_token);
        return answer;
      });
}

grpc::ServerUnaryReactor* TrustService::AddTrust(
    grpc::CallbackServerContext* context, const v1::AddTrustRequest* request,
    v1::AddTrustResponse* response) {
  CallInfo info =
      DescribeCall(*context, "AddTrust", LogSubject("repo", request->repo()));
  return AnswerOnDisk<v1::AddTrustResponse>(
      parts_, info, response,
      [&admission = parts_.admission, caller = info.caller,
       request = *request]() -> absl::StatusOr<v1::AddTrustResponse> {
        HUBD_ASSIGN_OR_RETURN(RepoSpec spec, ParseRepoSpec(request.repo()));
        HUBD_ASSIGN_OR_RETURN(
            auto added, admission.AddTrust(caller, spec.id, request.hub_dir()));
        v1::AddTrustResponse answer;
        *answer.mutable_entry() = ToProto(added.first);
        answer.set_added(added.second);
        return answer;
      });
}

grpc::ServerUnaryReactor* TrustService::RemoveTrust(
    grpc::CallbackServerContext* context, const v1::RemoveTrustRequest* request,
    v1::RemoveTrustResponse* response) {
  CallInfo info = DescribeCall(*context, "RemoveTrust",
                               LogSubject("repo", request->repo()));
  return AnswerOnDisk<v1::RemoveTrustResponse>(
      parts_, info, response,
      [&admission = parts_.admission, caller = info.caller,
       request = *request]() -> absl::StatusOr<v1::RemoveTrustResponse> {
        HUBD_ASSIGN_OR_RETURN(RepoSpec spec, ParseRepoSpec(request.repo()));
        HUBD_ASSIGN_OR_RETURN(
            int removed,
            admission.RemoveTrust(caller, spec.id, request.hub_dir(),
                                  request.everywhere()));
        v1::RemoveTrustResponse answer;
        answer.set_removed(removed);
        return answer;
      });
}

grpc::ServerUnaryReactor* TrustService::CheckTrust(
    grpc::CallbackServerContext* context, const v1::CheckTrustRequest* request,
    v1::CheckTrustResponse* response) {
  CallInfo info =
      DescribeCall(*context, "CheckTrust", LogSubject("repo", request->repo()));
  return AnswerOnDisk<v1::CheckTrustResponse>(
      parts_, info, response,
      [&admission = parts_.admission, caller = info.caller,
       request = *request]() -> absl::StatusOr<v1::CheckTrustResponse> {
        HUBD_ASSIGN_OR_RETURN(RepoSpec spec, ParseRepoSpec(request.repo()));
        HUBD_ASSIGN_OR_RETURN(
            Admission::Trust trust,
            admission.CheckTrust(caller, spec.id, request.hub_dir()));
        v1::CheckTrustResponse answer;
        answer.set_repo(spec.id.ToString());
        answer.set_trusted(trust.trusted);
        answer.set_trusted_here(trust.trusted_here);
        return answer;
      });
}

}  // namespace hubd
