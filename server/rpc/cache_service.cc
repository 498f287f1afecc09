#include "server/rpc/cache_service.h"

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

}  // namespace hubd
