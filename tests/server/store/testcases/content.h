// What the publisher publishes: the names tell the bytes, so that a reader can
// judge them.

#ifndef HUBD_TESTS_SERVER_STORE_TESTCASES_CONTENT_H_
#define HUBD_TESTS_SERVER_STORE_TESTCASES_CONTENT_H_

#include <string>

#include "server/base/digest.h"
#include "server/store/objects.h"

namespace hubd {

inline constexpr int kTreeFiles = 8;

inline std::string BlobBytes(const std::string& seed) {
  std::string bytes;
  for (int i = 0; i < 2000; ++i) bytes += seed;
  return bytes;
}

inline TreeKey KeyOfTree(const std::string& seed) {
  return {kSharedDomain,
          {"github.com", "o", "r"},
          Sha256Hex(seed).substr(0, 40),
          "archive"};
}

// Each file of a tree holds its commit, often.
inline std::string TreeFileBytes(const std::string& commit) {
  return BlobBytes(commit);
}

inline std::string TreeFileName(int number) {
  return "d" + std::to_string(number % 2) + "/f" + std::to_string(number);
}

}  // namespace hubd

#endif  // HUBD_TESTS_SERVER_STORE_TESTCASES_CONTENT_H_
