#include "server/fetch/old_names.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/base/digest.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr char kGitHub[] = "github.com";
constexpr char kMegEngineDefault[] = "master";
constexpr size_t kMegEngineDigits = 16;
constexpr size_t kUrlDigits = 6;
constexpr size_t kMaxName = 255;

constexpr char kNameIt[] =
    "; name the repo that it is of: --repo OWNER/NAME[:REF]";

std::string AsDirectory(absl::string_view ref) {
  return absl::StrReplaceAll(ref, {{"/", "_"}});
}

// Whether it is a version, which has digits only, and a digest.
bool IsMegEngineName(absl::string_view directory) {
  const size_t cut = directory.rfind('_');
  if (cut == absl::string_view::npos || cut == 0) return false;
  const absl::string_view digest = directory.substr(cut + 1);
  return digest.size() == kMegEngineDigits && IsSha256Prefix(digest) &&
         absl::ascii_isdigit(directory[0]);
}

// What `directory` means if it is of this repo; nullopt: it is not.
std::optional<RepoSpec> ReadDigest(absl::string_view directory,
                                   const NamedRepo& repo) {
  const std::string start = absl::StrCat(repo.owner, "_", repo.name, "_");
  const std::string& ref =
      repo.spec.ref.empty() ? kMegEngineDefault : repo.spec.ref;
  // The last one: asked for by commit=REF.
  for (const std::string& key :
       {absl::StrCat(start, AsDirectory(ref)),
        absl::StrCat(start, kMegEngineDefault, "_", ref)}) {
    const std::string digest = Sha1Hex(key).substr(0, kMegEngineDigits);
    if (absl::EndsWith(directory, absl::StrCat("_", digest))) {
      return RepoSpec{repo.spec.id, ref};
    }
  }
  return std::nullopt;
}

std::optional<RepoSpec> ReadWords(absl::string_view directory,
                                  const NamedRepo& repo) {
  const std::string start = absl::StrCat(repo.owner, "_", repo.name, "_");
  if (repo.spec.id.host != kGitHub ||
      !absl::StartsWithIgnoreCase(directory, start)) {
    return std::nullopt;
  }
  const std::string ref(directory.substr(start.size()));
  const bool fits = repo.spec.ref.empty() ? !absl::StrContains(ref, '_')
                                          : AsDirectory(repo.spec.ref) == ref;
  if (!fits || ref.empty()) return std::nullopt;
  return RepoSpec{repo.spec.id, ref};
}

absl::StatusOr<RepoSpec> CutInOneWay(const std::string& directory) {
  const std::vector<std::string> words = absl::StrSplit(directory, '_');
  if (words.size() > 3) {
    return absl::FailedPreconditionError(
        absl::StrCat("its name can mean several repos", kNameIt));
  }
  absl::StatusOr<RepoSpec> spec =
      words.size() == 3
          ? ParseRepoSpec(absl::StrCat(kGitHub, "/", words[0], "/", words[1],
                                       ":", words[2]))
          : absl::FailedPreconditionError("");
  if (spec.ok() && !spec->ref.empty()) return spec;
  return absl::FailedPreconditionError("its name is not OWNER_NAME_REF");
}

}  // namespace

absl::StatusOr<NamedRepo> ParseNamedRepo(absl::string_view text) {
  NamedRepo named;
  HUBD_ASSIGN_OR_RETURN(named.spec, ParseRepoSpec(text));
  const std::string url = named.spec.id.Url();
  if (IsSshUrl(url) || IsFileUrl(url)) {
    return ReasonError(
        Reason::kInvalidRepo,
        absl::StrCat("a hub keeps no tree of ", named.spec.id.ToString(),
                     ": name it as owner/name or host/owner/name"),
        {{"repo", named.spec.id.ToString()}});
  }
  // What is left, the parser has seen: [https://][host/]owner/name[.git][/].
  if (!named.spec.ref.empty()) {
    text.remove_suffix(named.spec.ref.size() + 1);
  } else {
    text = absl::StripSuffix(text, ":");
  }
  text = absl::StripSuffix(text, "/");
  if (text.size() > 4 && absl::EndsWithIgnoreCase(text, ".git")) {
    text.remove_suffix(4);
  }
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  named.owner = parts[parts.size() - 2];
  named.name = parts.back();
  return named;
}

absl::StatusOr<RepoSpec> ReadTreeName(const std::string& directory,
                                      const std::vector<NamedRepo>& named) {
  const bool is_digest = IsMegEngineName(directory);
  std::optional<RepoSpec> told;
  for (const NamedRepo& repo : named) {
    std::optional<RepoSpec> read =
        is_digest ? ReadDigest(directory, repo) : ReadWords(directory, repo);
    if (!read) continue;
    if (told && (told->id != read->id || told->ref != read->ref)) {
      return absl::FailedPreconditionError(
          "several of the repos that were named fit its name; name one");
    }
    told = std::move(read);
  }
  if (told) {
    told->ref = AsDirectory(told->ref);
    return *std::move(told);
  }
  if (!is_digest) return CutInOneWay(directory);
  return absl::FailedPreconditionError(
      absl::StrCat("MegEngine's names are digests", kNameIt));
}

absl::StatusOr<RepoId> ReadTrustLine(absl::string_view line) {
  const std::vector<std::string> words = absl::StrSplit(line, '_');
  if (words.size() == 2) {
    absl::StatusOr<RepoSpec> spec =
        ParseRepoSpec(absl::StrCat(kGitHub, "/", words[0], "/", words[1]));
    if (spec.ok() && spec->ref.empty()) return spec->id;
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the line ",
      words.size() > 2 ? "can mean several repos" : "names no repo",
      "; where you trust one, run: hubctl trust add OWNER/NAME"));
}

bool IsCheckpointName(absl::string_view name) {
  return !name.empty() && name.size() <= kMaxName &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isgraph(c) && c != '?' && c != '#' && c != '/';
         });
}

std::vector<std::string> CheckpointNames(const std::string& url) {
  std::string path = url.substr(0, url.find_first_of("?#"));
  const std::string base = path.substr(path.rfind('/') + 1);
  if (base.empty()) return {};
  return {base, absl::StrCat(Sha256Hex(url).substr(0, kUrlDigits), "_", base)};
}

}  // namespace hubd
