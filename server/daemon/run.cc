#include "server/daemon/run.h"

#include <iostream>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/thread.h"
#include "server/daemon/config.h"
#include "server/daemon/daemon.h"
#include "server/daemon/places.h"
#include "server/daemon/process.h"
#include "server/daemon/readiness.h"
#include "server/daemon/root_lock.h"

namespace hubd {
namespace {

// How long a daemon that a client starts waits for the one before it to go.
constexpr absl::Duration kPatience = absl::Seconds(5);

void PrintError(const absl::Status& status) {
  std::cerr << "hubd: " << status.message() << "\n";
}

// Flags over file over built-in values.
absl::StatusOr<Config> ConfigOf(const CommandLine& line) {
  Config config;
  if (auto file = FindConfigFile(line.config)) {
    HUBD_ASSIGN_OR_RETURN(config, ReadConfig(*file));
  }
  if (line.system) config.daemon.mode = Config::Mode::kSystem;
  if (line.reflection) config.daemon.reflection = true;
  if (line.idle_exit) config.daemon.idle_exit = *line.idle_exit;
  return config;
}

std::string RootOf(const CommandLine& line, const Config& config) {
  if (config.daemon.mode == Config::Mode::kUser) return UserRoot(line.dir);
  return UserRoot(line.dir.value_or(kSystemRoot));
}

absl::Status Fail(const absl::Status& status, Readiness& readiness) {
  readiness.TellError(std::string(status.message()));
  return status;
}

absl::StatusOr<std::unique_ptr<Daemon>> TryStart(Daemon::Options options) {
  try {
    return Daemon::Start(std::move(options));
  } catch (const std::system_error& error) {
    return NoThread(error);
  }
}

// A started daemon; the client that waits has been told, either way.
absl::StatusOr<std::unique_ptr<Daemon>> StartDaemon(const CommandLine& line,
                                                    Readiness& readiness) {
  absl::StatusOr<Config> config = ConfigOf(line);
  if (!config.ok()) return Fail(config.status(), readiness);
  const std::string root = RootOf(line, *config);
  absl::StatusOr<std::unique_ptr<Daemon>> daemon = TryStart(
      {.config = *std::move(config),
       .root = root,
       .socket = line.socket,
       .log_to_file = readiness.awaited(),
       .patience = readiness.awaited() ? kPatience : absl::ZeroDuration()});
  if (daemon.ok()) {
    readiness.TellReady((*daemon)->socket());
    return daemon;
  }
  if (absl::IsFailedPrecondition(daemon.status())) {
    if (auto holder = CurrentHolder(Layout(root))) readiness.TellHeld(*holder);
  }
  return Fail(daemon.status(), readiness);
}

}  // namespace

void SetLogLevelFromEnvironment() {
  constexpr std::pair<absl::string_view, LogLevel> kLevels[] = {
      {"debug", LogLevel::kDebug},
      {"info", LogLevel::kInfo},
      {"warning", LogLevel::kWarning},
      {"error", LogLevel::kError}};
  std::optional<std::string> wanted = EnvironmentValue("HUBD_LOG");
  if (!wanted) return;
  for (const auto& [name, level] : kLevels) {
    if (*wanted == name) return SetLogLevel(level);
  }
  HUBD_LOG(kWarning) << "event=bad_log_level value=" << LogQuote(*wanted)
                     << " expected=debug|info|warning|error";
}

int RunDaemon(const CommandLine& line) {
  Readiness readiness = Readiness::TakeFromEnvironment();
  PrepareProcess();
  SetLogLevelFromEnvironment();
  absl::StatusOr<std::unique_ptr<Daemon>> daemon = StartDaemon(line, readiness);
  if (daemon.ok()) return (*daemon)->Run();
  PrintError(daemon.status());
  return 1;
}

int CheckConfig(const CommandLine& line) {
  absl::StatusOr<Config> config = ConfigOf(line);
  absl::Status status = config.status();
  if (status.ok()) status = PolicyOf(*config).status();
  std::string file =
      FindConfigFile(line.config).value_or("no file, built-in values");
  if (status.ok()) {
    std::cout << file << ": ok\n";
    return 0;
  }
  PrintError(status);
  return 1;
}

}  // namespace hubd
