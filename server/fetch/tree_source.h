// The ways by which the files of a commit come: routes.

#ifndef HUBD_SERVER_FETCH_TREE_SOURCE_H_
#define HUBD_SERVER_FETCH_TREE_SOURCE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/base/repo.h"
#include "server/fetch/fetch_context.h"
#include "server/fetch/flight_table.h"
#include "server/net/mirrors.h"
#include "server/store/objects.h"

namespace hubd {

// The key of a commit's tree: by archive where the host is known to offer one
// for each commit (github.com), by git elsewhere. Git verifies every object;
// an archive costs the host less. Where the host makes none for nobody, the
// files that would be in it come by git, as the caller, and stay of the
// archive's route.
TreeKey KeyOfTree(const RepoId& repo, const std::string& commit);

// Where the files of `key` can be asked for, by its route and no other.
std::vector<Source> SourcesOfTree(const Mirrors& mirrors, const TreeKey& key);

// Gives the files of `key` to `sink` as a tar.gz with one top folder, from one
// of its sources, and reports how far it is. Blocking, on the fetch pool.
// Errors: those of HttpTransport::Fetch or GitFetcher::FetchFiles,
// REF_NOT_FOUND where the host has no such commit; an error of `sink` as it is.
absl::Status FetchTreeBytes(
    const FetchContext& context, const TreeKey& key, const Source& source,
    const std::function<absl::Status(absl::string_view)>& sink,
    FlightTable::Context& flight);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_TREE_SOURCE_H_
