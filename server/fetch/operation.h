// One caller's way through look-ups and flights to a result.
//
// A chain of steps: a look-up on the disk pool or a flight, then a decision on
// the io thread. Confined to the io thread, but for the look-ups themselves.

#ifndef HUBD_SERVER_FETCH_OPERATION_H_
#define HUBD_SERVER_FETCH_OPERATION_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "server/base/progress.h"
#include "server/fetch/fetch_context.h"
#include "server/store/way_out.h"

namespace hubd {

// A caller's hold on its operation. Dropped: the interest is given up and no
// callback follows. Confined to the io thread.
class FetchOperation {
 public:
  virtual ~FetchOperation() = default;
};

template <class Result>
class Operation : public std::enable_shared_from_this<Operation<Result>> {
 public:
  using DoneFn = std::function<void(absl::StatusOr<Result>)>;

  Operation(const FetchContext& context, ProgressFn progress, DoneFn done)
      : context_(context),
        progress_(std::move(progress)),
        done_(std::move(done)) {}
  virtual ~Operation() = default;

  // Begins the operation; its hold keeps it alive.
  static std::unique_ptr<FetchOperation> Begin(
      std::shared_ptr<Operation> operation) {
    operation->Start();
    return std::make_unique<Hold>(std::move(operation));
  }

 protected:
  virtual void Start() = 0;

  // Runs `look_up` on the disk pool, then `then` on the io thread. Both may use
  // `this`: the operation lives until they have run, and ends on the io thread.
  template <class T>
  void LookUp(std::function<T()> look_up, std::function<void(T)> then) {
    context_.parts.disk.Post([self = this->shared_from_this(),
                              look_up = std::move(look_up),
                              then = std::move(then)]() mutable {
      Executor& io = self->context_.parts.io;
      auto found = std::make_shared<T>(look_up());
      io.Post([self = std::move(self), found, then = std::move(then)] {
        if (!self->dropped_) then(std::move(*found));
      });
    });
  }

  // Joins a flight; `then` runs on the io thread and may use `this`. `run` may
  // not: the flight can outlive the operation.
  void Join(const FlightKey& key, const FlightSubject& subject,
            FlightTable::Run run, FlightTable::AcceptFn accept,
            std::function<void(const absl::StatusOr<Fetched>&)> then) {
    auto weak = this->weak_from_this();
    FlightTable::Interest interest;
    interest.uid = context_.uid;
    interest.accept = std::move(accept);
    interest.progress = [weak](const Progress& progress) {
      auto self = weak.lock();
      if (self && !self->dropped_) self->progress_(progress);
    };
    interest.done =
        [weak, then = std::move(then)](const absl::StatusOr<Fetched>& result) {
          auto self = weak.lock();
          if (self && !self->dropped_) then(result);
        };
    ticket_ = context_.parts.flights.Join(key, subject, std::move(run),
                                          std::move(interest));
  }

  void Finish(absl::StatusOr<Result> result) {
    dropped_ = true;
    if (!result.ok()) {
      result = WithWayOut(result.status(), context_.parts.store.layout());
    }
    done_(std::move(result));
  }

  // The same from within Start, where the caller has no hold yet.
  void FinishLater(const absl::Status& status) {
    context_.parts.io.Post([self = this->shared_from_this(), status] {
      if (!self->dropped_) self->Finish(status);
    });
  }

  const FetchContext& context() const { return context_; }
  // For a step that is an operation of its own.
  const ProgressFn& progress() const { return progress_; }

 private:
  class Hold final : public FetchOperation {
   public:
    explicit Hold(std::shared_ptr<Operation> operation)
        : operation_(std::move(operation)) {}
    ~Hold() override {
      operation_->dropped_ = true;
      operation_->ticket_.Drop();
    }

   private:
    const std::shared_ptr<Operation> operation_;
  };

  const FetchContext context_;
  const ProgressFn progress_;
  const DoneFn done_;
  bool dropped_ = false;
  FlightTable::Ticket ticket_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_OPERATION_H_
