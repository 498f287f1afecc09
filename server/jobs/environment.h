// What a job's result depends on outside of the tree: the caller's Python.

#ifndef HUBD_SERVER_JOBS_ENVIRONMENT_H_
#define HUBD_SERVER_JOBS_ENVIRONMENT_H_

#include <optional>
#include <string>

#include "hubd/v1/hub.pb.h"

namespace hubd {

// Names what the caller says of its interpreter, and how the program, the
// prefixes and the site directories are at this moment: installing, upgrading
// or removing a package changes its site directory. What is edited in place
// inside a package is not seen. nullopt where one of them cannot be looked at.
// May wait for the disk. Bytes, about as many as the interpreter's names have.
std::optional<std::string> EnvironmentId(const v1::Interpreter& interpreter);

// The same as far as the kernel has it in memory; nullopt: ask EnvironmentId.
// Waits for nobody. Of what another machine serves it may be out of date.
std::optional<std::string> EnvironmentIdInMemory(
    const v1::Interpreter& interpreter);

// Whether all that EnvironmentId looks at, and the way to it, lies on disks of
// this machine and not with a server or another process. May wait for the disk.
bool IsOnLocalDisks(const v1::Interpreter& interpreter);

}  // namespace hubd

#endif  // HUBD_SERVER_JOBS_ENVIRONMENT_H_
