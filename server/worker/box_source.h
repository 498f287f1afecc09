// The Python program that runs in the sandbox, as built into this one.

#ifndef HUBD_SERVER_WORKER_BOX_SOURCE_H_
#define HUBD_SERVER_WORKER_BOX_SOURCE_H_

#include <string>

namespace hubd {

// The text of pyclient/hubd/worker/box.py.
std::string BoxSource();

}  // namespace hubd

#endif  // HUBD_SERVER_WORKER_BOX_SOURCE_H_
