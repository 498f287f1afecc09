// Every path below a root. Nothing else joins strings into paths there.
//
// Parts that come from users (host, owner, name) reach here validated by
// ParseRepoSpec; digests and commits are hex.

#ifndef HUBD_SERVER_STORE_LAYOUT_H_
#define HUBD_SERVER_STORE_LAYOUT_H_

#include <string>

#include "server/store/objects.h"

namespace hubd {

// A value; thread-safe. `root` is absolute and canonical.
class Layout {
 public:
  explicit Layout(std::string root);

  const std::string& root() const { return root_; }
  std::string store() const;
  std::string lock() const;
  std::string version() const;
  std::string address() const;
  std::string cachedir_tag() const;
  std::string index() const;
  // Room for the index on a full disk.
  std::string reserve() const;
  // Where an index that was found broken at `when` (a word) is kept.
  std::string BrokenIndex(const std::string& when) const;
  std::string log() const;
  std::string blobs() const;
  std::string trees() const;
  std::string checkpoint_records() const;
  std::string tree_records() const;
  std::string ref_records() const;
  std::string unpacked_records() const;
  std::string unpacked() const;
  std::string tmp() const;
  std::string partials() const;

  // store/blobs/ab/SHA256
  std::string Blob(const std::string& sha256) const;
  // store/trees/HOST/OWNER/NAME/COMMIT.ROUTE, with "%" for each "/" in HOST or
  // OWNER and for an empty OWNER.
  std::string Tree(const TreeKey& key) const;
  // store/unpacked/SHA256
  std::string Unpacked(const std::string& sha256) const;
  // store/records/{checkpoint,tree,ref,unpacked}/KEY, KEY a digest of the key.
  std::string CheckpointRecord(const std::string& domain,
                               const std::string& url) const;
  std::string TreeRecord(const TreeKey& key) const;
  std::string RefRecord(const std::string& domain, const RepoId& repo) const;
  std::string UnpackedRecord(const std::string& sha256) const;
  // store/partial/KEY: of what `source` gives for the URL.
  std::string Partial(const std::string& domain, const std::string& url,
                      const std::string& source) const;

 private:
  std::string root_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_LAYOUT_H_
