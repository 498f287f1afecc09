// The rows of the index's tables as objects, and the queries whose columns they
// are read from.

#ifndef HUBD_SERVER_STORE_ROWS_H_
#define HUBD_SERVER_STORE_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/base/repo.h"
#include "server/store/column_text.h"
#include "server/store/layout.h"
#include "server/store/objects.h"
#include "server/store/sqlite.h"

namespace hubd {

inline constexpr char kSelectTree[] =
    "SELECT id, domain, host, owner, name, commit_id, route, size_bytes,"
    " entry_count, created_at, warnings, digest, unproven, imported_ref,"
    " imported_as_of FROM tree";
inline constexpr char kSelectCheckpoint[] =
    "SELECT id, domain, url, sha256, size_bytes, etag, last_modified,"
    " content_type, created_at FROM checkpoint";
inline constexpr char kSelectUnpacked[] =
    "SELECT id, sha256, size_bytes, members, created_at FROM unpacked";
inline constexpr char kSelectTrust[] =
    "SELECT id, uid, host, owner, name, hub_dir, created_at FROM trust";

// "host/owner/name"; empty: none.
inline std::optional<RepoId> DecodeRepo(const std::string& text) {
  absl::StatusOr<RepoSpec> spec = ParseRepoSpec(text);
  if (!spec.ok()) return std::nullopt;
  return spec->id;
}

inline int64_t Micros(absl::Time time) { return absl::ToUnixMicros(time); }

inline TreeObject TreeFromRow(const SqlRows& row, const Layout& layout) {
  TreeObject tree;
  tree.key = {row.Text(1),
              {row.Text(2), row.Text(3), row.Text(4)},
              row.Text(5),
              row.Text(6)};
  tree.path = layout.Tree(tree.key);
  tree.size_bytes = row.Int(7);
  tree.entry_count = row.Int(8);
  tree.created_at = absl::FromUnixMicros(row.Int(9));
  tree.warnings = DecodeLines(row.Text(10));
  tree.digest = row.Text(11);
  tree.unproven = row.Int(12) != 0;
  if (std::string ref = row.Text(13); !ref.empty()) {
    tree.imported = {std::move(ref), absl::FromUnixMicros(row.Int(14))};
  }
  return tree;
}

inline CheckpointObject CheckpointFromRow(const SqlRows& row,
                                          const Layout& layout) {
  CheckpointObject checkpoint;
  checkpoint.domain = row.Text(1);
  checkpoint.url = row.Text(2);
  checkpoint.sha256 = row.Text(3);
  checkpoint.path = layout.Blob(checkpoint.sha256);
  checkpoint.size_bytes = row.Int(4);
  checkpoint.etag = row.Text(5);
  checkpoint.last_modified = row.Text(6);
  checkpoint.content_type = row.Text(7);
  checkpoint.created_at = absl::FromUnixMicros(row.Int(8));
  return checkpoint;
}

inline UnpackedObject UnpackedFromRow(const SqlRows& row,
                                      const Layout& layout) {
  UnpackedObject unpacked;
  unpacked.sha256 = row.Text(1);
  unpacked.path = layout.Unpacked(unpacked.sha256);
  unpacked.size_bytes = row.Int(2);
  unpacked.members = DecodeLines(row.Text(3));
  unpacked.created_at = absl::FromUnixMicros(row.Int(4));
  return unpacked;
}

inline TrustEntry TrustFromRow(const SqlRows& row, const Layout&) {
  return {static_cast<uint32_t>(row.Int(1)),
          {row.Text(2), row.Text(3), row.Text(4)},
          row.Text(5),
          absl::FromUnixMicros(row.Int(6))};
}

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_ROWS_H_
