#include "server/jobs/environment_look.h"

#include <chrono>
#include <condition_variable>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/mutex.h"

namespace hubd {
namespace {

struct Look {
  bool ended = false;
  bool late = false;
  std::optional<std::string> id;
};

}  // namespace

struct EnvironmentLook::Shared {
  // Guards the looks too.
  Mutex mutex;
  CondVar look_ended;
  int late_count ABSL_GUARDED_BY(mutex) = 0;
};

EnvironmentLook::EnvironmentLook(Options options)
    : options_(std::move(options)), shared_(std::make_shared<Shared>()) {}

std::optional<std::string> EnvironmentLook::IdOf(
    const v1::Interpreter& interpreter) const {
  {
    MutexLock lock(shared_->mutex);
    if (shared_->late_count > 0) return std::nullopt;
  }
  auto look = std::make_shared<Look>();
  try {
    std::thread([shared = shared_, look, interpreter, read = options_.look] {
      std::optional<std::string> id = read(interpreter);
      MutexLock lock(shared->mutex);
      look->id = std::move(id);
      look->ended = true;
      if (look->late) --shared->late_count;
      shared->look_ended.NotifyAll();
    }).detach();
  } catch (const std::system_error&) {
    return std::nullopt;  // The system has no thread to give.
  }
  const auto deadline = std::chrono::steady_clock::now() +
                        absl::ToChronoNanoseconds(options_.patience);
  {
    MutexLock lock(shared_->mutex);
    while (!look->ended && std::chrono::steady_clock::now() < deadline) {
      shared_->look_ended.WaitUntil(shared_->mutex, deadline);
    }
    if (look->ended) return look->id;
    look->late = true;
    ++shared_->late_count;
  }
  HUBD_LOG(kWarning) << "event=environment_does_not_answer prefix="
                     << LogQuote(interpreter.prefix());
  return std::nullopt;
}

}  // namespace hubd
