#include "tests/client/fake_daemon.h"

#include <chrono>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace hubd {
namespace {

constexpr char kCommit[] = "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d";

v1::Tree SampleTree() {
  v1::Tree tree;
  tree.set_repo("github.com/hubd/sample");
  tree.set_ref("main");
  tree.set_commit(kCommit);
  tree.set_route("archive");
  tree.set_path("/cache/store/trees/sample");
  tree.set_size_bytes(1234567);
  tree.set_created_at(1700000000);
  return tree;
}

// Page `token` of what has one item a page; sets the next token.
template <class Item, class Request, class Response>
const Item* PageOf(const std::vector<Item>& items, const Request& request,
                   Response& response) {
  size_t at = 0;
  if (!absl::SimpleAtoi(request.page_token(), &at)) at = 0;
  if (at + 1 < items.size()) {
    response.set_next_page_token(absl::StrCat(at + 1));
  }
  return at < items.size() ? &items[at] : nullptr;
}

}  // namespace

grpc::Status Failure(Reason reason, const std::string& message,
                     const Metadata& metadata,
                     const std::optional<v1::WorkerExit>& worker) {
  const int code = static_cast<int>(ReasonCode(reason));
  v1::ErrorInfo info;
  info.set_reason(std::string(ReasonName(reason)));
  info.set_domain("hubd");
  info.mutable_metadata()->insert(metadata.begin(), metadata.end());
  v1::StatusDetails details;
  details.set_code(code);
  details.set_message(message);
  google::protobuf::Any* any = details.add_details();
  any->set_type_url("type.googleapis.com/google.rpc.ErrorInfo");
  info.SerializeToString(any->mutable_value());
  if (worker) {
    any = details.add_details();
    any->set_type_url("type.googleapis.com/hubd.v1.WorkerExit");
    worker->SerializeToString(any->mutable_value());
  }
  return grpc::Status(static_cast<grpc::StatusCode>(code), message,
                      details.SerializeAsString());
}

class FakeDaemon::HubService final : public v1::Hub::Service {
 public:
  explicit HubService(FakeDaemon& fake) : fake_(fake) {}

  grpc::Status List(grpc::ServerContext* context,
                    const v1::ListRequest* request,
                    grpc::ServerWriter<v1::ListResponse>* writer) override {
    fake_.Count(*request, &FakeDaemon::last_list_);
    return Answer(*context, *request, *writer, fake_.on_list, fake_.list);
  }
  grpc::Status Help(grpc::ServerContext* context,
                    const v1::HelpRequest* request,
                    grpc::ServerWriter<v1::HelpResponse>* writer) override {
    fake_.Count(*request, &FakeDaemon::last_help_);
    return Answer(*context, *request, *writer, {}, fake_.help);
  }
  grpc::Status Load(grpc::ServerContext* context,
                    const v1::LoadRequest* request,
                    grpc::ServerWriter<v1::LoadResponse>* writer) override {
    fake_.Count(*request, &FakeDaemon::last_load_);
    return Answer(*context, *request, *writer, {}, fake_.load);
  }
  grpc::Status FetchStateDict(
      grpc::ServerContext* context, const v1::FetchStateDictRequest* request,
      grpc::ServerWriter<v1::FetchStateDictResponse>* writer) override {
    fake_.Count(*request, &FakeDaemon::last_fetch_);
    return Answer(*context, *request, *writer, fake_.on_fetch,
                  fake_.checkpoint);
  }
  grpc::Status GetDir(grpc::ServerContext* context,
                      const v1::GetDirRequest* request,
                      v1::GetDirResponse* response) override {
    fake_.Count();
    response->set_root(fake_.status.root());
    if (!fake_.on_get_dir) return grpc::Status::OK;
    return fake_.on_get_dir(*context, *request, *response);
  }
  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override {
    fake_.Count();
    *response = fake_.status;
    return grpc::Status::OK;
  }

