#include "server/fetch/negative_answers.h"

#include <iterator>
#include <utility>

namespace hubd {

absl::Status NegativeAnswers::Find(const std::string& question,
                                   absl::Time now) const {
  auto found = by_question_.find(question);
  if (found == by_question_.end()) return absl::OkStatus();
  // Negative where the clock was set back since: an age that says nothing.
  const absl::Duration age = now - found->second->noted_at;
  if (age < absl::ZeroDuration() || age >= ttl_) return absl::OkStatus();
  return found->second->status;
}

void NegativeAnswers::Note(const std::string& question, absl::Status answer,
                           absl::Time now) {
  Forget(question);
  answers_.push_back({question, std::move(answer), now});
  by_question_[question] = std::prev(answers_.end());
  if (answers_.size() > max_answers_) Forget(answers_.front().question);
}

void NegativeAnswers::Forget(const std::string& question) {
  auto found = by_question_.find(question);
  if (found == by_question_.end()) return;
  const auto answer = found->second;
  by_question_.erase(found);
  answers_.erase(answer);
}

}  // namespace hubd
