#include "server/store/recovery.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/store/index_file.h"
#include "server/store/object_kind.h"
#include "server/store/partial.h"

namespace hubd {
namespace {

// What cannot be looked at may be one.
bool MayBe(mode_t type, const std::string& path) {
  struct stat info;
  return ::lstat(path.c_str(), &info) != 0 || (info.st_mode & S_IFMT) == type;
}

void LogError(const absl::Status& status) {
  HUBD_LOG(kWarning) << "event=recovery error="
                     << LogQuote(std::string(status.message()));
}

// What cannot be removed stays for the next time; it is in nobody's way.
void RemoveOrLog(const std::string& path) {
  absl::Status status = RemoveAll(path);
  if (!status.ok()) return LogError(status);
  HUBD_LOG(kInfo) << "event=recovery removed=" << LogQuote(path);
}

// Removes what WriteFileDurably had not renamed yet.
absl::Status RemoveHalfWritten(const std::string& directory) {
  HUBD_ASSIGN_OR_RETURN(std::vector<std::string> names,
                        ListDirectory(directory));
  for (const std::string& name : names) {
    if (absl::EndsWith(name, ".tmp")) {
      RemoveOrLog(absl::StrCat(directory, "/", name));
    }
  }
  return absl::OkStatus();
}

absl::Status EmptyTmp(const Layout& layout) {
  HUBD_ASSIGN_OR_RETURN(std::vector<std::string> names,
                        ListDirectory(layout.tmp()));
  for (const std::string& name : names) {
    RemoveOrLog(absl::StrCat(layout.tmp(), "/", name));
  }
  return absl::OkStatus();
}

// Partials with data and ledger stay: each is looked at when it is taken up.
// The answer: those with a ledger alone.
absl::StatusOr<std::vector<std::string>> TidyPartials(const Layout& layout) {
  std::vector<std::string> orphans;
  HUBD_ASSIGN_OR_RETURN(std::vector<std::string> names,
                        ListDirectory(layout.partials()));
  for (const std::string& name : names) {
    const std::string path = absl::StrCat(layout.partials(), "/", name);
    if (!MayBe(S_IFDIR, path)) {
      RemoveOrLog(path);
      continue;
    }
    const PartialFiles files = FilesOfPartial(path);
    if (!files.ledger) {
      RemoveOrLog(path);
      continue;
    }
    if (!files.data) {
      orphans.push_back(path);
      continue;
    }
    // No reason not to start: one that cannot be read is one download's.
    absl::Status status = RemoveHalfWritten(path);
    if (!status.ok()) LogError(status);
  }
  return orphans;
}

// Gives the blob at `path` back to the partial whose bytes it is, if it is one
// of these, which it leaves then: the end came between the two renames of
// publishing.
bool TakeBack(const std::string& path, std::vector<std::string>& orphans) {
  const auto orphan = std::find_if(
      orphans.begin(), orphans.end(),
      [&](const auto& directory) { return PutBackData(path, directory); });
  if (orphan == orphans.end()) return false;
  HUBD_LOG(kInfo) << "event=recovery taken_back=" << LogQuote(path);
  orphans.erase(orphan);
  return true;
}

void LogUnreadable(const std::string& path, const absl::Status& status) {
  HUBD_LOG(kWarning) << "event=unreadable_record path=" << LogQuote(path)
                     << " error=" << LogQuote(std::string(status.message()));
}

// The records of one kind, by the path of the record.
template <class Object>
struct Records {
  std::map<std::string, Object> whole;
  std::set<std::string> unreadable;
  // Whether one of these may yet name an object, at a better time.
  bool may_name_others = false;
};

// Reads all records of a kind; those whose object is gone are removed, and so
// is what is no file and can be none.
template <class Object>
absl::StatusOr<Records<Object>> ReadRecords(const Layout& layout) {
  using Kind = ObjectKind<Object>;
  Records<Object> records;
  HUBD_ASSIGN_OR_RETURN(std::vector<std::string> names,
                        ListDirectory(Kind::Records(layout)));
  for (const std::string& name : names) {
    std::string path = absl::StrCat(Kind::Records(layout), "/", name);
    if (!MayBe(S_IFREG, path)) {
      RemoveOrLog(path);
      continue;
    }
    absl::StatusOr<Object> object = ReadRecord<Object>(layout, path);
    if (!object.ok()) {
      LogUnreadable(path, object.status());
      records.unreadable.insert(path);
      if (!absl::IsDataLoss(object.status())) records.may_name_others = true;
      continue;
    }
    object->path = Kind::Path(layout, *object);
    if (IsWhole(*object)) {
      records.whole.emplace(path, *std::move(object));
    } else {
      RemoveOrLog(path);
    }
  }
  return records;
}

template <class Object>
absl::StatusOr<std::vector<Object>> AllRows(Catalog& catalog) {
  std::vector<Object> rows;
  std::string token;
  do {
    HUBD_ASSIGN_OR_RETURN(Page<Object> page,
                          ObjectKind<Object>::List(catalog, token));
    rows.insert(rows.end(), page.objects.begin(), page.objects.end());
    token = page.next_token;
  } while (!token.empty());
  return rows;
}

// Removes an object that no record names. It is renamed away first: one that
// cannot be removed whole must not stand where a publisher takes it for whole.
void RemoveObject(const Layout& layout, const std::string& path) {
  std::string away = absl::StrCat(layout.tmp(), "/", Sha256Hex(path));
  // Only a directory that its owner can write can be moved into another one.
  if (MayBe(S_IFDIR, path)) ::chmod(path.c_str(), 0700);
  if (::rename(path.c_str(), away.c_str()) == 0) {
    HUBD_LOG(kInfo) << "event=recovery unnamed=" << LogQuote(path);
    RemoveOrLog(away);
  } else {
    RemoveOrLog(path);
  }
}

// Whether an object that no record names was taken elsewhere.
using TakeFn = std::function<bool(const std::string& path)>;

// Removes what lies `depth` levels below `directory`, is not in `named` and is
// not taken, and the levels between that are empty then. Whether it could look
// at all.
bool Sweep(const Layout& layout, const std::string& directory, int depth,
           const std::set<std::string>& named, const TakeFn& take) {
  if (!MayBe(S_IFDIR, directory)) {
    RemoveOrLog(directory);
    return true;
  }
  absl::StatusOr<std::vector<std::string>> names = ListDirectory(directory);
  if (!names.ok()) {
    // Objects that are named may lie below: nothing is removed unseen.
    LogError(names.status());
    return false;
  }
  bool all = true;
  for (const std::string& name : *names) {
    std::string path = absl::StrCat(directory, "/", name);
    if (depth > 1) {
      all = Sweep(layout, path, depth - 1, named, take) && all;
      ::rmdir(path.c_str());
    } else if (!named.contains(path) && !take(path)) {
      RemoveObject(layout, path);
    }
  }
  return all;
}

// Brings the rows of a kind in line with its records, then removes the objects,
// `depth` levels below `objects`, that no record names. With a record that
// cannot be read at this time none is removed. Whether all were looked at.
template <class Object>
absl::StatusOr<bool> RecoverKind(
    const Layout& layout, Catalog& catalog, const std::string& objects,
    int depth, const TakeFn& take = [](const std::string&) { return false; }) {
  using Kind = ObjectKind<Object>;
  std::set<std::string> named;
  HUBD_ASSIGN_OR_RETURN(Records<Object> records, ReadRecords<Object>(layout));
  for (const auto& [path, object] : records.whole) named.insert(object.path);
  HUBD_ASSIGN_OR_RETURN(std::vector<Object> rows, AllRows<Object>(catalog));
  for (const Object& row : rows) {
    std::string path = Kind::Record(layout, row);
    auto record = records.whole.find(path);
    if (record != records.whole.end()) {
      // What stays in the map gets its row below.
      if (record->second == row) records.whole.erase(record);
    } else if (records.unreadable.contains(path) && IsWhole(row)) {
      named.insert(row.path);
    } else {
      HUBD_RETURN_IF_ERROR(Kind::Remove(catalog, row));
    }
  }
  for (const auto& [path, object] : records.whole) {
    HUBD_RETURN_IF_ERROR(Kind::Put(catalog, object));
  }
  return !records.may_name_others && Sweep(layout, objects, depth, named, take);
}

// Answers about refs can be large, so only those without a row are read.
absl::Status RecoverRefs(const Layout& layout, Catalog& catalog) {
  std::set<std::string> known;
  HUBD_ASSIGN_OR_RETURN(auto repos, catalog.ReposWithRefs());
  for (const auto& [domain, repo] : repos) {
    known.insert(layout.RefRecord(domain, repo));
  }
  HUBD_ASSIGN_OR_RETURN(std::vector<std::string> names,
                        ListDirectory(layout.ref_records()));
  for (const std::string& name : names) {
    std::string path = absl::StrCat(layout.ref_records(), "/", name);
    if (known.contains(path)) continue;
    if (!MayBe(S_IFREG, path)) {
      RemoveOrLog(path);
      continue;
    }
    absl::StatusOr<RefsObject> refs = ReadRecord<RefsObject>(layout, path);
    if (refs.ok()) {
      HUBD_RETURN_IF_ERROR(catalog.PutRefs(*refs));
    } else {
      LogUnreadable(path, refs.status());
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Recover(const Layout& layout, Catalog& catalog) {
  HUBD_RETURN_IF_ERROR(EmptyTmp(layout));
  for (const std::string& directory :
       {layout.store(), layout.tree_records(), layout.checkpoint_records(),
        layout.unpacked_records(), layout.ref_records()}) {
    HUBD_RETURN_IF_ERROR(RemoveHalfWritten(directory));
  }
  HUBD_ASSIGN_OR_RETURN(std::vector<std::string> orphans, TidyPartials(layout));
  HUBD_RETURN_IF_ERROR(
      RecoverKind<TreeObject>(layout, catalog, layout.trees(), 4).status());
  HUBD_ASSIGN_OR_RETURN(
      const bool all_seen,
      RecoverKind<CheckpointObject>(layout, catalog, layout.blobs(), 2,
                                    [&orphans](const std::string& path) {
                                      return TakeBack(path, orphans);
                                    }));
  // Else their blobs may yet be found, at the next start.
  for (const std::string& path : orphans) {
    if (all_seen) RemoveOrLog(path);
  }
  HUBD_RETURN_IF_ERROR(
      RecoverKind<UnpackedObject>(layout, catalog, layout.unpacked(), 1)
          .status());
  return RecoverRefs(layout, catalog);
}

// No trust is taken out of a broken index: of a row in it nobody can say that
// it is what a user decided.
absl::StatusOr<std::unique_ptr<Catalog>> OpenAndRecover(const Layout& layout,
                                                        bool fresh,
                                                        absl::Time now) {
  auto open = [&layout]() -> absl::StatusOr<std::unique_ptr<Catalog>> {
    HUBD_ASSIGN_OR_RETURN(std::unique_ptr<Catalog> catalog,
                          Catalog::Open(layout));
    HUBD_RETURN_IF_ERROR(Recover(layout, *catalog));
    return catalog;
  };
  absl::Status broken;
  if (!fresh) broken = CheckIndexIsThere(layout);
  if (broken.ok()) {
    absl::StatusOr<std::unique_ptr<Catalog>> catalog = open();
    if (!absl::IsDataLoss(catalog.status())) return catalog;
    broken = catalog.status();
  } else if (!absl::IsDataLoss(broken)) {
    return broken;
  }
  // A bad disk is no reason to forget what people decided.
  HUBD_RETURN_IF_ERROR(CheckIndexIsReadable(layout));
  HUBD_ASSIGN_OR_RETURN(std::string kept, SetIndexAside(layout, now));
  HUBD_LOG(kWarning) << "event=index_made_anew why="
                     << LogQuote(broken.message())
                     << " kept=" << LogQuote(IsThere(kept) ? kept : "")
                     << " lost=\"trust: it is asked for again\"";
  return open();
}

}  // namespace hubd