 private:
  template <class Request, class Response, class Result>
  grpc::Status Answer(
      grpc::ServerContext& context, const Request& request,
      grpc::ServerWriter<Response>& writer,
      const std::type_identity_t<StreamHandler<Request, Response>>& handler,
      const Result& sample) {
    if (handler) {
      return handler(context, request,
                     [&](const Response& event) { writer.Write(event); });
    }
    Response response;
    *response.mutable_result() = sample;
    writer.Write(response);
    return grpc::Status::OK;
  }

  FakeDaemon& fake_;
};

class FakeDaemon::CacheService final : public v1::Cache::Service {
 public:
  explicit CacheService(FakeDaemon& fake) : fake_(fake) {}

  grpc::Status ListTrees(grpc::ServerContext*,
                         const v1::ListTreesRequest* request,
                         v1::ListTreesResponse* response) override {
    fake_.Count();
    if (auto* tree = PageOf(fake_.trees, *request, *response)) {
      *response->add_trees() = *tree;
    }
    return grpc::Status::OK;
  }
  grpc::Status ListCheckpoints(grpc::ServerContext*,
                               const v1::ListCheckpointsRequest* request,
                               v1::ListCheckpointsResponse* response) override {
    fake_.Count();
    if (auto* one = PageOf(fake_.checkpoints, *request, *response)) {
      *response->add_checkpoints() = *one;
    }
    return grpc::Status::OK;
  }

