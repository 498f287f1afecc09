// Damaged zip files: any bytes.

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <stop_token>

#include "server/base/status.h"
#include "server/base/unique_fd.h"
#include "server/fetch/archive.h"
#include "tests/fuzz/unpacked_check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const hubd::UniqueFd file(::memfd_create("zip", MFD_CLOEXEC));
  HUBD_CHECK(::write(file.get(), data, size) == static_cast<ssize_t>(size));
  (void)hubd::LooksLikeZip(file.get());
  const hubd::UnpackedCheck check;
  const absl::StatusOr<hubd::UnpackedZip> zip = hubd::UnpackZip(
      file.get(), check.dir(), hubd::kFuzzLimits, std::stop_token());
  if (zip.ok()) {
    check.CheckUnpackedZip(zip->members, zip->size_bytes);
  } else {
    check.CheckRefused(zip.status());
  }
  return 0;
}
