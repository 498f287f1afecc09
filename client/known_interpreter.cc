#include "client/known_interpreter.h"

#include <unistd.h>

#include <climits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/interpreter.h"
#include "server/base/status.h"

namespace hubd {
namespace {

// All that the program is run with: it may be a shim, which looks at it.
std::string QuestionOf(const std::string& program) {
  std::string question = absl::StrCat(program, "\n");
  char directory[PATH_MAX];
  if (::getcwd(directory, sizeof(directory)) != nullptr) {
    absl::StrAppend(&question, directory);
  }
  for (char** variable = environ; *variable != nullptr; ++variable) {
    absl::StrAppend(&question, "\n", *variable);
  }
  return question;
}

}  // namespace

absl::StatusOr<v1::Interpreter> KnownInterpreter::Describe(
    const std::string& program, const CallLimit& limit) {
  std::string question = QuestionOf(program);
  const auto now = std::chrono::steady_clock::now();
  {
    MutexLock lock(mutex_);
    if (answer_ && answer_->question == question &&
        absl::FromChrono(now - answer_->asked_at) < max_age_) {
      return answer_->interpreter;
    }
  }
  // Without the lock: others have their own limits.
  HUBD_ASSIGN_OR_RETURN(v1::Interpreter interpreter,
                        DescribeInterpreter(program, limit));
  MutexLock lock(mutex_);
  answer_ = Answer{interpreter, std::move(question), now};
  return interpreter;
}

}  // namespace hubd
