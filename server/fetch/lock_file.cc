#include "server/fetch/lock_file.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <set>
#include <sstream>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/base/digest.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/base/text.h"
#include "server/net/url_identity.h"
#include "toml++/toml.h"

namespace hubd {
namespace {

constexpr int kVersion = 1;
// One line for each value, in double quotes.
constexpr toml::format_flags kPlain = toml::format_flags::allow_unicode_strings;

absl::Status Invalid(absl::string_view what) {
  return ReasonError(
      Reason::kInvalidLock,
      absl::StrCat("the lock file cannot be used: ", what,
                   "; mend it, or remove it and run hubctl lock again"));
}

absl::Status InvalidAt(const toml::source_region& where,
                       absl::string_view what) {
  return Invalid(
      absl::StrCat("line ", where.begin.line, ": ", CleanLine(what)));
}

bool IsSha256(absl::string_view text) {
  return text.size() == 64 && IsSha256Prefix(text);
}

bool IsWord(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c >= 'a' && c <= 'z';
  });
}

auto KeyOf(const LockedRepo& entry) { return std::tie(entry.repo, entry.ref); }

auto KeyOf(const LockedCheckpoint& entry) { return std::tie(entry.url); }

template <class Entry>
bool Precedes(const Entry& a, const Entry& b) {
  return KeyOf(a) < KeyOf(b);
}

// Keeps the entries sorted; one of the same key goes.
template <class Entry>
void Insert(std::vector<Entry>& entries, Entry entry) {
  auto at =
      std::lower_bound(entries.begin(), entries.end(), entry, Precedes<Entry>);
  if (at != entries.end() && KeyOf(*at) == KeyOf(entry)) {
    *at = std::move(entry);
  } else {
    entries.insert(at, std::move(entry));
  }
}

// One [[repo]] or [[checkpoint]] as it stands in the file.
class EntryReader {
 public:
  EntryReader(absl::string_view kind, const toml::table& table)
      : kind_(kind), table_(table) {}

  absl::Status CheckKeys(std::initializer_list<absl::string_view> known) const {
    for (const auto& [key, node] : table_) {
      const std::string name(key.str());
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        return InvalidAt(
            key.source(),
            absl::StrCat("[[", kind_, "]] has no key ", LogQuote(name),
                         ", only ", absl::StrJoin(known, ", ")));
      }
    }
    return absl::OkStatus();
  }

  // A text that must be there; `is_good` says whether it is `what`.
  template <class IsGood>
  absl::StatusOr<std::string> Text(const char* key, absl::string_view what,
                                   IsGood is_good) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) {
      return InvalidAt(table_.source(),
                       absl::StrCat("[[", kind_, "]] lacks ", key));
    }
    const auto* text = node->as_string();
    if (text != nullptr && is_good(text->get())) return text->get();
    return InvalidAt(node->source(), absl::StrCat(key, " is not ", what));
  }

  absl::StatusOr<bool> Flag(const char* key) const {
    const toml::node* node = table_.get(key);
    if (node == nullptr) return false;
    if (const auto* flag = node->as_boolean()) return flag->get();
    return InvalidAt(node->source(),
                     absl::StrCat(key, " is not true or false"));
  }

 private:
  const absl::string_view kind_;
  const toml::table& table_;
};

bool IsAny(const std::string&) { return true; }

absl::StatusOr<LockedRepo> ReadRepo(const toml::table& table) {
  const EntryReader reader("repo", table);
  HUBD_RETURN_IF_ERROR(reader.CheckKeys(
      {"repo", "ref", "default", "commit", "route", "digest"}));
  LockedRepo entry;
  HUBD_ASSIGN_OR_RETURN(const std::string repo,
                        reader.Text("repo", "a text", IsAny));
  HUBD_ASSIGN_OR_RETURN(const std::string ref,
                        reader.Text("ref", "a text", IsAny));
  absl::StatusOr<RepoSpec> spec = ParseRepoSpec(absl::StrCat(repo, ":", ref));
  if (!spec.ok() || spec->ref != ref || ref.empty()) {
    return InvalidAt(table.source(), spec.ok()
                                         ? "repo or ref is none"
                                         : CleanLine(spec.status().message()));
  }
  entry.repo = std::move(spec->id);
  entry.ref = ref;
  HUBD_ASSIGN_OR_RETURN(entry.is_default, reader.Flag("default"));
  HUBD_ASSIGN_OR_RETURN(
      entry.commit,
      reader.Text("commit", "40 lower-case hex digits", IsCommit));
  HUBD_ASSIGN_OR_RETURN(entry.route,
                        reader.Text("route", "a lower-case word", IsWord));
  HUBD_ASSIGN_OR_RETURN(
      entry.digest,
      reader.Text("digest", "64 lower-case hex digits", IsSha256));
  return entry;
}

