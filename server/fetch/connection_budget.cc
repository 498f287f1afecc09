#include "server/fetch/connection_budget.h"

namespace hubd {

ConnectionBudget::Hold ConnectionBudget::TakeFirst(const std::string& host) {
  MutexLock lock(mutex_);
  ++in_all_;
  ++of_host_[host];
  return Hold(this, host);
}

std::optional<ConnectionBudget::Hold> ConnectionBudget::TakeFurther(
    const std::string& host) {
  MutexLock lock(mutex_);
  const auto found = of_host_.find(host);
  const int there = found == of_host_.end() ? 0 : found->second;
  if (in_all_ >= options_.in_all || there >= options_.per_host) {
    return std::nullopt;
  }
  ++in_all_;
  ++of_host_[host];
  return Hold(this, host);
}

void ConnectionBudget::GiveBack(const std::string& host) {
  MutexLock lock(mutex_);
  --in_all_;
  const auto found = of_host_.find(host);
  if (--found->second == 0) of_host_.erase(found);
}

}  // namespace hubd
