#include "server/store/root_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/base/fs.h"
#include "server/base/status.h"

namespace hubd {
namespace {

constexpr int kVersion = 1;

constexpr char kCachedirTag[] =
    "Signature: 8a477f597d28d172789f06886806bc55\n"
    "# This directory is a cache of hubd: backups may leave it out.\n"
    "# See https://bford.info/cachedir/\n";

}  // namespace

absl::StatusOr<UniqueFd> OpenRoot(const std::string& root) {
  HUBD_RETURN_IF_ERROR(MakeDirectories(root, 0700));
  UniqueFd fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat info;
  if (!fd.valid() || ::fstat(fd.get(), &info) != 0) {
    return ErrnoError(errno, absl::StrCat("cannot open the root ", root));
  }
  const uid_t uid = ::geteuid();
  if (info.st_uid != uid) {
    return absl::FailedPreconditionError(
        absl::StrCat("the root ", root, " belongs to uid ", info.st_uid,
                     " and hubd runs as uid ", uid, ": chown ", uid, " ", root,
                     ", or choose another root with --dir"));
  }
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the root ", root,
        " can be written by others than its owner: chmod go-w ", root));
  }
  return fd;
}

absl::StatusOr<bool> CheckVersion(const Layout& layout) {
  absl::StatusOr<std::string> content = ReadFile(layout.version());
  if (absl::IsNotFound(content.status())) {
    HUBD_RETURN_IF_ERROR(
        WriteFileDurably(layout.version(), absl::StrCat(kVersion, "\n"), 0644));
    return true;
  }
  HUBD_RETURN_IF_ERROR(content.status());
  int version = 0;
  if (!absl::SimpleAtoi(*content, &version) || version < 1) {
    return absl::FailedPreconditionError(absl::StrCat(
        layout.version(), " holds no version: move ", layout.store(), " away"));
  }
  if (version <= kVersion) return false;
  return absl::FailedPreconditionError(
      absl::StrCat(layout.store(), " has version ", version,
                   " and this hubd knows version ", kVersion,
                   ": use the newer hubd that wrote it, or choose another root "
                   "with --dir"));
}

absl::Status MakeFolders(const Layout& layout) {
  for (const std::string& path :
       {layout.blobs(), layout.trees(), layout.unpacked()}) {
    HUBD_RETURN_IF_ERROR(MakeDirectories(path, 0755));
  }
  for (const std::string& path :
       {layout.tree_records(), layout.checkpoint_records(),
        layout.unpacked_records(), layout.ref_records(), layout.tmp(),
        layout.partials()}) {
    HUBD_RETURN_IF_ERROR(MakeDirectories(path, 0700));
  }
  if (IsThere(layout.cachedir_tag())) return absl::OkStatus();
  return WriteFileDurably(layout.cachedir_tag(), kCachedirTag, 0644);
}

}  // namespace hubd
