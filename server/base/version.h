// Which hubd this is.

#ifndef HUBD_SERVER_BASE_VERSION_H_
#define HUBD_SERVER_BASE_VERSION_H_

namespace hubd {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_VERSION_H_
