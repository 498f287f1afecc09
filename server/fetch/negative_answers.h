// What hosts said that they do not have, remembered for a short while: a
// program that asks for it again and again costs its host one question.

#ifndef HUBD_SERVER_FETCH_NEGATIVE_ANSWERS_H_
#define HUBD_SERVER_FETCH_NEGATIVE_ANSWERS_H_

#include <list>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace hubd {

// In memory only; a new daemon asks again. Confined to the io thread.
class NegativeAnswers {
 public:
  // Each answer counts for `ttl`; zero: none does. At most `max_answers` are
  // kept, the newest ones.
  explicit NegativeAnswers(absl::Duration ttl, size_t max_answers = 4096)
      : ttl_(ttl), max_answers_(max_answers) {}

  // What was answered to `question` within the ttl before `now`; OK where
  // nothing was.
  absl::Status Find(const std::string& question, absl::Time now) const;

  // Replaces what was answered before. REQUIRES: !answer.ok()
  void Note(const std::string& question, absl::Status answer, absl::Time now);

  // What was asked for is there after all.
  void Forget(const std::string& question);

 private:
  struct Answer {
    std::string question;
    absl::Status status;
    absl::Time noted_at;
  };

  const absl::Duration ttl_;
  const size_t max_answers_;
  // In the order in which they were noted.
  std::list<Answer> answers_;
  std::unordered_map<std::string, std::list<Answer>::iterator> by_question_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_NEGATIVE_ANSWERS_H_
