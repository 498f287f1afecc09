// Descriptors 0, 1 and 2 of a process.

#ifndef HUBD_SERVER_BASE_STANDARD_FDS_H_
#define HUBD_SERVER_BASE_STANDARD_FDS_H_

namespace hubd {

// Takes the place of those of the three that whoever started the process has
// closed: else a file or a socket gets the number and, with it, what is written
// for people. Reading and writing there fail. A program that this process
// becomes finds them closed again. Called first of all in main.
void FillStandardFds();

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_STANDARD_FDS_H_