absl::StatusOr<LockedCheckpoint> ReadCheckpoint(const toml::table& table) {
  const EntryReader reader("checkpoint", table);
  HUBD_RETURN_IF_ERROR(reader.CheckKeys({"url", "sha256"}));
  LockedCheckpoint entry;
  HUBD_ASSIGN_OR_RETURN(
      const std::string url,
      reader.Text("url", "a URL",
                  [](const std::string& text) { return !text.empty(); }));
  entry.url = UrlIdentity(url);
  HUBD_ASSIGN_OR_RETURN(
      entry.sha256,
      reader.Text("sha256", "64 lower-case hex digits", IsSha256));
  return entry;
}

// Every table of the array of tables `kind`, which may be left out.
template <class Read>
absl::Status ReadEntries(const toml::table& document, const char* kind,
                         Read read) {
  const toml::node* node = document.get(kind);
  if (node == nullptr) return absl::OkStatus();
  const toml::array* array = node->as_array();
  if (array == nullptr) {
    return InvalidAt(node->source(),
                     absl::StrCat("write [[", kind, "]] for each ", kind));
  }
  for (const toml::node& element : *array) {
    const toml::table* table = element.as_table();
    if (table == nullptr) {
      return InvalidAt(element.source(),
                       absl::StrCat("write [[", kind, "]] for each ", kind));
    }
    HUBD_RETURN_IF_ERROR(read(*table));
  }
  return absl::OkStatus();
}

absl::Status CheckDocument(const toml::table& document) {
  for (const auto& [key, node] : document) {
    const std::string name(key.str());
    if (name != "version" && name != "repo" && name != "checkpoint") {
      return InvalidAt(key.source(),
                       absl::StrCat("unknown key ", LogQuote(name)));
    }
  }
  const toml::node* version = document.get("version");
  if (version == nullptr) {
    return Invalid(absl::StrCat("it says no version = ", kVersion));
  }
  const auto* number = version->as_integer();
  if (number != nullptr && number->get() == kVersion) return absl::OkStatus();
  return InvalidAt(version->source(),
                   absl::StrCat("this hubd knows version ", kVersion, " only"));
}

// Walks through what is neither quoted nor a comment. Lines end, too, where
// Unicode ends them, since toml++ may think so.
class BareText {
 public:
  explicit BareText(absl::string_view text) : text_(text) {}

  // The next byte of it; a quote where a string of several lines begins; 0 at
  // the end.
  char Next() {
    while (at_ < text_.size()) {
      const absl::string_view rest = text_.substr(at_++);
      const char byte = rest[0];
      if (byte == '\n') ++line_;
      if (EndsLine(rest)) closing_ = 0;
      if (closing_ == kLineEnd) continue;
      if (closing_ != 0) {
        if (byte == '\\' && closing_ == '"') ++at_;
        if (byte == closing_) closing_ = 0;
        continue;
      }
      const bool quote = byte == '"' || byte == '\'';
      if (quote && rest.size() > 2 && rest[1] == byte && rest[2] == byte) {
        return byte;
      }
      if (!quote && byte != '#') return byte;
      closing_ = quote ? byte : kLineEnd;
    }
    return 0;
  }

  int64_t line() const { return line_; }

 private:
  static constexpr char kLineEnd = '\n';

