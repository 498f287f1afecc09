#include "server/store/record.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "hubd/store/v1/record.pb.h"
#include "server/base/digest.h"
#include "server/base/status.h"
#include "server/store/record_json.h"

namespace hubd {
namespace {

using google::protobuf::RepeatedPtrField;
using google::protobuf::Timestamp;
using google::protobuf::util::TimeUtil;

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
  for (const std::string& line : lines) result.push_back(UnescapeText(line));
  return result;
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
    record.add_warnings(EscapeText(line));
  }
  record.set_digest(tree.digest);
  record.set_unproven(tree.unproven);
  if (tree.imported) {
    record.mutable_imported()->set_ref(EscapeText(tree.imported->ref));
    *record.mutable_imported()->mutable_as_of() =
        FromTime(tree.imported->as_of);
  }
  return MessageToJson(record);
}

std::string EncodeRecord(const CheckpointObject& checkpoint) {
  store::v1::CheckpointRecord record;
  record.set_domain(checkpoint.domain);
  record.set_url(EscapeText(checkpoint.url));
  record.set_sha256(checkpoint.sha256);
  record.set_size_bytes(checkpoint.size_bytes);
  record.set_etag(EscapeText(checkpoint.etag));
  record.set_last_modified(EscapeText(checkpoint.last_modified));
  record.set_content_type(EscapeText(checkpoint.content_type));
  *record.mutable_created_at() = FromTime(checkpoint.created_at);
  return MessageToJson(record);
}

std::string EncodeRecord(const UnpackedObject& unpacked) {
  store::v1::UnpackedRecord record;
  record.set_sha256(unpacked.sha256);
  record.set_size_bytes(unpacked.size_bytes);
  for (const std::string& member : unpacked.members) {
    record.add_members(EscapeText(member));
  }
  *record.mutable_created_at() = FromTime(unpacked.created_at);
  return MessageToJson(record);
}

std::string EncodeRecord(const RefsObject& refs) {
  store::v1::RefsRecord record;
  record.set_domain(refs.domain);
  *record.mutable_repo() = FromRepo(refs.repo);
  record.set_head(EscapeText(refs.advertisement.head));
  for (const AdvertisedRef& ref : refs.advertisement.refs) {
    store::v1::RefsRecord::Ref* message = record.add_refs();
    message->set_name(EscapeText(ref.name));
    message->set_commit(ref.commit);
  }
  *record.mutable_asked_at() = FromTime(refs.asked_at);
  if (refs.moved_to) *record.mutable_moved_to() = FromRepo(*refs.moved_to);
  return MessageToJson(record);
}

template <>
absl::StatusOr<TreeObject> DecodeRecord(absl::string_view content) {
  HUBD_ASSIGN_OR_RETURN(auto record,
                        MessageFromJson<store::v1::TreeRecord>(content));
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
    tree.imported = {UnescapeText(record.imported().ref()),
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
                        MessageFromJson<store::v1::CheckpointRecord>(content));
  CheckpointObject checkpoint;
  checkpoint.domain = record.domain();
  checkpoint.url = UnescapeText(record.url());
  checkpoint.sha256 = record.sha256();
  checkpoint.size_bytes = record.size_bytes();
  checkpoint.etag = UnescapeText(record.etag());
  checkpoint.last_modified = UnescapeText(record.last_modified());
  checkpoint.content_type = UnescapeText(record.content_type());
  checkpoint.created_at = ToTime(record.created_at());
  if (!IsDigest(checkpoint.sha256)) {
    return absl::DataLossError("no record: its digest is none");
  }
  return checkpoint;
}

template <>
absl::StatusOr<UnpackedObject> DecodeRecord(absl::string_view content) {
  HUBD_ASSIGN_OR_RETURN(auto record,
                        MessageFromJson<store::v1::UnpackedRecord>(content));
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
  HUBD_ASSIGN_OR_RETURN(auto record,
                        MessageFromJson<store::v1::RefsRecord>(content));
  RefsObject refs;
  refs.domain = record.domain();
  refs.repo = ToRepo(record.repo());
  refs.advertisement.head = UnescapeText(record.head());
  for (const store::v1::RefsRecord::Ref& ref : record.refs()) {
    refs.advertisement.refs.push_back({UnescapeText(ref.name()), ref.commit()});
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
