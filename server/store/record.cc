#include "server/store/record.h"

#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "hubd/store/v1/record.pb.h"
#include "server/base/digest.h"
#include "server/base/status.h"

namespace hubd {
namespace {

using google::protobuf::RepeatedPtrField;
using google::protobuf::Timestamp;
using google::protobuf::util::TimeUtil;

// JSON holds UTF-8 only; headers and file names may be anything.
std::string Escape(absl::string_view text) { return absl::CEscape(text); }

std::string Unescape(absl::string_view text) {
  std::string result;
  absl::CUnescape(text, &result);
  return result;
}

Timestamp FromTime(absl::Time time) {
  return TimeUtil::MicrosecondsToTimestamp(absl::ToUnixMicros(time));
}

absl::Time ToTime(const Timestamp& timestamp) {
  return absl::FromUnixMicros(TimeUtil::TimestampToMicroseconds(timestamp));
}

store::v1::Repo FromRepo(const RepoId& repo) {
  store::v1::Repo message;
  message.set_host(repo.host);
  message.set_owner(repo.owner);
  message.set_name(repo.name);
  return message;
}

RepoId ToRepo(const store::v1::Repo& message) {
  return {message.host(), message.owner(), message.name()};
}

std::vector<std::string> ToLines(const RepeatedPtrField<std::string>& lines) {
  std::vector<std::string> result;
  for (const std::string& line : lines) result.push_back(Unescape(line));
  return result;
}

std::string ToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = true;
  options.preserve_proto_field_names = true;
  std::string json;
  // Every string was escaped, so there is nothing that JSON cannot hold.
  HUBD_CHECK(
      google::protobuf::util::MessageToJsonString(message, &json, options)
          .ok());
  return json;
}

template <class Message>
absl::StatusOr<Message> FromJson(absl::string_view json) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  Message message;
  auto status = google::protobuf::util::JsonStringToMessage(
      {json.data(), json.size()}, &message, options);
  if (status.ok()) return message;
  return absl::DataLossError(
      absl::StrCat("no record: ", status.ToString().substr(0, 200)));
}

// Digests, commits and names become paths: what was damaged must not point
// elsewhere.
bool IsDigest(absl::string_view text) {
  return text.size() == 64 && IsSha256Prefix(text);
}

bool IsWord(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c >= 'a' && c <= 'z';
  });
}

absl::Status CheckRepo(const RepoId& repo) {
  absl::StatusOr<RepoSpec> spec = ParseRepoSpec(repo.ToString());
  if (spec.ok() && spec->id == repo && spec->ref.empty()) {
    return absl::OkStatus();
  }
  return absl::DataLossError("no record: its repo is none");
}

}  // namespace

std::string EncodeRecord(const TreeObject& tree) {
  store::v1::TreeRecord record;
  record.set_domain(tree.key.domain);
  *record.mutable_repo() = FromRepo(tree.key.repo);
  record.set_commit(tree.key.commit);
  record.set_route(tree.key.route);
  record.set_size_bytes(tree.size_bytes);
  record.set_entry_count(tree.entry_count);
  *record.mutable_created_at() = FromTime(tree.created_at);
  for (const std::string& line : tree.warnings) {
    record.add_warnings(Escape(line));
  }
  record.set_digest(tree.digest);
  record.set_unproven(tree.unproven);
  if (tree.imported) {
    record.mutable_imported()->set_ref(Escape(tree.imported->ref));
    *record.mutable_imported()->mutable_as_of() =
        FromTime(tree.imported->as_of);
  }
  return ToJson(record);
}

std::string EncodeRecord(const CheckpointObject& checkpoint) {
  store::v1::CheckpointRecord record;
  record.set_domain(checkpoint.domain);
  record.set_url(Escape(checkpoint.url));
  record.set_sha256(checkpoint.sha256);
  record.set_size_bytes(checkpoint.size_bytes);
  record.set_etag(Escape(checkpoint.etag));
  record.set_last_modified(Escape(checkpoint.last_modified));
  record.set_content_type(Escape(checkpoint.content_type));
  *record.mutable_created_at() = FromTime(checkpoint.created_at);
  return ToJson(record);
}

std::string EncodeRecord(const UnpackedObject& unpacked) {
  store::v1::UnpackedRecord record;
  record.set_sha256(unpacked.sha256);
  record.set_size_bytes(unpacked.size_bytes);
  for (const std::string& member : unpacked.members) {
    record.add_members(Escape(member));
  }
  *record.mutable_created_at() = FromTime(unpacked.created_at);
  return ToJson(record);
}

