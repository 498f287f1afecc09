// What the kinds of stored objects have in common: each has a record, and rows
// in the catalog.
//
// ObjectKind<T> says for an object of type T where its record lies, whether
// stat finds it as its record says, and which calls of the catalog are its own.

#ifndef HUBD_SERVER_STORE_OBJECT_KIND_H_
#define HUBD_SERVER_STORE_OBJECT_KIND_H_

#include <sys/stat.h>

#include <cerrno>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/store/catalog.h"
#include "server/store/layout.h"
#include "server/store/objects.h"
#include "server/store/record.h"

namespace hubd {

template <class Object>
struct ObjectKind;

// What is at `path`, be it a link; nullopt where that cannot be looked at.
// Where nothing is there, it is of no type.
inline std::optional<struct stat> LookAt(const std::string& path) {
  struct stat info = {};
  if (::lstat(path.c_str(), &info) == 0) return info;
  if (errno == ENOENT || errno == ENOTDIR) return info;
  return std::nullopt;
}

template <>
struct ObjectKind<TreeObject> {
  static std::string Records(const Layout& layout) {
    return layout.tree_records();
  }
  static std::string Record(const Layout& layout, const TreeObject& tree) {
    return layout.TreeRecord(tree.key);
  }
  static std::string Path(const Layout& layout, const TreeObject& tree) {
    return layout.Tree(tree.key);
  }
  // Whether stat shows what the record says, here and below.
  static bool Fits(const TreeObject&, const struct stat& info) {
    return S_ISDIR(info.st_mode);
  }
  static absl::Status Put(Catalog& catalog, const TreeObject& tree) {
    return catalog.PutTree(tree);
  }
  static absl::Status Remove(Catalog& catalog, const TreeObject& tree) {
    return catalog.RemoveTree(tree.key);
  }
  static absl::StatusOr<Page<TreeObject>> List(Catalog& catalog,
                                               const std::string& token) {
    return catalog.ListTrees(0, token);
  }
};

template <>
struct ObjectKind<CheckpointObject> {
  static std::string Records(const Layout& layout) {
    return layout.checkpoint_records();
  }
  static std::string Record(const Layout& layout,
                            const CheckpointObject& checkpoint) {
    return layout.CheckpointRecord(checkpoint.domain, checkpoint.url);
  }
  static std::string Path(const Layout& layout,
                          const CheckpointObject& checkpoint) {
    return layout.Blob(checkpoint.sha256);
  }
  static bool Fits(const CheckpointObject& checkpoint,
                   const struct stat& info) {
    return S_ISREG(info.st_mode) && info.st_size == checkpoint.size_bytes;
  }
  static absl::Status Put(Catalog& catalog,
                          const CheckpointObject& checkpoint) {
    return catalog.PutCheckpoint(checkpoint);
  }
  static absl::Status Remove(Catalog& catalog,
                             const CheckpointObject& checkpoint) {
    return catalog.RemoveCheckpoint(checkpoint.domain, checkpoint.url);
  }
  static absl::StatusOr<Page<CheckpointObject>> List(Catalog& catalog,
                                                     const std::string& token) {
    return catalog.ListCheckpoints(0, token);
  }
};

template <>
struct ObjectKind<UnpackedObject> {
  static std::string Records(const Layout& layout) {
    return layout.unpacked_records();
  }
  static std::string Record(const Layout& layout,
                            const UnpackedObject& unpacked) {
    return layout.UnpackedRecord(unpacked.sha256);
  }
  static std::string Path(const Layout& layout,
                          const UnpackedObject& unpacked) {
    return layout.Unpacked(unpacked.sha256);
  }
  static bool Fits(const UnpackedObject&, const struct stat& info) {
    return S_ISDIR(info.st_mode);
  }
  static absl::Status Put(Catalog& catalog, const UnpackedObject& unpacked) {
    return catalog.PutUnpacked(unpacked);
  }
  static absl::Status Remove(Catalog& catalog, const UnpackedObject& unpacked) {
    return catalog.RemoveUnpacked(unpacked.sha256);
  }
  static absl::StatusOr<Page<UnpackedObject>> List(Catalog& catalog,
                                                   const std::string& token) {
    return catalog.ListUnpacked(0, token);
  }
};

// An answer about refs is record and row only: no object lies beside them.
template <>
struct ObjectKind<RefsObject> {
  static std::string Record(const Layout& layout, const RefsObject& refs) {
    return layout.RefRecord(refs.domain, refs.repo);
  }
  static absl::Status Put(Catalog& catalog, const RefsObject& refs) {
    return catalog.PutRefs(refs);
  }
};

// Whether the object is on disk as its record says. What cannot be looked at
// counts as whole.
template <class Object>
bool IsWhole(const Object& object) {
  const std::optional<struct stat> info = LookAt(object.path);
  return !info || ObjectKind<Object>::Fits(object, *info);
}

// The object that the record at `path` tells of, without its path. DATA_LOSS
// where what is there is no record of that name; other errors where it cannot
// be read. May wait for the disk.
template <class Object>
absl::StatusOr<Object> ReadRecord(const Layout& layout,
                                  const std::string& path) {
  // An advertisement of 64 MiB, written as JSON.
  constexpr int64_t kMaxRecordBytes = 256 << 20;
  HUBD_ASSIGN_OR_RETURN(std::string content, ReadFile(path, kMaxRecordBytes));
  HUBD_ASSIGN_OR_RETURN(Object object, DecodeRecord<Object>(content));
  if (ObjectKind<Object>::Record(layout, object) == path) return object;
  return absl::DataLossError("no record: it has the name of another one");
}

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_OBJECT_KIND_H_
