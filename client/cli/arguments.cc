#include "client/cli/arguments.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/cli/exit_code.h"
#include "client/duration.h"
#include "client/environment.h"
#include "server/base/digest.h"
#include "server/base/status.h"
#include "server/base/text.h"
#include "server/base/units.h"
#include "server/base/version.h"

namespace hubd {
namespace {

constexpr char kRepo[] =
    "owner/name[:ref], host/owner/name[:ref], an https or ssh URL, "
    "git@host:owner/name[:ref] or /path[:ref]; after -- where it begins with "
    "-";

constexpr char kLockFile[] = "hubd.lock";

constexpr char kRunUsage[] =
    "name the program after --: hubctl run -- PROGRAM [ARG...]";

// What CLI11 fills in and Arguments holds in another form.
struct Raw {
  std::string timeout;
  bool no_progress = false;
  bool no_check_hash = false;
  bool locked = false;
  bool partials = false;
  std::vector<std::string> entrypoint_arguments;
  std::string rate;
};

void AddCommonFlags(CLI::App& app, Arguments& arguments, Raw& raw) {
  app.add_option("--dir", arguments.dir, "The root: where the cache lies");
  app.add_option("--socket", arguments.socket,
                 "Talk to the daemon at this socket and to no other");
  app.add_option("--python", arguments.python,
                 "The Python that runs a hubconf.py");
  app.add_option("--timeout", raw.timeout,
                 "For the whole command: 30, 30s, 5m, 1h, 500ms");
  app.add_flag("--offline", arguments.offline, "Use the cache only");
  app.add_flag("--json", arguments.json, "One JSON document on stdout");
  app.add_flag("-q,--quiet", arguments.quiet, "Results and errors only");
  app.add_flag("-v,--verbose", arguments.verbose, "Tell more");
  app.add_flag("--no-progress", raw.no_progress, "Draw no progress");
}

// A command whose options may also be those of its parents.
CLI::App* AddCommand(CLI::App& parent, const std::string& name,
                     const std::string& description, Arguments& arguments,
                     Command command) {
  CLI::App* added = parent.add_subcommand(name, description);
  added->fallthrough();
  added->callback([&arguments, command] { arguments.command = command; });
  return added;
}

void AddLockFlags(CLI::App& command, Arguments& arguments, Raw& raw) {
  command.add_flag("--locked", raw.locked,
                   "Take only what ./hubd.lock has, as hubctl lock wrote it");
  command.add_option("--lock-file", arguments.lock_file,
                     "The same with another file");
}

void AddRepoCommands(CLI::App& app, Arguments& arguments, Raw& raw) {
  CLI::App* list =
      AddCommand(app, "list", "List the entrypoints of a repo, in a sandbox",
                 arguments, Command::kList);
  list->add_option("REPO", arguments.repo, kRepo)->required();
  AddLockFlags(*list, arguments, raw);
  CLI::App* help =
      AddCommand(app, "help", "Show the documentation of an entrypoint",
                 arguments, Command::kHelp);
  help->add_option("REPO", arguments.repo, kRepo)->required();
  help->add_option("ENTRYPOINT", arguments.entrypoint, "Its name")->required();
  AddLockFlags(*help, arguments, raw);
  CLI::App* load = AddCommand(app, "load",
                              "Make a repo's tree present; print its path and "
                              "commit; run nothing",
                              arguments, Command::kLoad);
  load->add_option("REPO", arguments.repo, kRepo)->required();
  load->add_option("ENTRYPOINT", arguments.entrypoint,
                   "What a program is about to call there");
  load->add_option("ARG", raw.entrypoint_arguments, "What it will be given");
  AddLockFlags(*load, arguments, raw);
}

void AddFetch(CLI::App& app, Arguments& arguments, Raw& raw) {
  CLI::App* fetch =
      AddCommand(app, "fetch", "Make a checkpoint present; print its path",
                 arguments, Command::kFetch);
  fetch->add_option("URL", arguments.url, "http or https")->required();
  fetch->add_option("--to", arguments.to,
                    "Write a copy to this file instead of printing the path");
  fetch->add_option("--sha256", arguments.sha256,
                    "The digest that the bytes must have, 64 hex digits");
  fetch->add_flag("--refresh", arguments.refresh,
                  "Ask the origin whether the bytes have changed");
  fetch->add_flag("--any", arguments.any,
                  "Take an HTML page or an empty body too");
  fetch->add_flag("--no-check-hash", raw.no_check_hash,
                  "Do not hold the bytes against a -HEX. in the name");
  AddLockFlags(*fetch, arguments, raw);
}

void AddLock(CLI::App& app, Arguments& arguments) {
  CLI::App* lock =
      AddCommand(app, "lock",
                 "Write which commits and bytes hubd.lock allows, as the "
                 "origins have them "
                 "by now; without names, bring all of it up to date",
                 arguments, Command::kLock);
  lock->add_option("REPO|URL", arguments.things,
                   "owner/name[:ref], host/owner/name[:ref], or a checkpoint's "
                   "URL");
  lock->add_option("--file", arguments.lock_file,
                   "The file to write; hubd.lock where left out");
}

void AddImport(CLI::App& app, Arguments& arguments) {
  CLI::App* import =
      AddCommand(app, "import",
                 "Take in the cache of torch.hub, oneflow.hub or megengine.hub",
                 arguments, Command::kImport);
  import
      ->add_option("DIR", arguments.directory,
                   "Its get_dir(), or the home above it")
      ->required();
  import
      ->add_option("--repo", arguments.repos,
                   "owner/name[:ref] that has a directory there whose name "
                   "does not say so: MegEngine's, or one with more than two "
                   "\"_\"; may be given again")
      ->type_size(1)
      ->allow_extra_args(false);
}

void AddDaemonCommands(CLI::App& app, Arguments& arguments, Raw& raw) {
  AddCommand(app, "get-dir", "Print the root", arguments, Command::kGetDir);
  AddCommand(app, "status", "Show which daemon answers, and how it does",
             arguments, Command::kStatus);
  AddCommand(app, "whoami", "Show whom the daemon takes you for", arguments,
             Command::kWhoami);
  CLI::App* cache = app.add_subcommand("cache", "What is cached");
  cache->fallthrough();
  cache->require_subcommand(1);
  AddCommand(*cache, "ls", "List trees and checkpoints", arguments,
             Command::kCacheLs);
  for (CLI::App* reads :
       {AddCommand(*cache, "verify",
                   "Read what is cached and compare it; remove what is damaged",
                   arguments, Command::kCacheVerify),
        AddCommand(*cache, "repair",
                   "The same; then fetch what was damaged again", arguments,
                   Command::kCacheRepair)}) {
    reads->add_option("REPO", arguments.repo,
                      "owner/name[:COMMIT]: its trees only");
    reads->add_flag("--quick", arguments.quick,
                    "Read only what has changed on the disk since it was "
                    "compared last");
  }
  AddCommand(*cache, "prune", "Remove what nobody uses", arguments,
             Command::kCachePrune)
      ->add_flag("--partials", raw.partials,
                 "What has come of downloads that have not ended")
      ->required();
}

void AddJobCommands(CLI::App& app, Arguments& arguments, Raw& raw) {
  CLI::App* jobs = app.add_subcommand("jobs", "What the daemon is doing");
  jobs->fallthrough();
  jobs->require_subcommand(1);
  AddCommand(*jobs, "ls", "List what is being fetched, and how it goes",
             arguments, Command::kJobsLs);
  AddCommand(*jobs, "watch", "Show the same again and again, until Ctrl-C",
             arguments, Command::kJobsWatch);
  AddCommand(*jobs, "cancel",
             "Stop a job for all who wait for it; what has come of a "
             "checkpoint is kept",
             arguments, Command::kJobsCancel)
      ->add_option("ID", arguments.job, "As jobs ls shows it")
      ->required();
  CLI::App* limit = AddCommand(
      *jobs, "limit",
      "Limit how fast the daemon receives: as a whole, or from a host, or for "
      "a job; until it ends",
      arguments, Command::kJobsLimit);
  CLI::Option* host = limit->add_option(
      "--host", arguments.host, "What comes from this host, as in URLs");
  limit->add_option("--job", arguments.job, "What this job receives")
      ->excludes(host);
  limit
      ->add_option("RATE", raw.rate,
                   "A second: 500KB, 5MiB, 1GB; none for no limit")
      ->required();
}

void AddTrustCommands(CLI::App& app, Arguments& arguments) {
  CLI::App* trust = app.add_subcommand(
      "trust", "Whose code may run outside a sandbox, for you");
  trust->fallthrough();
  trust->require_subcommand(1);
  AddCommand(*trust, "ls", "List your decisions", arguments, Command::kTrustLs);
  AddCommand(*trust, "add", "Trust a repo", arguments, Command::kTrustAdd)
      ->add_option("REPO", arguments.repo, kRepo)
      ->required();
  AddCommand(*trust, "rm", "End the trust in a repo", arguments,
             Command::kTrustRm)
      ->add_option("REPO", arguments.repo, kRepo)
      ->required();
  AddCommand(*trust, "check", "Exit with 0 if a repo is trusted, else with 4",
             arguments, Command::kTrustCheck)
      ->add_option("REPO", arguments.repo, kRepo)
      ->required();
}

void AddRun(CLI::App& app, Arguments& arguments) {
  AddCommand(app, "run",
             "Run a program whose Python uses hubd in place of torch.hub, "
             "oneflow.hub and megengine.hub: run -- PROGRAM [ARG...]",
             arguments, Command::kRun);
}

absl::Status SetTimeout(const std::string& text, Arguments& arguments) {
  absl::Duration timeout;
  if (text.empty()) {
    HUBD_ASSIGN_OR_RETURN(timeout, EnvironmentTimeout());
  } else {
    absl::StatusOr<absl::Duration> parsed = ParseTimeout(text);
    if (!parsed.ok()) return Annotate(parsed.status(), "--timeout");
    timeout = *parsed;
  }
  if (timeout != absl::InfiniteDuration()) arguments.timeout = timeout;
  return absl::OkStatus();
}

absl::Status SetRate(absl::string_view text, Arguments& arguments) {
  if (text == "none") return absl::OkStatus();
  absl::StatusOr<int64_t> rate = ParseSize(absl::StripSuffix(text, "/s"));
  if (!rate.ok()) return Annotate(rate.status(), "RATE");
  if (*rate == 0) {
    return absl::InvalidArgumentError("RATE: to end a limit, say none");
  }
  arguments.rate = *rate;
  return absl::OkStatus();
}

absl::Status Complete(const Raw& raw, Arguments& arguments) {
  arguments.progress = !raw.no_progress;
  arguments.check_hash = !raw.no_check_hash;
  const bool needs_file = raw.locked || arguments.command == Command::kLock;
  if (needs_file && arguments.lock_file.empty()) {
    arguments.lock_file = kLockFile;
  }
  HUBD_RETURN_IF_ERROR(SetTimeout(raw.timeout, arguments));
  if (arguments.command == Command::kJobsLimit) {
    return SetRate(raw.rate, arguments);
  }
  if (arguments.sha256.empty()) return absl::OkStatus();
  arguments.sha256 = absl::AsciiStrToLower(arguments.sha256);
  if (arguments.sha256.size() == 64 && IsSha256Prefix(arguments.sha256)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--sha256: \"", CleanLine(arguments.sha256), "\" is not 64 hex digits"));
}

EarlyExit Misuse(const std::string& what) {
  return {kExitUsage, "",
          absl::StrCat("hubctl: ", CleanText(what),
                       "\nRun hubctl --help, or hubctl COMMAND --help.\n")};
}

EarlyExit FromCli(const CLI::App& app, const CLI::ParseError& error) {
  std::ostringstream out;
  std::ostringstream err;
  if (app.exit(error, out, err) == 0) return {kExitDone, out.str(), ""};
  const std::vector<std::string> unknown = app.remaining();
  if (app.get_subcommands().empty() && !unknown.empty()) {
    return Misuse(
        absl::StrCat("there is no command \"", CleanLine(unknown[0]), "\""));
  }
  if (app.got_subcommand("run") && !unknown.empty() &&
      !absl::StartsWith(unknown[0], "-")) {
    return Misuse(kRunUsage);
  }
  std::string what = error.what();
  const std::vector<std::string> rest = app.remaining(/*recurse=*/true);
  const auto dashed = std::find_if(
      rest.begin(), rest.end(),
      [](const std::string& text) { return absl::StartsWith(text, "-"); });
  if (dashed != rest.end()) {
    absl::StrAppend(&what, "\nIf ", CleanLine(*dashed),
                    " is no option but a name, write -- in front of it.");
  }
  return Misuse(what);
}

std::variant<Arguments, EarlyExit> Parse(int argc, const char* const* argv) {
  Arguments arguments;
  Raw raw;
  CLI::App app("Model hubs and checkpoints, fetched once for everybody.",
               "hubctl");
  app.set_version_flag("--version", absl::StrCat("hubctl ", kVersion));
  app.require_subcommand(1);
  AddCommonFlags(app, arguments, raw);
  AddRepoCommands(app, arguments, raw);
  AddFetch(app, arguments, raw);
  AddLock(app, arguments);
  AddImport(app, arguments);
  AddDaemonCommands(app, arguments, raw);
  AddJobCommands(app, arguments, raw);
  AddTrustCommands(app, arguments);
  AddRun(app, arguments);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return FromCli(app, error);
  }
  if (absl::Status status = Complete(raw, arguments); !status.ok()) {
    return Misuse(std::string(status.message()));
  }
  return arguments;
}

}  // namespace

std::variant<Arguments, EarlyExit> ParseArguments(int argc,
                                                  const char* const* argv) {
  const char* const* end = argv + argc;
  const char* const* mark = std::find_if(
      argv, end, [](const char* word) { return std::strcmp(word, "--") == 0; });
  // Behind the mark of `run` stands another program's command line.
  std::variant<Arguments, EarlyExit> parsed =
      Parse(static_cast<int>(mark - argv), argv);
  Arguments* arguments = std::get_if<Arguments>(&parsed);
  if (arguments == nullptr || arguments->command != Command::kRun) {
    return mark == end ? parsed : Parse(argc, argv);
  }
  if (end - mark < 2) return Misuse(kRunUsage);
  if (arguments->json || arguments->verbose) {
    return Misuse(absl::StrCat("run takes no ",
                               arguments->json ? "--json" : "--verbose",
                               ": what it prints is the program's"));
  }
  arguments->program.assign(mark + 1, end);
  return parsed;
}

}  // namespace hubd
