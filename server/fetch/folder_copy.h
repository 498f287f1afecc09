// A directory of somebody's, copied into a tree.

#ifndef HUBD_SERVER_FETCH_FOLDER_COPY_H_
#define HUBD_SERVER_FETCH_FOLDER_COPY_H_

#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "server/fetch/archive.h"
#include "server/store/space.h"

namespace hubd {

// Copies what is in the directory `source`, a descriptor, into the existing,
// empty directory `dir`, as UnpackTree does with an archive's members: files,
// folders and links, within the limits, links that lead out as text; not
// ".git", nor "__pycache__", which the code's runs have left there. Through no
// link is anything read. What is written is taken from `room`.
//
// `report` is told how many bytes were read. Errors: FAILED_PRECONDITION where
// something is no file, folder or link, or changes while it is read;
// BAD_ARCHIVE for what no archive could have; CANCELLED soon after the stop;
// DISK_FULL; INTERNAL where something cannot be read. May wait for the disk.
// Thread-safe.
absl::StatusOr<UnpackedTree> CopyFolder(
    int source, const std::string& dir, const ArchiveLimits& limits,
    const std::function<void(int64_t bytes)>& report, std::stop_token stop,
    Space::Reservation room = {});

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_FOLDER_COPY_H_
