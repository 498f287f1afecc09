// Which Python runs a hubconf.py, and what belongs to its installation.

#ifndef HUBD_CLIENT_INTERPRETER_H_
#define HUBD_CLIENT_INTERPRETER_H_

#include <string>

#include "absl/status/statusor.h"
#include "client/call_limit.h"
#include "hubd/v1/hub.pb.h"

namespace hubd {

// The program to ask: `chosen` if not empty, else the python of $VIRTUAL_ENV or
// $CONDA_PREFIX where there is one, else "python3" to be found in PATH.
std::string FindInterpreter(const std::string& chosen);

// Asks `program` itself, since it may be a shim: runs it for a moment, with the
// caller's environment. FAILED_PRECONDITION quotes what it said instead of an
// answer; DEADLINE_EXCEEDED and CANCELLED come from `limit`, and the program is
// then killed.
absl::StatusOr<v1::Interpreter> DescribeInterpreter(const std::string& program,
                                                    const CallLimit& limit);

}  // namespace hubd

#endif  // HUBD_CLIENT_INTERPRETER_H_
