#include "client/known_interpreter.h"

#include <sys/stat.h>
#include <unistd.h>

#include <climits>

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

void AppendState(const std::string& path, std::string& state) {
  struct stat info = {};
  // What is not there has the state of zeros.
  (void)::stat(path.c_str(), &info);
  absl::StrAppend(&state, info.st_ino, " ", info.st_ctim.tv_sec, ".",
                  info.st_ctim.tv_nsec, "\n");
}

std::string StateOf(const v1::Interpreter& interpreter) {
  std::string state;
  AppendState(interpreter.executable(), state);
  AppendState(absl::StrCat(interpreter.prefix(), "/pyvenv.cfg"), state);
  for (const std::string& site : interpreter.site_directories()) {
    AppendState(site, state);
  }
  return state;
}

}  // namespace

absl::StatusOr<v1::Interpreter> KnownInterpreter::Describe(
    const std::string& program, const CallLimit& limit) {
  std::string question = QuestionOf(program);
  const auto now = std::chrono::steady_clock::now();
  std::optional<Answer> known;
  {
    MutexLock lock(mutex_);
    if (answer_ && answer_->question == question &&
        absl::FromChrono(now - answer_->asked_at) < max_age_) {
      known = answer_;
    }
  }
  if (known && StateOf(known->interpreter) == known->state) {
    return std::move(known->interpreter);
  }
  // Without the lock: others have their own limits.
  HUBD_ASSIGN_OR_RETURN(v1::Interpreter interpreter,
                        DescribeInterpreter(program, limit));
  std::string state = StateOf(interpreter);
  MutexLock lock(mutex_);
  answer_ = Answer{interpreter, std::move(question), std::move(state), now};
  return interpreter;
}

}  // namespace hubd
