#include "server/daemon/command_line.h"

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "server/base/status.h"
#include "server/base/units.h"
#include "server/base/version.h"

namespace hubd {
namespace {

// The options as CLI11 fills them in, before they are checked.
class Parser {
 public:
  Parser() {
    app_.option_defaults()->multi_option_policy(
        CLI::MultiOptionPolicy::TakeLast);
    app_.set_version_flag("--version", absl::StrCat("hubd ", kVersion),
                          "Print the version");
    app_.add_flag("--system", line_.system, "Serve all users of this machine");
    app_.add_option("--config", line_.config, "Configuration file")
        ->option_text("FILE");
    app_.add_option("--dir", line_.dir, "Root: where the cache lies")
        ->option_text("DIR");
    app_.add_option("--socket", line_.socket, "Where to listen")
        ->option_text("PATH");
    app_.add_option("--idle-exit", idle_exit_,
                    "Exit after this time without a call; 0: never")
        ->option_text("DURATION");
    app_.add_flag("--reflection", line_.reflection, "Serve gRPC reflection");
    app_.add_flag("--check-config", check_config_,
                  "Check the configuration and leave");
    // An empty group hides it from --help.
    worker_host_ = app_.add_subcommand("worker-host", "")->group("");
    worker_host_->add_option("--socket", line_.socket)->required();
    worker_host_->add_option("--parent", line_.parent);
  }

  absl::StatusOr<CommandLine> Parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
      return Print(app_.help());
    } catch (const CLI::CallForVersion& version) {
      return Print(absl::StrCat(version.what(), "\n"));
    } catch (const CLI::ParseError& error) {
      return absl::InvalidArgumentError(error.what());
    }
    if (idle_exit_) {
      absl::StatusOr<absl::Duration> value = ParseDuration(*idle_exit_);
      if (!value.ok()) return Annotate(value.status(), "--idle-exit");
      line_.idle_exit = *value;
    }
    if (check_config_) line_.action = CommandLine::Action::kCheckConfig;
    if (worker_host_->parsed()) {
      line_.action = CommandLine::Action::kWorkerHost;
    }
    return line_;
  }

 private:
  CommandLine Print(std::string text) {
    line_.action = CommandLine::Action::kPrint;
    line_.text = std::move(text);
    return line_;
  }

  CLI::App app_{
      "hubd keeps models of git hubs: it fetches each once, checks it, and "
      "serves it to every program of this machine.",
      "hubd"};
  CLI::App* worker_host_ = nullptr;
  CommandLine line_;
  std::optional<std::string> idle_exit_;
  bool check_config_ = false;
};

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(int argc,
                                             const char* const* argv) {
  return Parser().Parse(argc, argv);
}

}  // namespace hubd
