// Which repository, and what its caller lends to reach it.

#ifndef HUBD_SERVER_NET_GIT_SOURCE_H_
#define HUBD_SERVER_NET_GIT_SOURCE_H_

#include <string>

#include "server/base/caller_environment.h"

namespace hubd {

// A value.
struct GitSource {
  // RepoId::Url() of the repository.
  std::string url;
  LentEnvironment environment = nullptr;
};

}  // namespace hubd

#endif  // HUBD_SERVER_NET_GIT_SOURCE_H_
