// Numbers as people read them.

#ifndef HUBD_CLIENT_CLI_HUMAN_H_
#define HUBD_CLIENT_CLI_HUMAN_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace hubd {

// "512 B", "1.9 GB": powers of 1000, one digit behind the point below ten.
std::string HumanSize(int64_t bytes);

// "just now", "4 minutes ago", "1 day ago", "2 years ago".
std::string HumanAge(absl::Duration age);

// "45 s", "2 m 5 s", "3 h 20 m", "2 d 3 h".
std::string HumanDuration(absl::Duration duration);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_HUMAN_H_
