// What every fetch works with.

#ifndef HUBD_SERVER_FETCH_FETCH_CONTEXT_H_
#define HUBD_SERVER_FETCH_FETCH_CONTEXT_H_

#include <sys/types.h>

#include "absl/time/time.h"
#include "server/base/caller.h"
#include "server/base/caller_environment.h"
#include "server/base/clock.h"
#include "server/base/executor.h"
#include "server/fetch/archive.h"
#include "server/fetch/connection_budget.h"
#include "server/fetch/download.h"
#include "server/fetch/flight_table.h"
#include "server/net/bandwidth.h"
#include "server/net/credentials.h"
#include "server/net/git_fetcher.h"
#include "server/net/git_remote.h"
#include "server/net/git_source.h"
#include "server/net/http_transport.h"
#include "server/net/mirrors.h"
#include "server/net/network_route.h"
#include "server/net/paced_transport.h"
#include "server/net/url_policy.h"
#include "server/store/space.h"
#include "server/store/store.h"

namespace hubd {

struct FetchOptions {
  // An answer about refs younger than this is taken without asking.
  absl::Duration ref_ttl = absl::Minutes(5);
  // How long a host is not asked again for a repo or a ref that it said it does
  // not have.
  absl::Duration ref_negative_ttl = absl::Seconds(30);
  ArchiveLimits tree_limits;
  // How a checkpoint comes.
  DownloadOptions download;
  // Whether callers are several users: what one of them took unseen (unproven)
  // is given to no other.
  bool many_users = false;
  // Whether and how what callers lend is used.
  CredentialOptions credentials;
};

// All must outlive the fetcher and its operations.
struct FetchParts {
  Store& store;
  Space& space;
  HttpTransport& http;
  Bandwidth& bandwidth;
  GitRemote& git;
  GitFetcher& objects;
  // The same for mirrors, which have less time to connect.
  GitFetcher& mirror_objects;
  const Mirrors& mirrors;
  const UrlPolicy& policy;
  ConnectionBudget& connections;
  FlightTable& flights;
  Executor& io;
  Executor& disk;
  const Clock& clock;

  GitFetcher& ObjectsAt(const Source& source) const {
    return source.is_mirror ? mirror_objects : objects;
  }
};

struct FetchContext {
  FetchOptions options;
  FetchParts parts;
  // Who asked for an operation.
  uid_t uid = kNobody;
  // Of the caller for whom an operation, or the flight that it began, works;
  // null where callers' credentials are not heeded.
  LentEnvironment environment = nullptr;
  // NetworkOf what that caller lends; likewise. Where `environment` is kept
  // from a host, that one is still reached by this.
  LentEnvironment network = nullptr;

  // For a caller who lends this.
  FetchContext For(const LentEnvironment& lent) const {
    FetchContext context = *this;
    if (options.credentials.heeded) {
      context.environment = lent;
      context.network = NetworkOf(lent);
    }
    return context;
  }

  // HTTP at the flight's pace.
  PacedTransport HttpOf(const FlightTable::Context& flight) const {
    return {parts.http, parts.bandwidth, flight.id(), network};
  }

  // A mirror is shown nobody's credentials.
  GitSource GitSourceAt(const Source& source) const {
    return {.url = source.url,
            .environment = source.is_mirror ? nullptr : environment,
            .network = network};
  }
};

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_FETCH_CONTEXT_H_
