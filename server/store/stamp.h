// What stat shows of a file, to see later whether somebody has changed it.

#ifndef HUBD_SERVER_STORE_STAMP_H_
#define HUBD_SERVER_STORE_STAMP_H_

#include <sys/stat.h>

#include <string>

#include "server/store/objects.h"

namespace hubd {

// Inode, size, and when content and anything were changed last: times can be
// set back, but for the last. Not the device, whose number a new start of the
// machine may change.
std::string StampOf(const struct stat& info);

// The name under which the catalog keeps an object's stamp (schema.h).
std::string StampName(const CheckpointObject& checkpoint);
std::string StampName(const TreeObject& tree);

}  // namespace hubd

#endif  // HUBD_SERVER_STORE_STAMP_H_
