// Objects with a value in every field, to be stored and compared.

#ifndef HUBD_TESTS_SERVER_STORE_SAMPLE_OBJECTS_H_
#define HUBD_TESTS_SERVER_STORE_SAMPLE_OBJECTS_H_

#include <string>

#include "absl/time/time.h"
#include "server/base/digest.h"
#include "server/store/layout.h"
#include "server/store/objects.h"

namespace hubd {

inline const RepoId kSampleRepo = {"git.example.org", "Owner", "na.me"};
// Bytes that are no UTF-8, and those that text formats trip over.
inline const std::string kOddText = "a\xff\xc3(\n\t\"\\\x1b é";

// Different numbers give different objects of different ages.
inline absl::Time SampleTime(int number) {
  return absl::FromUnixMicros(1'700'000'000'123'456 + number);
}

inline TreeObject SampleTree(const Layout& layout, int number) {
  TreeObject tree;
  tree.key = {kSharedDomain, kSampleRepo,
              Sha256Hex(std::to_string(number)).substr(0, 40), "archive"};
  tree.path = layout.Tree(tree.key);
  tree.size_bytes = 1000 + number;
  tree.entry_count = 3;
  tree.created_at = SampleTime(number);
  tree.warnings = {"", kOddText};
  tree.unproven = true;
  tree.digest = Sha256Hex("tree" + std::to_string(number));
  tree.imported = {kOddText, SampleTime(number - 1)};
  return tree;
}

inline CheckpointObject SampleCheckpoint(const Layout& layout, int number) {
  CheckpointObject checkpoint;
  checkpoint.url = "https://h/" + std::to_string(number) + "?q=\"a\"";
  checkpoint.sha256 = Sha256Hex(std::to_string(number));
  checkpoint.path = layout.Blob(checkpoint.sha256);
  checkpoint.size_bytes = (1LL << 32) + number;
  checkpoint.etag = kOddText;
  checkpoint.last_modified = "Wed, 21 Oct 2015 07:28:00 GMT";
  checkpoint.content_type = "application/zip";
  checkpoint.created_at = SampleTime(number);
  return checkpoint;
}

inline UnpackedObject SampleUnpacked(const Layout& layout, int number) {
  UnpackedObject unpacked;
  unpacked.sha256 = Sha256Hex(std::to_string(number));
  unpacked.path = layout.Unpacked(unpacked.sha256);
  unpacked.members = {"model/", "model/w", kOddText};
  unpacked.size_bytes = 77;
  unpacked.created_at = SampleTime(number);
  return unpacked;
}

inline RefsObject SampleRefs(int ref_count) {
  RefsObject refs;
  refs.repo = kSampleRepo;
  refs.advertisement.head = "refs/heads/main";
  for (int i = 0; i < ref_count; ++i) {
    refs.advertisement.refs.push_back(
        {"refs/heads/b" + std::to_string(i), std::string(40, 'a' + i % 6)});
  }
  refs.asked_at = SampleTime(0);
  return refs;
}

}  // namespace hubd

#endif  // HUBD_TESTS_SERVER_STORE_SAMPLE_OBJECTS_H_
