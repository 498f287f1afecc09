// Trees that a caller has decided on beforehand: by a commit, or by a lock.

#ifndef HUBD_SERVER_FETCH_TREE_PIN_H_
#define HUBD_SERVER_FETCH_TREE_PIN_H_

#include <string>

#include "absl/status/statusor.h"
#include "server/fetch/requests.h"

namespace hubd {

// Makes `request` one for this commit, whatever refs there are: nobody is asked
// about them. A pin without a ref takes the request's, or the commit.
void PinTo(const std::string& commit, TreePin pin, TreeRequest& request);

// What the caller gets of a result: the same under the pin's ref, or
// DIGEST_MISMATCH (metadata repo, commit, expected, actual) where route or
// digest are others. Without a pin, the result as it is.
absl::StatusOr<TreeResult> HoldAgainstPin(const TreeRequest& request,
                                          TreeResult result);

}  // namespace hubd

#endif  // HUBD_SERVER_FETCH_TREE_PIN_H_
