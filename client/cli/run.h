// hubctl run: any program, with hubd in the place of the hubs in its Python.

#ifndef HUBD_CLIENT_CLI_RUN_H_
#define HUBD_CLIENT_CLI_RUN_H_

#include <string>

#include "absl/status/status.h"
#include "client/cli/arguments.h"

namespace hubd {

// The Python that a program is or is written for: `chosen` if not empty, else
// the program itself, or what its first line names, or FindInterpreter's.
std::string PythonOf(const std::string& program, const std::string& chosen);

// Becomes `arguments.program`, with the process id, the signals and the open
// files that this process has; the common flags go on in its environment. By
// way of a Python, which must have the package hubd: where it has not, that
// says so and ends with 1.
//
// Returns only where there is nothing to become: NOT_FOUND, or
// FAILED_PRECONDITION.
absl::Status BecomeProgram(const Arguments& arguments);

}  // namespace hubd

#endif  // HUBD_CLIENT_CLI_RUN_H_
