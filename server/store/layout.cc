#include "server/store/layout.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "server/base/digest.h"

namespace hubd {
namespace {

// Parts cannot hold a line break unescaped: URLs and names are checked before.
template <class... Parts>
std::string RecordName(const Parts&... parts) {
  return Sha256Hex(absl::StrJoin({absl::string_view(parts)...}, "\n"));
}

// A host or an owner as one folder's name: with "%", which neither holds, in
// the place of "/", and for none.
std::string FolderName(const std::string& part) {
  return part.empty() ? "%" : absl::StrReplaceAll(part, {{"/", "%"}});
}

}  // namespace

Layout::Layout(std::string root) : root_(std::move(root)) {}

std::string Layout::store() const { return absl::StrCat(root_, "/store"); }

std::string Layout::lock() const { return absl::StrCat(store(), "/LOCK"); }

std::string Layout::version() const {
  return absl::StrCat(store(), "/VERSION");
}

std::string Layout::address() const {
  return absl::StrCat(store(), "/ADDRESS");
}

std::string Layout::cachedir_tag() const {
  return absl::StrCat(store(), "/CACHEDIR.TAG");
}

std::string Layout::index() const {
  return absl::StrCat(store(), "/index.sqlite3");
}

std::string Layout::reserve() const {
  return absl::StrCat(store(), "/reserve");
}

std::string Layout::BrokenIndex(const std::string& when) const {
  return absl::StrCat(index(), ".broken-", when);
}

std::string Layout::log() const { return absl::StrCat(store(), "/log"); }

std::string Layout::blobs() const { return absl::StrCat(store(), "/blobs"); }

std::string Layout::trees() const { return absl::StrCat(store(), "/trees"); }

std::string Layout::checkpoint_records() const {
  return absl::StrCat(store(), "/records/checkpoint");
}

std::string Layout::tree_records() const {
  return absl::StrCat(store(), "/records/tree");
}

std::string Layout::ref_records() const {
  return absl::StrCat(store(), "/records/ref");
}

std::string Layout::unpacked_records() const {
  return absl::StrCat(store(), "/records/unpacked");
}

std::string Layout::unpacked() const {
  return absl::StrCat(store(), "/unpacked");
}

std::string Layout::tmp() const { return absl::StrCat(store(), "/tmp"); }

std::string Layout::partials() const {
  return absl::StrCat(store(), "/partial");
}

std::string Layout::Blob(const std::string& sha256) const {
  return absl::StrCat(blobs(), "/", sha256.substr(0, 2), "/", sha256);
}

std::string Layout::Tree(const TreeKey& key) const {
  return absl::StrCat(trees(), "/", FolderName(key.repo.host), "/",
                      FolderName(key.repo.owner), "/", key.repo.name, "/",
                      key.commit, ".", key.route);
}

std::string Layout::Unpacked(const std::string& sha256) const {
  return absl::StrCat(unpacked(), "/", sha256);
}

std::string Layout::CheckpointRecord(const std::string& domain,
                                     const std::string& url) const {
  return absl::StrCat(checkpoint_records(), "/", RecordName(domain, url));
}

std::string Layout::TreeRecord(const TreeKey& key) const {
  return absl::StrCat(
      tree_records(), "/",
      RecordName(key.domain, key.repo.ToString(), key.commit, key.route));
}

std::string Layout::RefRecord(const std::string& domain,
                              const RepoId& repo) const {
  return absl::StrCat(ref_records(), "/", RecordName(domain, repo.ToString()));
}

std::string Layout::UnpackedRecord(const std::string& sha256) const {
  return absl::StrCat(unpacked_records(), "/", sha256);
}

std::string Layout::Partial(const std::string& domain, const std::string& url,
                            const std::string& source) const {
  return absl::StrCat(partials(), "/", RecordName(domain, url, source));
}

}  // namespace hubd
