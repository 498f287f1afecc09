#include "server/base/caller_environment.h"

#include "absl/strings/str_cat.h"
#include "server/base/digest.h"

namespace hubd {

std::string DigestOf(const LentEnvironment& environment) {
  Hasher hasher;
  if (environment != nullptr) {
    for (const auto& [name, value] : *environment) {
      // With their lengths, so that no two environments give the same bytes.
      hasher.Update(absl::StrCat(name.size(), " ", value.size(), " "));
      hasher.Update(name);
      hasher.Update(value);
    }
  }
  return hasher.Finish();
}

}  // namespace hubd
