// One run of hubctl: what was asked, by what means, and how answers are told.

#ifndef HUBD_CLIENT_CLI_SESSION_H_
#define HUBD_CLIENT_CLI_SESSION_H_

#include <google/protobuf/repeated_field.h>

#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/call_limit.h"
#include "client/cli/arguments.h"
#include "client/cli/progress_bar.h"
#include "client/client.h"
#include "hubd/v1/hub.pb.h"

namespace hubd {

// Thread-compatible.
class Session {
 public:
  Session(Arguments arguments, std::stop_token cancel);

  const Arguments& arguments() const { return arguments_; }
  const CallLimit& limit() const { return limit_; }
  Client& client() { return client_; }

  // For a call within the command's time.
  CallOptions Call() const;

  // The text of the lock file that the command shall heed; nullopt: none.
  // INVALID_LOCK where there is no such file.
  absl::StatusOr<std::optional<std::string>> Lock() const;

  // Makes a call with a progress bar, which is gone when this returns.
  template <class Make>
  auto WithProgress(Make make) {
    ProgressBar bar({.enabled = ShowsProgress()});
    CallOptions call = Call();
    call.progress = [&bar](const v1::Progress& progress) {
      bar.Update(progress);
    };
    return make(call);
  }

  // The result, on stdout: clean text, or JSON.
  void Print(absl::string_view text) const;
  // What a person should know besides, on stderr, unless -q.
  void Note(absl::string_view text) const;
  // The same, if -v.
  void Detail(absl::string_view text) const;
  void Warn(
      const google::protobuf::RepeatedPtrField<std::string>& warnings) const;
  // What a repo's code printed, on stderr, each line marked as the repo's.
  void PrintForeign(absl::string_view repo, absl::string_view output) const;
  // A failure: on stderr, or with --json as a document on stdout.
  void PrintError(const absl::Status& status) const;

  // The width that lines on stdout may have; 0: no limit.
  int OutputWidth() const;

 private:
  bool ShowsProgress() const;

  const Arguments arguments_;
  const CallLimit limit_;
  Client client_;
};

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_SESSION_H_
