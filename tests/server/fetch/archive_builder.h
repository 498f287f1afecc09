// Makes archives byte by byte, hostile ones too, and gives bytes in pieces.

#ifndef HUBD_TESTS_SERVER_FETCH_ARCHIVE_BUILDER_H_
#define HUBD_TESTS_SERVER_FETCH_ARCHIVE_BUILDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "server/fetch/byte_source.h"

namespace hubd {

// A ustar header block; names longer than the field are cut.
std::string TarHeader(const std::string& name, char type, size_t size = 0,
                      int mode = 0644, const std::string& link = "");

// A member with its header and content.
std::string TarFile(const std::string& name, const std::string& content,
                    int mode = 0644);
std::string TarFolder(const std::string& name);
std::string TarLink(const std::string& name, const std::string& target);

// An extension header: 'x' or 'g' (pax), 'L' or 'K' (GNU).
std::string TarExtension(char type, const std::string& body);
std::string PaxRecord(const std::string& key, const std::string& value);

// The two zero blocks at the end.
std::string TarEnd();

std::string Gzip(const std::string& bytes);

// One member of a zip archive, stored as it is.
struct ZipMember {
  std::string name;
  std::string content;
  uint32_t mode = 0100644;  // with the file's type
  bool utf8 = false;        // whether the name is marked as such
};
std::string Zip(const std::vector<ZipMember>& members);

// Gives `bytes` in pieces of at most `piece` bytes.
ByteSource SourceOf(std::string bytes, size_t piece = 1000);

// An empty directory of the test's own.
std::string MakeTempDirectory();

}  // namespace hubd

#endif  // HUBD_TESTS_SERVER_FETCH_ARCHIVE_BUILDER_H_
