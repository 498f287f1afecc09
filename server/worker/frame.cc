#include "server/worker/frame.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "server/base/status.h"
#include "server/base/text.h"

namespace hubd {
namespace {

using worker::v1::Failure;
using worker::v1::InspectResult;

constexpr absl::string_view kMagic("HUBD\x01", 5);
constexpr int kMaxEntrypoints = 4096;
constexpr int kMaxDependencies = 256;
constexpr int64_t kMaxOmitted = 1'000'000'000;
constexpr size_t kMaxName = 128;
constexpr size_t kMaxDoc = 64 << 10;
// Of all summaries together.
constexpr size_t kMaxDocs = 2 << 20;
constexpr size_t kMaxLine = 1024;
constexpr size_t kMaxTraceback = 2048;

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the worker's answer is not a result: ", what));
}

bool IsName(absl::string_view name) {
  if (name.empty() || name.size() > kMaxName) return false;
  if (absl::ascii_isdigit(name[0])) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return absl::ascii_isalnum(c) || c == '_'; });
}

absl::StatusOr<absl::string_view> Body(absl::string_view bytes) {
  if (bytes.empty()) return Malformed("it sent nothing");
  if (bytes.size() < kFrameHeaderBytes ||
      bytes.substr(0, kMagic.size()) != kMagic) {
    return Malformed("it does not begin as a frame does");
  }
  size_t size = 0;
  for (size_t i = 0; i < 4; ++i) {
    size |= size_t{static_cast<unsigned char>(bytes[kMagic.size() + i])}
            << (8 * i);
  }
  if (size > kMaxFrameBody) return Malformed("the frame is too long");
  bytes.remove_prefix(kFrameHeaderBytes);
  if (bytes.size() < size) return Malformed("the frame is cut short");
  if (bytes.size() > size) return Malformed("bytes follow the frame");
  return bytes;
}

void CleanEntrypoints(InspectResult& result) {
  auto& entrypoints = *result.mutable_entrypoints();
  const auto no_name = [](const auto& item) { return !IsName(item.name()); };
  const int64_t sent = entrypoints.size();
  entrypoints.erase(
      std::remove_if(entrypoints.begin(), entrypoints.end(), no_name),
      entrypoints.end());
  // The code's own count, if it is one.
  result.set_omitted_entrypoints(
      std::clamp<int64_t>(result.omitted_entrypoints(), 0, kMaxOmitted) + sent -
      entrypoints.size());
  std::stable_sort(
      entrypoints.begin(), entrypoints.end(),
      [](const auto& a, const auto& b) { return a.name() < b.name(); });
  const auto same = [](const auto& a, const auto& b) {
    return a.name() == b.name();
  };
  entrypoints.erase(std::unique(entrypoints.begin(), entrypoints.end(), same),
                    entrypoints.end());
  size_t room = kMaxDocs;
  for (auto& entrypoint : entrypoints) {
    entrypoint.set_summary(
        CleanLine(CleanText(entrypoint.summary(), std::min(room, kMaxDoc))));
    room -= entrypoint.summary().size();
  }
}

// What goes into a message of ours stays on its line: a line of its own could
// pass for hubd's words.
std::string Line(const std::string& text) {
  return CleanLine(CleanText(text, kMaxLine));
}

void CleanLines(google::protobuf::RepeatedPtrField<std::string>& lines) {
  for (std::string& line : lines) line = Line(line);
}

void CleanFailure(Failure& failure) {
  failure.set_exception(Line(failure.exception()));
  failure.set_message(Line(failure.message()));
  failure.set_traceback(CleanText(failure.traceback(), kMaxTraceback));
  CleanLines(*failure.mutable_missing());
}

}  // namespace

absl::StatusOr<InspectResult> ParseFrame(absl::string_view bytes) {
  HUBD_ASSIGN_OR_RETURN(absl::string_view body, Body(bytes));
  InspectResult result;
  // Bounds the depth of nesting itself, and takes no field that is not ours.
  const auto parsed = google::protobuf::util::JsonStringToMessage(
      {body.data(), body.size()}, &result);
  if (!parsed.ok()) return Malformed("its JSON does not fit");
  if (result.entrypoints_size() > kMaxEntrypoints ||
      result.dependencies_size() > kMaxDependencies ||
      result.failure().missing_size() > kMaxDependencies) {
    return Malformed("it lists too much");
  }
  if (result.has_failure()) {
    InspectResult failed;
    *failed.mutable_failure() = std::move(*result.mutable_failure());
    CleanFailure(*failed.mutable_failure());
    return failed;
  }
  CleanEntrypoints(result);
  CleanLines(*result.mutable_dependencies());
  result.set_doc_is_cut(result.has_doc() && result.doc().size() > kMaxDoc);
  if (result.has_doc()) result.set_doc(CleanText(result.doc(), kMaxDoc));
  result.set_signature(CleanText(result.signature(), kMaxDoc));
  return result;
}

}  // namespace hubd
