#include "server/sandbox/box_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/base/fs.h"

namespace hubd {
namespace {

// The sum of some "Name:   123 kB" lines of a file in /proc; nullopt where it
// cannot be read or has none of them.
std::optional<int64_t> SumOf(const std::string& path,
                             std::initializer_list<const char*> fields) {
  const auto text = ReadFile(path);
  if (!text.ok()) return std::nullopt;
  std::optional<int64_t> kilobytes;
  for (absl::string_view line : absl::StrSplit(*text, '\n')) {
    for (const char* field : fields) {
      absl::string_view value = line;
      int64_t number = 0;
      if (absl::ConsumePrefix(&value, field) &&
          absl::ConsumeSuffix(&value, "kB") &&
          absl::SimpleAtoi(value, &number)) {
        kilobytes = kilobytes.value_or(0) + number;
      }
    }
  }
  return kilobytes;
}

// Page tables hold memory even where the pages do not: an address space that
// is only read maps the kernel's one page of zeros everywhere.
int64_t TableKilobytes(pid_t pid) {
  return SumOf(absl::StrCat("/proc/", pid, "/status"), {"VmPTE:"}).value_or(0);
}

// Counts a page that processes share after a fork once for each of them.
int64_t RoughKilobytes(pid_t pid) {
  return SumOf(absl::StrCat("/proc/", pid, "/status"),
               {"RssAnon:", "RssShmem:", "VmSwap:", "VmPTE:"})
      .value_or(0);
}

// Divides a shared page among those who share it. Walks all pages.
int64_t ExactKilobytes(pid_t pid) {
  const auto exact = SumOf(absl::StrCat("/proc/", pid, "/smaps_rollup"),
                           {"Pss_Anon:", "Pss_Shmem:", "SwapPss:"});
  return exact.has_value() ? *exact + TableKilobytes(pid) : RoughKilobytes(pid);
}

// A thread's children are its own, so every thread is asked.
std::vector<pid_t> ChildrenOf(pid_t pid) {
  std::vector<pid_t> children;
  const std::string tasks = absl::StrCat("/proc/", pid, "/task");
  const auto threads = ListDirectory(tasks);
  if (!threads.ok()) return children;
  for (const std::string& thread : *threads) {
    const auto list = ReadFile(absl::StrCat(tasks, "/", thread, "/children"));
    if (!list.ok()) continue;
    for (absl::string_view word :
         absl::StrSplit(*list, ' ', absl::SkipWhitespace())) {
      pid_t child = 0;
      if (absl::SimpleAtoi(word, &child)) children.push_back(child);
    }
  }
  return children;
}

int64_t SumOverTree(pid_t root, int64_t (*kilobytes_of)(pid_t)) {
  int64_t kilobytes = 0;
  std::vector<pid_t> waiting = {root};
  while (!waiting.empty()) {
    const pid_t pid = waiting.back();
    waiting.pop_back();
    kilobytes += kilobytes_of(pid);
    for (pid_t child : ChildrenOf(pid)) waiting.push_back(child);
  }
  return kilobytes;
}

}  // namespace

// The rough sum is cheap and never too small, so the exact one is seldom asked.
bool TreeHoldsMoreThan(pid_t root, int64_t limit) {
  const int64_t kilobytes = limit >> 10;
  return SumOverTree(root, RoughKilobytes) > kilobytes &&
         SumOverTree(root, ExactKilobytes) > kilobytes;
}

int SocketsBeside(pid_t pid) {
  const auto text = ReadFile(absl::StrCat("/proc/", pid, "/net/sockstat"));
  if (!text.ok()) return 0;
  absl::string_view rest = *text;
  int sockets = 0;
  if (!absl::ConsumePrefix(&rest, "sockets: used ") ||
      !absl::SimpleAtoi(rest.substr(0, rest.find('\n')), &sockets)) {
    return 0;
  }
  return sockets;
}

bool CanMeasureTrees() {
  return ::access("/proc/thread-self/children", R_OK) == 0;
}

}  // namespace hubd
