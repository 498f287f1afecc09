#include "server/jobs/environment_look.h"

#include <chrono>
#include <condition_variable>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/mutex.h"

namespace hubd {
namespace {

// Of one user; the next one makes all of them unknown.
constexpr size_t kMaxLocal = 256;

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
  // Serialized; those that were seen to lie on local disks.
  std::set<std::string> local ABSL_GUARDED_BY(mutex);
};

EnvironmentLook::EnvironmentLook(Options options)
    : options_(std::move(options)), shared_(std::make_shared<Shared>()) {}

std::optional<std::string> EnvironmentLook::IdInMemory(
    const v1::Interpreter& interpreter) const {
  const std::string name = interpreter.SerializeAsString();
  {
    MutexLock lock(shared_->mutex);
    if (!shared_->local.contains(name)) return std::nullopt;
  }
  return options_.look_in_memory(interpreter);
}

std::optional<std::string> EnvironmentLook::IdOf(
    const v1::Interpreter& interpreter) const {
  std::string name = interpreter.SerializeAsString();
  bool local = false;
  {
    MutexLock lock(shared_->mutex);
    local = shared_->local.contains(name);
    if (!local && shared_->late_count > 0) return std::nullopt;
  }
  if (local) return options_.look(interpreter);
  auto look = std::make_shared<Look>();
  try {
    std::thread([shared = shared_, look, interpreter, name = std::move(name),
                 read = options_.look, is_local = options_.is_local] {
      std::optional<std::string> id = read(interpreter);
      const bool local = id && is_local(interpreter);
      MutexLock lock(shared->mutex);
      if (local) {
        if (shared->local.size() >= kMaxLocal) shared->local.clear();
        shared->local.insert(name);
      }
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