std::string EncodeRecord(const RefsObject& refs) {
  store::v1::RefsRecord record;
  record.set_domain(refs.domain);
  *record.mutable_repo() = FromRepo(refs.repo);
  record.set_head(Escape(refs.advertisement.head));
  for (const AdvertisedRef& ref : refs.advertisement.refs) {
    store::v1::RefsRecord::Ref* message = record.add_refs();
    message->set_name(Escape(ref.name));
    message->set_commit(ref.commit);
  }
  *record.mutable_asked_at() = FromTime(refs.asked_at);
  if (refs.moved_to) *record.mutable_moved_to() = FromRepo(*refs.moved_to);
  return ToJson(record);
}

template <>
absl::StatusOr<TreeObject> DecodeRecord(absl::string_view content) {
  HUBD_ASSIGN_OR_RETURN(auto record, FromJson<store::v1::TreeRecord>(content));
  TreeObject tree;
  tree.key = {record.domain(), ToRepo(record.repo()), record.commit(),
              record.route()};
  tree.size_bytes = record.size_bytes();
  tree.entry_count = record.entry_count();
  tree.created_at = ToTime(record.created_at());
  tree.warnings = ToLines(record.warnings());
  tree.digest = record.digest();
  tree.unproven = record.unproven();
  if (record.has_imported()) {
    tree.imported = {Unescape(record.imported().ref()),
                     ToTime(record.imported().as_of())};
  }
  HUBD_RETURN_IF_ERROR(CheckRepo(tree.key.repo));
  if (!IsCommit(tree.key.commit) || !IsWord(tree.key.route)) {
    return absl::DataLossError("no record: its commit is none");
  }
  if (!tree.digest.empty() && !IsDigest(tree.digest)) {
    return absl::DataLossError("no record: its digest is none");
  }
  return tree;
}

template <>
absl::StatusOr<CheckpointObject> DecodeRecord(absl::string_view content) {
  HUBD_ASSIGN_OR_RETURN(auto record,
                        FromJson<store::v1::CheckpointRecord>(content));
  CheckpointObject checkpoint;
  checkpoint.domain = record.domain();
  checkpoint.url = Unescape(record.url());
  checkpoint.sha256 = record.sha256();
  checkpoint.size_bytes = record.size_bytes();
  checkpoint.etag = Unescape(record.etag());
  checkpoint.last_modified = Unescape(record.last_modified());
  checkpoint.content_type = Unescape(record.content_type());
  checkpoint.created_at = ToTime(record.created_at());
  if (!IsDigest(checkpoint.sha256)) {
    return absl::DataLossError("no record: its digest is none");
  }
  return checkpoint;
}

template <>
absl::StatusOr<UnpackedObject> DecodeRecord(absl::string_view content) {
  HUBD_ASSIGN_OR_RETURN(auto record,
                        FromJson<store::v1::UnpackedRecord>(content));
  UnpackedObject unpacked;
  unpacked.sha256 = record.sha256();
  unpacked.size_bytes = record.size_bytes();
  unpacked.members = ToLines(record.members());
  unpacked.created_at = ToTime(record.created_at());
  if (!IsDigest(unpacked.sha256)) {
    return absl::DataLossError("no record: its digest is none");
  }
  return unpacked;
}

template <>
absl::StatusOr<RefsObject> DecodeRecord(absl::string_view content) {
  HUBD_ASSIGN_OR_RETURN(auto record, FromJson<store::v1::RefsRecord>(content));
  RefsObject refs;
  refs.domain = record.domain();
  refs.repo = ToRepo(record.repo());
  refs.advertisement.head = Unescape(record.head());
  for (const store::v1::RefsRecord::Ref& ref : record.refs()) {
    refs.advertisement.refs.push_back({Unescape(ref.name()), ref.commit()});
  }
  refs.asked_at = ToTime(record.asked_at());
  HUBD_RETURN_IF_ERROR(CheckRepo(refs.repo));
  if (record.has_moved_to()) {
    refs.moved_to = ToRepo(record.moved_to());
    HUBD_RETURN_IF_ERROR(CheckRepo(*refs.moved_to));
  }
  return refs;
}

}  // namespace hubd
