#include "server/store/ledger.h"

#include "hubd/store/v1/record.pb.h"
#include "server/base/status.h"
#include "server/store/record_json.h"

namespace hubd {
namespace {

constexpr int64_t kMaxParts = 1 << 20;

// It becomes a header: one that was damaged must not become two.
bool IsValidator(absl::string_view text) {
  constexpr absl::string_view kEnds("\r\n\0", 3);
  return !text.empty() && text.find_first_of(kEnds) == text.npos;
}

absl::Status Check(const Ledger& ledger) {
  if (!IsValidator(ledger.validator)) {
    return absl::DataLossError("no ledger: its validator is none");
  }
  if (ledger.size < 0 || ledger.part_size <= 0) {
    return absl::DataLossError("no ledger: its sizes are none");
  }
  // All of them are kept in memory.
  if (ledger.size / ledger.part_size > kMaxParts) {
    return absl::DataLossError("no ledger: it has too many parts");
  }
  if (ledger.parts.empty()) return absl::OkStatus();
  const int64_t first = ledger.parts.begin()->first;
  const int64_t last = ledger.parts.rbegin()->first;
  // Of an object without bytes no part is there.
  if (first < 0 || ledger.size == 0 ||
      last > (ledger.size - 1) / ledger.part_size) {
    return absl::DataLossError("no ledger: a part is beyond the end");
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeLedger(const Ledger& ledger) {
  store::v1::Ledger message;
  message.set_url(EscapeText(ledger.url));
  message.set_validator(EscapeText(ledger.validator));
  message.set_size_bytes(ledger.size);
  message.set_part_size(ledger.part_size);
  message.mutable_parts()->insert(ledger.parts.begin(), ledger.parts.end());
  message.set_content_type(EscapeText(ledger.content_type));
  return MessageToJson(message);
}

absl::StatusOr<Ledger> DecodeLedger(absl::string_view json) {
  store::v1::Ledger message;
  // Without the parser's words: they show a piece of the URL, which may hold a
  // secret.
  if (!ParseJson(json, message).ok()) {
    return absl::DataLossError("no ledger: it cannot be parsed");
  }
  Ledger ledger;
  ledger.url = UnescapeText(message.url());
  ledger.validator = UnescapeText(message.validator());
  ledger.size = message.size_bytes();
  ledger.part_size = message.part_size();
  ledger.content_type = UnescapeText(message.content_type());
  ledger.parts.insert(message.parts().begin(), message.parts().end());
  HUBD_RETURN_IF_ERROR(Check(ledger));
  return ledger;
}

}  // namespace hubd
