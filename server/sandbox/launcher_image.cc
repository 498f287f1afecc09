#include "server/sandbox/launcher_image.h"

// What the linker calls a file's bytes.
extern "C" const char _binary_launcher_image_start[];
extern "C" const char _binary_launcher_image_end[];

namespace hubd {

absl::string_view LauncherImage() {
  return absl::string_view(
      _binary_launcher_image_start,
      _binary_launcher_image_end - _binary_launcher_image_start);
}

}  // namespace hubd
