// Which paths lie on this machine.

#ifndef HUBD_SERVER_BASE_LOCAL_DISK_H_
#define HUBD_SERVER_BASE_LOCAL_DISK_H_

#include <filesystem>

namespace hubd {

// Whether an absolute path, with every directory and link on the way to it,
// lies on disks of this machine and not with a server or another process. False
// for what cannot be told. What is not there lies where the directories above
// it do. May wait for the disk.
bool IsOnLocalDisk(const std::filesystem::path& path);

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_LOCAL_DISK_H_
