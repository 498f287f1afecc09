#include "client/cli/commands_daemon.h"

#include <google/protobuf/struct.pb.h>
#include <pwd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/human.h"
#include "client/cli/json.h"
#include "client/cli/table.h"
#include "server/base/status.h"
#include "server/base/text.h"

namespace hubd {
namespace {

std::string UserName(uid_t uid) {
  struct passwd entry;
  struct passwd* found = nullptr;
  char buffer[4096];
  ::getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found);
  return found == nullptr ? "" : found->pw_name;
}

}  // namespace

absl::Status RunGetDir(Session& session) {
  HUBD_ASSIGN_OR_RETURN(const v1::GetDirResponse answer,
                        session.client().GetDir(session.Call()));
  if (session.arguments().json) {
    session.Print(ToJson(answer));
  } else {
    session.Print(absl::StrCat(CleanLine(answer.root()), "\n"));
  }
  return absl::OkStatus();
}

absl::Status RunStatus(Session& session) {
  HUBD_ASSIGN_OR_RETURN(const v1::GetStatusResponse answer,
                        session.client().GetStatus(session.Call()));
  if (session.arguments().json) {
    session.Print(ToJson(answer));
    return absl::OkStatus();
  }
  Table table;
  table.Add({"version", absl::StrCat(answer.version(), " (API revision ",
                                     answer.api_revision(), ")")});
  table.Add({"mode", answer.mode()});
  table.Add({"pid", absl::StrCat(answer.pid())});
  table.Add({"root", answer.root()});
  table.Add({"socket", answer.socket()});
  table.Add(
      {"sandbox", absl::StrCat(answer.sandbox(),
                               answer.sandbox_reason().empty() ? "" : ": ",
                               answer.sandbox_reason())});
  table.Add({"uptime", HumanDuration(absl::Seconds(answer.uptime_seconds()))});
  table.Add({"usage", HumanSize(answer.usage_bytes())});
  table.Add({"jobs", absl::StrCat(answer.jobs())});
  session.Print(table.Format(0));
  return absl::OkStatus();
}

absl::Status RunWhoami(Session& session) {
  HUBD_ASSIGN_OR_RETURN(const v1::GetStatusResponse answer,
                        session.client().GetStatus(session.Call()));
  const v1::Caller& caller = answer.caller();
  const std::string name = UserName(caller.uid());
  if (session.arguments().json) {
    google::protobuf::Struct document;
    auto& fields = *document.mutable_fields();
    fields["uid"].set_number_value(caller.uid());
    fields["name"].set_string_value(name);
    fields["gid"].set_number_value(caller.gid());
    fields["pid"].set_number_value(static_cast<double>(caller.pid()));
    session.Print(ToJson(document));
    return absl::OkStatus();
  }
  Table table;
  table.Add({"uid", absl::StrCat(caller.uid())});
  table.Add({"name", name});
  table.Add({"gid", absl::StrCat(caller.gid())});
  table.Add({"pid", absl::StrCat(caller.pid())});
  session.Print(table.Format(0));
  return absl::OkStatus();
}

}  // namespace hubd
