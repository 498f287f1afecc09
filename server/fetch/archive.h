// Unpacks what the network brought: a repo's tar.gz into a tree, a zipped
// checkpoint into a directory.
//
// Archives are hostile until unpacked. Plain files, folders and symbolic links
// are made; hard links become copies; ".git" members and setuid, setgid and
// sticky bits are dropped; everything else that an archive can ask for is
// BAD_ARCHIVE, naming the member and the reason: names with ".." or ".",
// absolute, empty, too long, with a NUL or given twice, a file that is a folder
// too, a name that leads through a link, devices, fifos, sparse files; damage,
// a wrong checksum, over 1 MiB after the end; more than the limits allow. Names
// are bytes, whatever the process's locale. A zip's names end at a NUL.
//
// A symbolic link is kept where it stays inside, otherwise it becomes the small
// text file that Python's zipfile makes of it.
//
// Files are 0644 or 0755, folders 0755; nothing is synced. After an error what
// was written stays in `dir`: the caller removes it. Other errors: DISK_FULL,
// CANCELLED once `stop` is requested (looked at for every block), INTERNAL.

#ifndef HUBD_SERVER_FETCH_ARCHIVE_H_
#define HUBD_SERVER_FETCH_ARCHIVE_H_

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/fetch/byte_source.h"
#include "server/fetch/missing_content.h"
#include "server/fetch/unpack_meter.h"
#include "server/store/space.h"

namespace hubd {

struct UnpackedTree {
  int64_t size_bytes = 0;
  // Files, folders and links.
  int64_t entry_count = 0;
  // The commit that the archive says it is of, as git writes it; else empty.
  std::string commit;
  // A sentence each, about links that were not kept.
  std::vector<std::string> warnings;
  // What the tree only points at: files of Git LFS, and submodules, of which a
  // .gitmodules at the top tells.
  std::vector<LfsFile> lfs_files;
  bool has_submodules = false;
  // The links of which only the whole tree tells whether they stay inside. They
  // do, as long as nothing is added.
  std::vector<std::string> detours;
};

// Unpacks a tar.gz stream of exactly one top folder, which is stripped, into
// the existing, empty directory `dir`. Reads `source` to its end; an error of
// it is returned as it is. `meter` counts all that one tree is made of.
absl::StatusOr<UnpackedTree> UnpackTree(const ByteSource& source,
                                        const std::string& dir,
                                        UnpackMeter& meter);

struct UnpackedZip {
  // As the archive names them, in its order, without dropped ones; folders end
  // with "/". At most 3 MiB together, since they go into one reply.
  std::vector<std::string> members;
  int64_t size_bytes = 0;
};

// Unpacks the zip file open at `fd`, whose position it moves, into the
// existing, empty directory `dir`. Nothing is stripped. What is written is
// taken from `room`.
absl::StatusOr<UnpackedZip> UnpackZip(int fd, const std::string& dir,
                                      const ArchiveLimits& limits,
                                      std::stop_token stop,
                                      Space::Reservation room = {});

// Whether the file begins as a zip archive does. Leaves its position.
bool LooksLikeZip(int fd);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_ARCHIVE_H_
