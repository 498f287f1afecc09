// What a caller lends of its environment.

#ifndef HUBD_SERVER_BASE_CALLER_ENVIRONMENT_H_
#define HUBD_SERVER_BASE_CALLER_ENVIRONMENT_H_

#include <map>
#include <memory>
#include <string>

namespace hubd {

// The variables of a caller that say how it reaches the network, and
// repositories that are not public, as they were when it called; their names
// stand in hub.proto. Some are secrets: they never appear in logs, errors,
// progress or the catalog.
using CallerEnvironment = std::map<std::string, std::string>;

// Shared, since requests are copied on their way; null: nothing is lent.
using LentEnvironment = std::shared_ptr<const CallerEnvironment>;

// Names all that is lent without giving it away: the same for two callers who
// lend the same.
std::string DigestOf(const LentEnvironment& environment);

// The variable's value; empty where it is not set or not lent.
inline std::string VariableOf(const LentEnvironment& environment,
                              const std::string& name) {
  if (environment == nullptr) return "";
  const auto found = environment->find(name);
  return found == environment->end() ? "" : found->second;
}

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_CALLER_ENVIRONMENT_H_
