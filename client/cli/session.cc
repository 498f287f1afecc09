#include "client/cli/session.h"

#include <cstdio>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "client/cli/json.h"
#include "client/cli/terminal.h"
#include "client/environment.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/base/text.h"

namespace hubd {
namespace {

void Write(FILE* file, absl::string_view text) {
  // A full disk or a closed pipe behind stdout shows at the end, in main.
  std::fwrite(text.data(), 1, text.size(), file);
}

ClientOptions OptionsFrom(const Arguments& arguments) {
  ClientOptions options;
  options.dir = arguments.dir;
  options.socket = arguments.socket;
  options.python = arguments.python;
  if (arguments.offline) options.offline = true;
  return options;
}

// "owner/name" of "host/owner/name"; what is a URL as it is.
absl::string_view ShortRepo(absl::string_view repo) {
  if (absl::StrContains(repo, "://")) return repo;
  const size_t slash = repo.find('/');
  const bool has_host = slash != absl::string_view::npos &&
                        repo.find('/', slash + 1) != absl::string_view::npos;
  return has_host ? repo.substr(slash + 1) : repo;
}

}  // namespace

Session::Session(Arguments arguments, std::stop_token cancel)
    : arguments_(std::move(arguments)),
      limit_(arguments_.timeout.value_or(absl::InfiniteDuration()),
             std::move(cancel)),
      client_(OptionsFrom(arguments_)) {}

CallOptions Session::Call() const {
  CallOptions call;
  call.timeout = limit_.Left();
  call.cancel = limit_.cancel();
  return call;
}

absl::StatusOr<std::optional<std::string>> Session::Lock() const {
  const std::string& file = arguments_.lock_file;
  if (file.empty()) return std::nullopt;
  absl::StatusOr<std::string> text = ReadFile(file);
  if (text.ok()) return *std::move(text);
  return ReasonError(
      Reason::kInvalidLock,
      absl::StrCat("cannot read the lock file: ", text.status().message(),
                   "; hubctl lock writes one, --lock-file names another"),
      {{"path", file}});
}

bool Session::ShowsProgress() const {
  return arguments_.progress && !arguments_.quiet &&
         !EnvironmentIsOff("HUBD_PROGRESS");
}

void Session::Print(absl::string_view text) const { Write(stdout, text); }

void Session::Note(absl::string_view text) const {
  if (!arguments_.quiet) Write(stderr, absl::StrCat(CleanText(text), "\n"));
}

void Session::Detail(absl::string_view text) const {
  if (arguments_.verbose) Note(text);
}

void Session::Warn(
    const google::protobuf::RepeatedPtrField<std::string>& warnings) const {
  for (const std::string& warning : warnings) {
    Note(absl::StrCat("hubctl: warning: ", warning));
  }
}

void Session::PrintForeign(absl::string_view repo,
                           absl::string_view output) const {
  if (output.empty()) return;
  const std::string clean = CleanText(output);
  for (absl::string_view line :
       absl::StrSplit(absl::StripSuffix(clean, "\n"), '\n')) {
    Write(stderr,
          absl::StrCat("[", CleanLine(ShortRepo(repo)), "] ", line, "\n"));
  }
}

void Session::PrintError(const absl::Status& status) const {
  if (arguments_.json) return Print(ErrorToJson(status));
  Metadata metadata = MetadataOf(status);
  PrintForeign(metadata["repo"], metadata["traceback"]);
  Write(stderr, absl::StrCat("hubctl: ", CleanText(status.message()), "\n"));
  if (!arguments_.verbose) return;
  if (const std::optional<Reason> reason = ReasonOf(status)) {
    Detail(absl::StrCat("  reason: ", ReasonName(*reason)));
  }
  for (const auto& [key, value] : metadata) {
    if (key == "traceback" || value.empty()) continue;
    Detail(absl::StrCat("  ", CleanLine(key), ": ", CleanLine(value)));
  }
}

int Session::OutputWidth() const { return TerminalWidth(1); }

}  // namespace hubd
