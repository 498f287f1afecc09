// What the caller's environment says. Read when a call is made, so that a
// change counts at once.

#ifndef HUBD_CLIENT_ENVIRONMENT_H_
#define HUBD_CLIENT_ENVIRONMENT_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace hubd {

// The variable's value; nullopt where it is not set.
std::optional<std::string> Environment(const char* variable);

// The variable's value; empty where it is not set.
std::string EnvironmentOrEmpty(const char* variable);

// Whether the variable says 1, true, yes or on, in any case.
bool EnvironmentIsOn(const char* variable);

// Whether the variable says 0, false, no or off, in any case.
bool EnvironmentIsOff(const char* variable);

// Whether HUBD_OFFLINE or HF_HUB_OFFLINE forbids the network.
bool EnvironmentIsOffline();

// HUBD_TIMEOUT; infinite where it is not set or empty. INVALID_ARGUMENT where
// it is no duration.
absl::StatusOr<absl::Duration> EnvironmentTimeout();

// Names and values.
using Variables = std::vector<std::pair<std::string, std::string>>;

// What a caller lends of its environment: the variables that TreeSelector in
// hub.proto names, as far as they are set and not over-long.
Variables LentVariables();

// Of these, the ones that say how the caller reaches the network.
Variables LentNetwork();

// The caller's home directory: HOME, else the user database; empty for none.
std::string HomeDirectory();

}  // namespace hubd

#endif  // HUBD_CLIENT_ENVIRONMENT_H_