  static bool EndsLine(absl::string_view rest) {
    for (absl::string_view end :
         {"\n", "\r", "\v", "\f", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"}) {
      if (absl::StartsWith(rest, end)) return true;
    }
    return false;
  }

  const absl::string_view text_;
  size_t at_ = 0;
  int64_t line_ = 1;
  // What ends the quotes or the comment that it is in; 0: in none.
  char closing_ = 0;
};

// toml++ bounds how deep values lie in each other, but not the tables of a
// dotted key: one of many parts overruns its stack. The format has no such keys
// and no strings of several lines.
absl::Status RefuseUnbounded(absl::string_view text) {
  BareText bare(text);
  while (const char byte = bare.Next()) {
    if (byte == '.' || byte == '"' || byte == '\'') {
      return Invalid(absl::StrCat("line ", bare.line(), ": ",
                                  byte == '.'
                                      ? "a \".\" stands outside of quotes"
                                      : "a string begins with three quotes"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<toml::table> ParseToml(absl::string_view text) {
  try {
    return toml::table(toml::parse(std::string_view(text.data(), text.size())));
  } catch (const toml::parse_error& error) {
    return InvalidAt(error.source(), std::string(error.description()));
  }
}

}  // namespace

absl::StatusOr<LockFile> LockFile::Parse(absl::string_view text) {
  if (text.size() > kMaxBytes) {
    return Invalid(absl::StrCat("it has ", text.size(), " bytes, and at most ",
                                kMaxBytes, " are read"));
  }
  HUBD_RETURN_IF_ERROR(RefuseUnbounded(text));
  HUBD_ASSIGN_OR_RETURN(const toml::table document, ParseToml(text));
  HUBD_RETURN_IF_ERROR(CheckDocument(document));
  LockFile lock;
  std::set<std::string> seen;
  HUBD_RETURN_IF_ERROR(ReadEntries(
      document, "repo", [&](const toml::table& table) -> absl::Status {
        HUBD_ASSIGN_OR_RETURN(LockedRepo entry, ReadRepo(table));
        const std::string repo = entry.repo.ToString();
        if (!seen.insert(absl::StrCat(repo, ":", entry.ref)).second ||
            (entry.is_default && !seen.insert(repo).second)) {
          return InvalidAt(table.source(),
                           absl::StrCat(repo, " is locked twice with the ref ",
                                        entry.ref, " or as default"));
        }
        lock.repos_.push_back(std::move(entry));
        return absl::OkStatus();
      }));
  std::map<std::string, std::string> digests;
  HUBD_RETURN_IF_ERROR(ReadEntries(
      document, "checkpoint", [&](const toml::table& table) -> absl::Status {
        HUBD_ASSIGN_OR_RETURN(LockedCheckpoint entry, ReadCheckpoint(table));
        const auto [at, is_new] = digests.emplace(entry.url, entry.sha256);
        if (at->second != entry.sha256) {
          return InvalidAt(
              table.source(),
              absl::StrCat(RedactUrl(entry.url),
                           " is locked twice, with different digests"));
        }
        if (is_new) lock.checkpoints_.push_back(std::move(entry));
        return absl::OkStatus();
      }));
  std::sort(lock.repos_.begin(), lock.repos_.end(), Precedes<LockedRepo>);
  std::sort(lock.checkpoints_.begin(), lock.checkpoints_.end(),
            Precedes<LockedCheckpoint>);
  return lock;
}

std::string LockFile::Format() const {
  toml::array repos;
  for (const LockedRepo& entry : repos_) {
    toml::table table{{"repo", entry.repo.ToString()},
                      {"ref", entry.ref},
                      {"commit", entry.commit},
                      {"route", entry.route},
                      {"digest", entry.digest}};
    if (entry.is_default) table.insert("default", true);
    repos.push_back(std::move(table));
  }
  toml::array checkpoints;
  for (const LockedCheckpoint& entry : checkpoints_) {
    checkpoints.push_back(
        toml::table{{"url", entry.url}, {"sha256", entry.sha256}});
  }
  toml::table document{{"version", kVersion}};
  if (!repos.empty()) document.insert("repo", std::move(repos));
  if (!checkpoints.empty()) {
    document.insert("checkpoint", std::move(checkpoints));
  }
  std::ostringstream out;
  out << "# What hubd may use here. Written by: hubctl lock\n\n"
      << toml::toml_formatter(document, kPlain) << "\n";
  return out.str();
}

void LockFile::Put(LockedRepo entry) {
  for (LockedRepo& other : repos_) {
    if (other.repo == entry.repo && other.ref == entry.ref) {
      entry.is_default = entry.is_default || other.is_default;
    }
  }
  std::erase_if(repos_, [&entry](const LockedRepo& other) {
    return entry.is_default && other.is_default && other.repo == entry.repo;
  });
  Insert(repos_, std::move(entry));
}

void LockFile::Put(LockedCheckpoint entry) {
  entry.url = UrlIdentity(entry.url);
  Insert(checkpoints_, std::move(entry));
}

absl::StatusOr<LockedRepo> LockFile::FindRepo(const RepoSpec& typed) const {
  std::vector<const LockedRepo*> entries;
  for (const LockedRepo& entry : repos_) {
    if (entry.repo == typed.id) entries.push_back(&entry);
  }
  for (const LockedRepo* entry : entries) {
    if (typed.ref.empty() ? entry->is_default : entry->ref == typed.ref) {
      return *entry;
    }
  }
  if (typed.ref.empty() && entries.size() == 1) return *entries.front();
  for (const LockedRepo* entry : entries) {
    if (entry->commit == typed.ref) return *entry;
  }
  const std::string refs =
      absl::StrJoin(entries, ", ", [](std::string* out, const auto* entry) {
        absl::StrAppend(out, entry->ref);
      });
  const std::string repo = typed.id.ToString();
  const std::string asked =
      typed.ref.empty() ? repo : absl::StrCat(repo, ":", typed.ref);
  return ReasonError(
      Reason::kNotLocked,
      absl::StrCat(
          asked, " is not in the lock file",
          refs.empty() ? "" : absl::StrCat(", which has that repo at ", refs),
          ": hubctl lock ", asked, " adds it"),
      {{"repo", repo}, {"ref", typed.ref}, {"locked", refs}});
}

absl::StatusOr<LockedCheckpoint> LockFile::FindCheckpoint(
    const std::string& url) const {
  const std::string identity = UrlIdentity(url);
  for (const LockedCheckpoint& entry : checkpoints_) {
    if (entry.url == identity) return entry;
  }
  const std::string shown = RedactUrl(url);
  return ReasonError(
      Reason::kNotLocked,
      absl::StrCat(
          shown, " is not in the lock file: hubctl lock with that URL adds it"),
      {{"url", shown}});
}

}  // namespace hubd
