#include "server/rpc/tree_load.h"

#include <utility>

namespace hubd {
namespace {

// The caller holds it; what is posted does not, so that dropping it ends it.
class TreeLoad : public std::enable_shared_from_this<TreeLoad> {
 public:
  using DoneFn = std::function<void(absl::StatusOr<TreeResult>)>;

  TreeLoad(TreeLoadRequest request, Executor& io, Fetcher& fetcher,
           ProgressFn progress, DoneFn done)
      : request_(std::move(request)),
        io_(io),
        fetcher_(fetcher),
        progress_(std::move(progress)),
        done_(std::move(done)) {}

  void Start(Executor& disk, const Admission& admission) {
    if (!request_.require_trust) {
      Fetch();
      return;
    }
    disk.Post(
        [weak = weak_from_this(), request = request_, &io = io_, &admission] {
          absl::Status trusted = admission.RequireTrust(
              request.caller, request.tree.spec.id, request.hub_dir);
          io.Post([weak, trusted] {
            if (auto self = weak.lock()) self->OnTrust(trusted);
          });
        });
  }

 private:
  void OnTrust(const absl::Status& trusted) {
    if (trusted.ok()) {
      Fetch();
    } else {
      done_(trusted);
    }
  }

  void Fetch() { fetch_ = fetcher_.FetchTree(request_.tree, progress_, done_); }

  const TreeLoadRequest request_;
  Executor& io_;
  Fetcher& fetcher_;
  const ProgressFn progress_;
  const DoneFn done_;
  std::unique_ptr<FetchOperation> fetch_;
};

}  // namespace

std::shared_ptr<void> LoadTree(
    TreeLoadRequest request, Executor& io, Executor& disk,
    const Admission& admission, Fetcher& fetcher, ProgressFn progress,
    std::function<void(absl::StatusOr<TreeResult>)> done) {
  auto load = std::make_shared<TreeLoad>(std::move(request), io, fetcher,
                                         std::move(progress), std::move(done));
  load->Start(disk, admission);
  return load;
}

}  // namespace hubd
