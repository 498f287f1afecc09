#include "server/net/ssh_command.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "server/base/repo.h"
#include "server/base/status.h"
#include "server/base/text.h"

namespace hubd {
namespace {

constexpr char kSystemHosts[] = "/etc/ssh/ssh_known_hosts";
constexpr char kNone[] = "none";
// Keys of hardware wait for a touch that nobody is asked for.
constexpr const char* kKeyFiles[] = {"id_ed25519", "id_ecdsa", "id_rsa"};
constexpr size_t kShownWords = 512;
// Each is the default somewhere, or could be in a configuration.
constexpr const char* kOptions[] = {"BatchMode=yes",
                                    "StrictHostKeyChecking=yes",
                                    "UpdateHostKeys=no",
                                    "KnownHostsCommand=none",
                                    "PreferredAuthentications=publickey",
                                    "GSSAPIAuthentication=no",
                                    "HostbasedAuthentication=no",
                                    "PKCS11Provider=none",
                                    "AddKeysToAgent=no",
                                    "ForwardAgent=no",
                                    "ForwardX11=no",
                                    "ClearAllForwardings=yes",
                                    "PermitLocalCommand=no",
                                    "ProxyCommand=none",
                                    "ProxyJump=none",
                                    "ControlMaster=no",
                                    "ControlPath=none",
                                    "CanonicalizeHostname=no",
                                    "Tunnel=no",
                                    "RequestTTY=no",
                                    "EscapeChar=none",
                                    "LogLevel=ERROR",
                                    "ServerAliveInterval=10",
                                    "ServerAliveCountMax=3",
                                    "SendEnv=GIT_PROTOCOL"};

bool IsPlain(absl::string_view text, absl::string_view also) {
  return !absl::StartsWith(text, "-") &&
         std::all_of(text.begin(), text.end(), [&](unsigned char c) {
           return absl::ascii_isalnum(c) || absl::StrContains("-_.", c) ||
                  absl::StrContains(also, c);
         });
}

// A file's name as the value of an option; "none" where it cannot be one: ssh
// cuts a value at blanks, and fills in "%" and "${}".
std::string FileValue(absl::string_view path) {
  const bool usable = absl::StartsWith(path, "/") &&
                      path.find_first_of("\"'\\$\n") == absl::string_view::npos;
  if (!usable) return kNone;
  return absl::StrCat("\"", absl::StrReplaceAll(path, {{"%", "%%"}}), "\"");
}

std::string SshDirectory(const LentEnvironment& environment) {
  const std::string home = VariableOf(environment, "HOME");
  return home.empty() ? "" : absl::StrCat(home, "/.ssh");
}

// As values of options.
std::vector<std::string> KeyFiles(const std::string& directory) {
  std::vector<std::string> files;
  for (const char* name : kKeyFiles) {
    const std::string path = absl::StrCat(directory, "/", name);
    const std::string value = FileValue(path);
    // Of one that is named and not there ssh would complain.
    if (value != kNone && ::access(path.c_str(), R_OK) == 0) {
      files.push_back(value);
    }
  }
  // Else ssh looks in the home of its user, who need not be the caller.
  if (files.empty()) files.push_back(kNone);
  return files;
}

std::string KnownHosts(const LentEnvironment& environment) {
  const std::string directory = SshDirectory(environment);
  return directory.empty() ? kSystemHosts
                           : absl::StrCat(directory, "/known_hosts");
}

// "h", or "[h]:2222" as known_hosts has it.
std::string KnownName(const SshAddress& address) {
  return address.port == 0
             ? address.host
             : absl::StrCat("'[", address.host, "]:", address.port, "'");
}

std::string PortOption(const SshAddress& address) {
  return address.port == 0 ? "" : absl::StrCat("-p ", address.port, " ");
}

std::string WhyHostKey(const SshAddress& address, absl::string_view words,
                       const std::string& known_hosts) {
  if (absl::StrContains(words, "IDENTIFICATION HAS CHANGED")) {
    return absl::StrCat(
        "the host shows another key than the known one (", known_hosts,
        "): somebody may stand in between. Ask who runs it; if the key was "
        "changed, remove the old one by ssh-keygen -R ",
        KnownName(address));
  }
  return absl::StrCat("the host's key is not known (", known_hosts,
                      "); see that it is right and add it: ssh-keyscan ",
                      PortOption(address), address.host, " >> ", known_hosts,
                      ", or connect once by ssh");
}

bool SaysNotThere(absl::string_view said) {
  const std::string words = absl::AsciiStrToLower(said);
  for (absl::string_view sign :
       {"not appear to be a git repository", "repository not found",
        "could not be found", "does not exist", "no such file or directory",
        "cannot find repository"}) {
    if (absl::StrContains(words, sign)) return true;
  }
  return false;
}

std::string CauseIn(absl::string_view words) {
  if (absl::StrContains(words, "resolve hostname")) return "dns";
  if (absl::StrContains(words, "timed out")) return "timeout";
  if (absl::StrContains(words, "connect to host")) return "connect";
  return "cut";
}

}  // namespace

absl::StatusOr<SshAddress> ParseSshUrl(absl::string_view url) {
  absl::string_view rest = url;
  absl::ConsumePrefix(&rest, "ssh://");
  const size_t slash = std::min(rest.find('/'), rest.size());
  absl::string_view host = rest.substr(0, slash);
  SshAddress address;
  address.path = std::string(rest.substr(slash));
  // As git has it.
  if (absl::StartsWith(address.path, "/~")) address.path.erase(0, 1);
  if (const size_t at = host.find('@'); at != absl::string_view::npos) {
    address.user = std::string(host.substr(0, at));
    host.remove_prefix(at + 1);
  }
  bool sound = true;
  if (const size_t colon = host.find(':'); colon != absl::string_view::npos) {
    sound = absl::SimpleAtoi(host.substr(colon + 1), &address.port) &&
            address.port > 0 && address.port <= 65535;
    host = host.substr(0, colon);
  }
  address.host = std::string(host);
  if (sound && IsSshUrl(url) && !host.empty() && !address.path.empty() &&
      address.path != "/" && IsPlain(host, "") && IsPlain(address.user, "") &&
      IsPlain(address.path, "/~")) {
    return address;
  }
  return ReasonError(Reason::kInvalidRepo, "no address of SSH", {});
}

std::vector<std::string> SshArguments(const SshAddress& address,
                                      const LentEnvironment& environment,
                                      absl::Duration connect_timeout) {
  std::vector<std::string> arguments = {"-F", kNone, "-T", "-a", "-x"};
  const auto set = [&arguments](const std::string& option) {
    arguments.insert(arguments.end(), {"-o", option});
  };
  for (const char* option : kOptions) set(option);
  const int64_t seconds =
      std::max<int64_t>(1, absl::ToInt64Seconds(connect_timeout));
  set(absl::StrCat("ConnectTimeout=", seconds));
  const std::string directory = SshDirectory(environment);
  set(absl::StrCat("GlobalKnownHostsFile=", kSystemHosts));
  set(absl::StrCat("UserKnownHostsFile=",
                   FileValue(absl::StrCat(directory, "/known_hosts"))));
  set(absl::StrCat("IdentityAgent=",
                   FileValue(VariableOf(environment, "SSH_AUTH_SOCK"))));
  for (const std::string& file : KeyFiles(directory)) {
    set(absl::StrCat("IdentityFile=", file));
  }
  if (address.port != 0) set(absl::StrCat("Port=", address.port));
  if (!address.user.empty()) set(absl::StrCat("User=", address.user));
  arguments.insert(arguments.end(),
                   {"--", address.host,
                    absl::StrCat("git-upload-pack '", address.path, "'")});
  return arguments;
}

absl::Status SshFailure(absl::string_view url, absl::string_view words,
                        const LentEnvironment& environment) {
  const SshAddress address = ParseSshUrl(url).value_or(SshAddress());
  std::string said = CleanLine(absl::StripAsciiWhitespace(
      words.substr(words.size() - std::min(words.size(), kShownWords))));
  if (said.empty()) said = "nothing";
  const auto error = [&](Reason reason, const std::string& cause,
                         const std::string& why) {
    return ReasonError(reason,
                       absl::StrCat("cannot read ", url, " by SSH: ", why,
                                    " (said: ", said, ")"),
                       {{"url", std::string(url)}, {"cause", cause}});
  };
  if (absl::StrContains(words, "Host key verification failed")) {
    return error(Reason::kUpstreamForbidden, "host_key",
                 WhyHostKey(address, words, KnownHosts(environment)));
  }
  if (absl::StrContains(words, "Permission denied (") ||
      absl::StrContains(words, "Too many authentication failures")) {
    return error(
        Reason::kUpstreamForbidden, "key",
        absl::StrCat("the host takes none of your keys; give the right one to "
                     "your agent by ssh-add, and see that SSH_AUTH_SOCK says "
                     "where it is; or keep it without a passphrase in ",
                     SshDirectory(environment).empty()
                         ? "~/.ssh"
                         : SshDirectory(environment)));
  }
  if (SaysNotThere(words)) {
    return error(Reason::kRepoNotFound, "missing",
                 "it does not exist, or not for you; check the name");
  }
  return error(Reason::kUpstreamUnavailable, CauseIn(words),
               "no git answers there; check the host and the network");
}

}  // namespace hubd
