#include "server/sandbox/probe.h"

#include <unistd.h>

#include <stop_token>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/sandbox/box_memory.h"
#include "server/sandbox/sandbox.h"

namespace hubd {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(10);

// What to do about bubblewrap's complaints.
absl::string_view WayOut(absl::string_view complaint) {
  const struct {
    absl::string_view sign;
    absl::string_view way_out;
  } kKnown[] = {
      {"RTM_NEWADDR",
       "allow bwrap user namespaces in AppArmor (the profile "
       "bwrap-userns-restrict of package apparmor-profiles)"},
      {"uid map",
       "allow bwrap user namespaces in AppArmor (the profile "
       "bwrap-userns-restrict of package apparmor-profiles)"},
      {"namespace",
       "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 and "
       "user.max_user_namespaces above 0; a container must allow them too"},
      {"Unknown option", "install bubblewrap 0.8 or later"},
  };
  for (const auto& known : kKnown) {
    if (absl::StrContains(complaint, known.sign)) return known.way_out;
  }
  return "";
}

SandboxSupport None(absl::string_view why, absl::string_view way_out) {
  std::string reason =
      absl::StrReplaceAll(absl::StripAsciiWhitespace(why), {{"\n", "; "}});
  if (!way_out.empty()) absl::StrAppend(&reason, " (", way_out, ")");
  return {.full = false, .reason = std::move(reason)};
}

}  // namespace

SandboxSupport ProbeSandbox(SandboxPolicy policy) {
  if (::access(policy.bubblewrap.c_str(), X_OK) != 0) {
    return None(
        absl::StrCat("bubblewrap is not installed at ", policy.bubblewrap),
        "apt install bubblewrap");
  }
  if (!CanMeasureTrees()) {
    return None("the kernel does not list a process's children",
                "it must have CONFIG_PROC_CHILDREN and /proc be mounted");
  }
  policy.argv = {"/usr/bin/true"};
  policy.limits.time = kPatience;
  const SandboxResult run = RunSandboxed(policy, "", std::stop_token());
  if (run.end == SandboxResult::End::kExited && run.exit_status == 0) {
    return {.full = true, .reason = ""};
  }
  if (run.output.empty()) return None("a trial run of the sandbox failed", "");
  return None(run.output, WayOut(run.output));
}

}  // namespace hubd
