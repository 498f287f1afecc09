// SHA-256, whole or piece by piece.

#ifndef HUBD_SERVER_BASE_DIGEST_H_
#define HUBD_SERVER_BASE_DIGEST_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

struct evp_md_ctx_st;

namespace hubd {

// Hashes bytes as they come. Thread-compatible.
class Hasher {
 public:
  Hasher();
  ~Hasher();
  Hasher(Hasher&&) noexcept;
  Hasher& operator=(Hasher&&) noexcept;

  // One that has had the same bytes.
  Hasher Clone() const;

  void Update(absl::string_view bytes);

  // The digest of all bytes so far, 64 lower-case hex digits. Ends the hasher:
  // nothing may be called after it.
  std::string Finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

// The SHA-256 of `bytes`, 64 lower-case hex digits.
std::string Sha256Hex(absl::string_view bytes);

// The SHA-1 of `bytes`, 40 lower-case hex digits: for the names that others
// made of it.
std::string Sha1Hex(absl::string_view bytes);

// Whether `text` is 1 to 64 lower-case hex digits.
bool IsSha256Prefix(absl::string_view text);

}  // namespace hubd

#endif  // HUBD_SERVER_BASE_DIGEST_H_
