#include "server/store/known_refs.h"

#include <algorithm>
#include <utility>

namespace hubd {
namespace {

// About what it takes in memory: a name is chosen by the remote, and may be as
// long as a line of its answer. A repo without refs has a weight too, so that
// the list is bounded.
size_t WeightOf(const RefsObject& refs) {
  size_t bytes = sizeof(RefsObject);
  for (const AdvertisedRef& ref : refs.advertisement.refs) {
    bytes += sizeof(AdvertisedRef) + ref.name.size() + ref.commit.size();
  }
  return bytes;
}

}  // namespace

std::shared_ptr<const RefsObject> KnownRefs::Find(const std::string& domain,
                                                  const RepoId& repo) {
  MutexLock lock(mutex_);
  auto found = std::find_if(kept_.begin(), kept_.end(), [&](const auto& refs) {
    return refs->repo == repo && refs->domain == domain;
  });
  if (found == kept_.end()) return nullptr;
  kept_.splice(kept_.begin(), kept_, found);
  return kept_.front();
}

int64_t KnownRefs::generation() const {
  MutexLock lock(mutex_);
  return generation_;
}

void KnownRefs::NoteRead(std::shared_ptr<const RefsObject> refs,
                         int64_t generation) {
  MutexLock lock(mutex_);
  if (generation == generation_) Keep(std::move(refs));
}

void KnownRefs::NoteWritten(std::shared_ptr<const RefsObject> refs) {
  MutexLock lock(mutex_);
  ++generation_;
  Keep(std::move(refs));
}

void KnownRefs::Keep(std::shared_ptr<const RefsObject> refs) {
  size_t dropped = 0;
  std::erase_if(kept_, [&](const auto& other) {
    const bool same =
        other->repo == refs->repo && other->domain == refs->domain;
    if (same) dropped += WeightOf(*other);
    return same;
  });
  bytes_ -= dropped;
  bytes_ += WeightOf(*refs);
  kept_.push_front(std::move(refs));
  while (bytes_ > max_bytes_) {
    bytes_ -= WeightOf(*kept_.back());
    kept_.pop_back();
  }
}

}  // namespace hubd
