// A fetcher on a real store, with an origin and a clock that are played.

#ifndef HUBD_TESTS_SERVER_FETCH_FETCH_FIXTURE_H_
#define HUBD_TESTS_SERVER_FETCH_FETCH_FIXTURE_H_

#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/base/executor.h"
#include "server/base/io_thread.h"
#include "server/base/log.h"
#include "server/fetch/fetcher.h"
#include "server/store/space.h"
#include "tests/server/base/temp_dir.h"
#include "tests/server/fetch/archive_builder.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_git_fetcher.h"
#include "tests/testing/fake_git_remote.h"
#include "tests/testing/fake_http_transport.h"

namespace hubd {

class FetchFixture : public testing::Test {
 protected:
  explicit FetchFixture(const FetchOptions& options = OneTry())
      : options_(options),
        store_(*Store::Open({temp_.path() + "/root", ""}, clock_)),
        policy_(*UrlPolicy::Create({})),
        fetcher_(options_, parts()) {}

  ~FetchFixture() override {
    http_.Release();
    // Operations end on the io thread.
    OnIo([this] { operations_.clear(); });
  }

  // A failure that may pass is final.
  static FetchOptions OneTry() {
    FetchOptions options;
    options.download.retry.tries = 1;
    return options;
  }

  FetchContext context() { return {options_, parts()}; }

  FetchParts parts() {
    return {*store_,  space_,   http_,    bandwidth_, git_,
            objects_, objects_, mirrors_, policy_,    connections_,
            flights_, io_,      disk_,    clock_};
  }

  // Runs `work` on the io thread and waits for it.
  void OnIo(const std::function<void()>& work) {
    std::promise<void> done;
    io_.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  std::future<absl::StatusOr<TreeResult>> StartTree(TreeRequest request) {
    auto promise = std::make_shared<std::promise<absl::StatusOr<TreeResult>>>();
    OnIo([&] {
      operations_.push_back(fetcher_.FetchTree(
          std::move(request), [](const Progress&) {},
          [promise](absl::StatusOr<TreeResult> result) {
            promise->set_value(std::move(result));
          }));
    });
    return promise->get_future();
  }

  absl::StatusOr<TreeResult> FetchTree(TreeRequest request) {
    return StartTree(std::move(request)).get();
  }

  std::future<absl::StatusOr<CheckpointResult>> StartCheckpoint(
      CheckpointRequest request) {
    auto promise =
        std::make_shared<std::promise<absl::StatusOr<CheckpointResult>>>();
    OnIo([&] {
      operations_.push_back(fetcher_.FetchCheckpoint(
          std::move(request), [](const Progress&) {},
          [promise](absl::StatusOr<CheckpointResult> result) {
            promise->set_value(std::move(result));
          }));
    });
    return promise->get_future();
  }

  absl::StatusOr<CheckpointResult> FetchCheckpoint(CheckpointRequest request) {
    return StartCheckpoint(std::move(request)).get();
  }

  // Has `begin(progress, done)` begin an operation, and waits until a flight
  // tells it of its progress.
  template <class Result, class Begin>
  std::future<absl::StatusOr<Result>> Join(Begin begin) {
    auto result = std::make_shared<std::promise<absl::StatusOr<Result>>>();
    auto joined = std::make_shared<std::promise<void>>();
    auto once = std::make_shared<bool>(false);
    OnIo([&] {
      operations_.push_back(begin(
          [joined, once](const Progress&) {
            if (!std::exchange(*once, true)) joined->set_value();
          },
          [result](absl::StatusOr<Result> outcome) {
            result->set_value(std::move(outcome));
          }));
    });
    joined->get_future().wait();
    return result->get_future();
  }

  static constexpr int kRunners = 8;

  const FetchOptions options_;
  TempDir temp_;
  FakeClock clock_;
  FakeHttpTransport http_;
  Bandwidth bandwidth_{clock_};
  FakeGitRemote git_;
  FakeGitFetcher objects_;
  std::unique_ptr<Store> store_;
  // All that the disk has.
  Space space_{{.path = temp_.path(), .min_free = 0}};
  UrlPolicy policy_;
  // None, until a test sets some.
  Mirrors mirrors_;
  IoThread io_;
  ThreadPool disk_{"disk", 2};
  ThreadPool runners_{"fetch", kRunners};
  // One request after the other: which comes when is known.
  ConnectionBudget connections_{{.per_object = 1}};
  FlightTable flights_{{runners_, runners_}, io_, clock_, bandwidth_};
  Fetcher fetcher_;
  std::vector<std::unique_ptr<FetchOperation>> operations_;
};

// Runs a flight's work without a table: never stopped, every caller accepts.
class FreeFlight final : public FlightTable::Context {
 public:
  int64_t id() const override { return 1; }
  std::stop_token stop() const override { return {}; }
  void Report(const Progress& progress) override {
    reports_.push_back(progress);
  }
  absl::Status Judge(const Fetched& fetched) const override {
    const auto* got = std::get_if<CheckpointObject>(&fetched.object);
    if (got != nullptr && !wanted_.empty() && got->sha256 != wanted_) {
      return absl::DataLossError("another digest");
    }
    if (!fetched.objection.ok()) return fetched.objection;
    return judgement_;
  }

  void set_judgement(absl::Status judgement) {
    judgement_ = std::move(judgement);
  }
  // Of a checkpoint; others are refused.
  void set_wanted(std::string sha256) { wanted_ = std::move(sha256); }
  const std::vector<Progress>& reports() const { return reports_; }

 private:
  std::string wanted_;
  absl::Status judgement_ = absl::OkStatus();
  std::vector<Progress> reports_;
};

}  // namespace hubd

#endif  // HUBD_TESTS_SERVER_FETCH_FETCH_FIXTURE_H_
