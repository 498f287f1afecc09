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
  // The host has already refused to give this to nobody in particular: it is
  // asked only with a credential of the caller's, and not without.
  bool refused = false;
  // As an archive that the host makes: without what export-ignore names, with
  // what export-subst fills in.
  bool exported = false;
  // As in HttpRequest.
  LentEnvironment network = nullptr;
};

}  // namespace hubd

#endif  // HUBD_SERVER_NET_GIT_SOURCE_H_
