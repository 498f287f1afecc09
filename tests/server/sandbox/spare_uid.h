// main() of the sandbox's tests.
//
// Started by root it runs the tests twice: as a spare uid, which is how users
// run them, and as root, where the launcher has to drop its rights first.

#ifndef HUBD_TESTS_SERVER_SANDBOX_SPARE_UID_H_
#define HUBD_TESTS_SERVER_SANDBOX_SPARE_UID_H_

namespace hubd {

// Returns the test's exit status.
int RunTestsAsEveryone(int argc, char** argv);

}  // namespace hubd

#endif  // HUBD_TESTS_SERVER_SANDBOX_SPARE_UID_H_
