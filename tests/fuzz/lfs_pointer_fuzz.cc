// Pointers of Git LFS: what is read is written again as the same text, so that
// no two texts mean the same; all else is none.

#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/status.h"
#include "server/fetch/lfs_pointer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  const std::optional<hubd::LfsObject> object = hubd::ParseLfsPointer(text);
  if (object) {
    HUBD_CHECK(hubd::BeginsLfsPointer(text));
    HUBD_CHECK(object->size_bytes >= 0);
    HUBD_CHECK(text ==
               absl::StrCat("version https://git-lfs.github.com/spec/v1\noid "
                            "sha256:",
                            object->oid, "\nsize ", object->size_bytes, "\n"));
    HUBD_CHECK(object->oid.size() == 64);
    HUBD_CHECK(object->oid.find_first_not_of("0123456789abcdef") ==
               std::string::npos);
  }
  return 0;
}