  grpc::Status Verify(grpc::ServerContext* context,
                      const v1::VerifyRequest* request,
                      grpc::ServerWriter<v1::VerifyResponse>* writer) override {
    fake_.Count(*request, &FakeDaemon::last_verify_);
    if (fake_.on_verify) {
      return fake_.on_verify(
          *context, *request,
          [&](const v1::VerifyResponse& event) { writer->Write(event); });
    }
    v1::VerifyResponse response;
    *response.mutable_result() = fake_.verified;
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status Repair(grpc::ServerContext*, const v1::RepairRequest* request,
                      grpc::ServerWriter<v1::RepairResponse>* writer) override {
    fake_.Count(*request, &FakeDaemon::last_repair_);
    v1::RepairResponse response;
    *response.mutable_result() = fake_.verified;
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status Import(grpc::ServerContext*, const v1::ImportRequest* request,
                      grpc::ServerWriter<v1::ImportResponse>* writer) override {
    fake_.Count(*request, &FakeDaemon::last_import_);
    v1::ImportResponse response;
    *response.mutable_result() = fake_.imported;
    writer->Write(response);
    return grpc::Status::OK;
  }

  grpc::Status ListJobs(grpc::ServerContext*, const v1::ListJobsRequest*,
                        v1::ListJobsResponse* response) override {
    fake_.Count();
    *response = fake_.jobs;
    return grpc::Status::OK;
  }
  // Tells them once, and then fails.
  grpc::Status WatchJobs(
      grpc::ServerContext* context, const v1::WatchJobsRequest* request,
      grpc::ServerWriter<v1::ListJobsResponse>* writer) override {
    fake_.Count();
    writer->Write(fake_.jobs);
    if (fake_.on_watch) {
      return fake_.on_watch(
          *context, *request,
          [&](const v1::ListJobsResponse& jobs) { writer->Write(jobs); });
    }
    return Failure(Reason::kNotYours, "no more");
  }
  grpc::Status CancelJob(grpc::ServerContext*,
                         const v1::CancelJobRequest* request,
                         v1::CancelJobResponse* response) override {
    fake_.Count();
    for (const v1::Job& job : fake_.jobs.jobs()) {
      if (job.id() != request->id()) continue;
      *response->mutable_job() = job;
      return grpc::Status::OK;
    }
    return {grpc::StatusCode::NOT_FOUND, "there is no such job"};
  }
  grpc::Status SetLimit(grpc::ServerContext*,
                        const v1::SetLimitRequest* request,
                        v1::SetLimitResponse*) override {
    fake_.Count(*request, &FakeDaemon::last_limit_);
    return grpc::Status::OK;
  }
  grpc::Status Prune(grpc::ServerContext*, const v1::PruneRequest* request,
                     v1::PruneResponse* response) override {
    fake_.Count(*request, &FakeDaemon::last_prune_);
    *response = fake_.pruned;
    return grpc::Status::OK;
  }

 private:
  FakeDaemon& fake_;
};

class FakeDaemon::TrustService final : public v1::Trust::Service {
 public:
  explicit TrustService(FakeDaemon& fake) : fake_(fake) {}

  grpc::Status ListTrust(grpc::ServerContext*,
                         const v1::ListTrustRequest* request,
                         v1::ListTrustResponse* response) override {
    fake_.Count();
    if (auto* entry = PageOf(fake_.entries, *request, *response)) {
      *response->add_entries() = *entry;
    }
    return grpc::Status::OK;
  }
  grpc::Status AddTrust(grpc::ServerContext*,
                        const v1::AddTrustRequest* request,
                        v1::AddTrustResponse* response) override {
    fake_.Count();
    response->mutable_entry()->set_repo("github.com/" + request->repo());
    response->mutable_entry()->set_hub_dir(request->hub_dir());
    response->set_added(true);
    return grpc::Status::OK;
  }
  grpc::Status RemoveTrust(grpc::ServerContext*,
                           const v1::RemoveTrustRequest* request,
                           v1::RemoveTrustResponse* response) override {
    fake_.Count(*request, &FakeDaemon::last_remove_);
    response->set_removed(2);
    return grpc::Status::OK;
  }
  grpc::Status CheckTrust(grpc::ServerContext*,
                          const v1::CheckTrustRequest* request,
                          v1::CheckTrustResponse* response) override {
    fake_.Count();
    response->set_repo("github.com/" + request->repo());
    response->set_trusted(fake_.trusted);
    return grpc::Status::OK;
  }

 private:
  FakeDaemon& fake_;
};

FakeDaemon::FakeDaemon(const std::string& socket)
    : hub_service_(std::make_unique<HubService>(*this)),
      cache_service_(std::make_unique<CacheService>(*this)),
      trust_service_(std::make_unique<TrustService>(*this)) {
  *list.mutable_tree() = SampleTree();
  *help.mutable_tree() = SampleTree();
  *load.mutable_tree() = SampleTree();
  checkpoint.set_url("https://example.com/model.pth");
  checkpoint.set_sha256(std::string(64, 'a'));
  status.set_version("0.1.0");
  status.set_api_revision(1);
  status.set_root("/cache");
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket, grpc::InsecureServerCredentials());
  builder.RegisterService(hub_service_.get());
  builder.RegisterService(cache_service_.get());
  builder.RegisterService(trust_service_.get());
  server_ = builder.BuildAndStart();
  HUBD_CHECK(server_ != nullptr);
}

FakeDaemon::~FakeDaemon() { Stop(); }

void FakeDaemon::Stop() { server_->Shutdown(std::chrono::system_clock::now()); }

void FakeDaemon::Count() {
  MutexLock lock(mutex_);
  ++requests_;
}

int FakeDaemon::requests() const {
  MutexLock lock(mutex_);
  return requests_;
}

v1::ListRequest FakeDaemon::last_list() const {
  MutexLock lock(mutex_);
  return last_list_;
}

v1::HelpRequest FakeDaemon::last_help() const {
  MutexLock lock(mutex_);
  return last_help_;
}

v1::LoadRequest FakeDaemon::last_load() const {
  MutexLock lock(mutex_);
  return last_load_;
}

v1::FetchStateDictRequest FakeDaemon::last_fetch() const {
  MutexLock lock(mutex_);
  return last_fetch_;
}

v1::VerifyRequest FakeDaemon::last_verify() const {
  MutexLock lock(mutex_);
  return last_verify_;
}

v1::RepairRequest FakeDaemon::last_repair() const {
  MutexLock lock(mutex_);
  return last_repair_;
}

v1::ImportRequest FakeDaemon::last_import() const {
  MutexLock lock(mutex_);
  return last_import_;
}

v1::PruneRequest FakeDaemon::last_prune() const {
  MutexLock lock(mutex_);
  return last_prune_;
}

v1::SetLimitRequest FakeDaemon::last_limit() const {
  MutexLock lock(mutex_);
  return last_limit_;
}

v1::RemoveTrustRequest FakeDaemon::last_remove() const {
  MutexLock lock(mutex_);
  return last_remove_;
}

}  // namespace hubd
