#include "server/fetch/lfs_content.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "server/base/beneath.h"
#include "server/base/digest.h"
#include "server/base/fs.h"
#include "server/base/log.h"
#include "server/base/status.h"
#include "server/fetch/member_path.h"
#include "server/net/caller_http.h"
#include "server/net/lfs_batch.h"
#include "server/net/mirrors.h"

namespace hubd {
namespace {

constexpr int kHttpOk = 200;
constexpr size_t kMaxShown = 5;
constexpr size_t kMaxReasons = 5;
constexpr size_t kCopyBytes = 8 << 20;

using Paths = std::vector<std::string>;

// Writes the content of one object to a file, and hashes it.
class ContentHandler final : public HttpHandler {
 public:
  // `count`: of the files that it is for.
  ContentHandler(const LfsObject& object, std::string url, int fd, size_t count,
                 UnpackMeter& meter, Progress& progress,
                 FlightTable::Context& flight)
      : object_(object),
        url_(std::move(url)),
        fd_(fd),
        count_(count),
        meter_(meter),
        progress_(progress),
        flight_(flight) {}

  absl::Status OnResponse(const HttpResponse& response) override {
    if (response.status != kHttpOk) return ErrorOfLfsResponse(response, url_);
    // Before the first byte: more than that is not taken.
    for (size_t i = 0; i < count_; ++i) {
      HUBD_RETURN_IF_ERROR(meter_.CountCompressed(object_.size_bytes));
      HUBD_RETURN_IF_ERROR(meter_.CountUnpacked(object_.size_bytes));
    }
    return absl::OkStatus();
  }

  absl::Status OnBody(absl::string_view bytes) override {
    bytes_ += static_cast<int64_t>(bytes.size());
    if (bytes_ > object_.size_bytes) return Mismatch("more bytes");
    HUBD_RETURN_IF_ERROR(WriteAll(fd_, bytes));
    hasher_.Update(bytes);
    progress_.done_bytes += static_cast<int64_t>(bytes.size());
    flight_.Report(progress_);
    return absl::OkStatus();
  }

  // Whether it was what the pointer names. Ends the handler.
  absl::Status Finish() {
    const std::string sha256 = hasher_.Finish();
    if (sha256 == object_.oid) return absl::OkStatus();
    return Mismatch(absl::StrCat("bytes with the sha256 ", sha256));
  }

 private:
  absl::Status Mismatch(absl::string_view what) const {
    const std::string shown = RedactUrl(url_);
    return ReasonError(
        Reason::kDigestMismatch,
        absl::StrCat(shown, " sent ", what, ", not the ", object_.size_bytes,
                     " with the sha256 ", object_.oid,
                     " that the pointer names; nothing of the tree is kept. "
                     "Try again later, or tell the repo's owner"),
        {{"url", shown}, {"expected", object_.oid}});
  }

  const LfsObject& object_;
  const std::string url_;
  const int fd_;
  const size_t count_;
  UnpackMeter& meter_;
  Progress& progress_;
  FlightTable::Context& flight_;
  Hasher hasher_;
  int64_t bytes_ = 0;
};

class LfsContent {
 public:
  LfsContent(const FetchContext& context, const TreeKey& key, int root,
             UnpackedTree tree, UnpackMeter& meter,
             FlightTable::Context& flight)
      : context_(context),
        parts_(context.parts),
        key_(key),
        root_(root),
        tree_(std::move(tree)),
        meter_(meter),
        flight_(flight) {}

  absl::StatusOr<UnpackedTree> Run();

 private:
  // What no batch was asked for yet.
  using Wanted = std::map<LfsObject, Paths>;
  using Answers = absl::StatusOr<std::vector<absl::StatusOr<HttpRequest>>>;

  // Asks for at most kMaxLfsBatch objects.
  Answers Ask(const std::vector<LfsObject>& objects);
  absl::Status FetchBatch(Wanted batch, Wanted& left);
  absl::Status FetchObject(const LfsObject& object, const Paths& paths,
                           const absl::StatusOr<HttpRequest>& request);
  // `count`: of the files that it is for.
  absl::StatusOr<Store::StagedFile> Download(
      const LfsObject& object, size_t count,
      const absl::StatusOr<HttpRequest>& request);
  absl::StatusOr<Store::StagedFile> DownloadFrom(const HttpRequest& request,
                                                 const LfsObject& object,
                                                 size_t count);
  // The same file again.
  absl::StatusOr<Store::StagedFile> Copy(const Store::StagedFile& from,
                                         int64_t size);
  // Over the pointer at `path`.
  absl::Status Place(const Store::StagedFile& file, const std::string& path,
                     int64_t size);

  // Notes that the pointers stay.
  void Refuse(const Paths& paths, absl::string_view why);
  void AddWarnings();
  absl::Status Failed(const std::string& path, const absl::Status& why) const;

  const FetchContext& context_;
  const FetchParts& parts_;
  const TreeKey& key_;
  const int root_;
  UnpackedTree tree_;
  UnpackMeter& meter_;
  FlightTable::Context& flight_;
  Progress progress_;
  // Whether a mirror gave the last answers.
  bool by_mirror_ = false;
  std::map<std::string, Paths> refused_;  // by why
};

absl::StatusOr<UnpackedTree> LfsContent::Run() {
  Wanted left;
  for (LfsFile& file : std::exchange(tree_.lfs_files, {})) {
    if (file.object) {
      left[*file.object].push_back(std::move(file.path));
    } else {
      Refuse({std::move(file.path)}, "hubd cannot read these pointers");
    }
  }
  const std::string url = key_.repo.Url();
  if (IsSshUrl(url) || IsFileUrl(url)) {
    for (const auto& [object, paths] : std::exchange(left, {})) {
      Refuse(paths, "it is fetched over HTTPS only, and the repo is not");
    }
  }
  progress_.phase = Progress::Phase::kDownloading;
  progress_.subject = absl::StrCat(key_.repo.ToString(), " at ",
                                   key_.commit.substr(0, 12), ", Git LFS");
  for (const auto& [object, paths] : left) {
    progress_.total_bytes += object.size_bytes;
  }
  while (!left.empty()) {
    Wanted batch;
    while (!left.empty() && batch.size() < kMaxLfsBatch) {
      batch.insert(left.extract(left.begin()));
    }
    HUBD_RETURN_IF_ERROR(FetchBatch(std::move(batch), left));
  }
  AddWarnings();
  return std::move(tree_);
}

LfsContent::Answers LfsContent::Ask(const std::vector<LfsObject>& objects) {
  std::vector<absl::StatusOr<HttpRequest>> answers;
  HUBD_RETURN_IF_ERROR(AskInTurn(
      parts_.mirrors.SourcesOf(key_.repo.Url(), /*origin_first=*/true),
      [&](const Source& source) -> absl::Status {
        CallerHttp http(parts_.http, context_.GitSourceAt(source),
                        context_.options.credentials);
        HUBD_ASSIGN_OR_RETURN(
            answers, AskLfsBatch(http, source.url, objects, flight_.stop()));
        by_mirror_ = source.is_mirror;
        if (!by_mirror_) return absl::OkStatus();
        // What a mirror lacks, the origin may have.
        for (const auto& one : answers) HUBD_RETURN_IF_ERROR(one.status());
        return absl::OkStatus();
      }));
  return answers;
}

absl::Status LfsContent::FetchBatch(Wanted batch, Wanted& left) {
  flight_.Report(progress_);
  std::vector<LfsObject> objects;
  for (const auto& [object, paths] : batch) objects.push_back(object);
  const Answers answers = Ask(objects);
  if (!answers.ok()) {
    if (!IsLfsRefusal(answers.status())) {
      return Failed(batch.begin()->second.front(), answers.status());
    }
    // It would say the same of the rest.
    batch.merge(std::exchange(left, {}));
    for (const auto& [object, paths] : batch) {
      Refuse(paths, answers.status().message());
    }
    return absl::OkStatus();
  }
  for (size_t i = 0; i < objects.size(); ++i) {
    const Paths& paths = batch[objects[i]];
    const absl::Status fetched = FetchObject(objects[i], paths, (*answers)[i]);
    if (!fetched.ok()) return Failed(paths.front(), fetched);
  }
  return absl::OkStatus();
}

absl::Status LfsContent::FetchObject(
    const LfsObject& object, const Paths& paths,
    const absl::StatusOr<HttpRequest>& request) {
  const auto file = Download(object, paths.size(), request);
  if (IsLfsRefusal(file.status()) && !by_mirror_) {
    Refuse(paths, file.status().message());
    return absl::OkStatus();
  }
  HUBD_RETURN_IF_ERROR(file.status());
  for (size_t i = 1; i < paths.size(); ++i) {
    HUBD_ASSIGN_OR_RETURN(const Store::StagedFile copy,
                          Copy(*file, object.size_bytes));
    HUBD_RETURN_IF_ERROR(Place(copy, paths[i], object.size_bytes));
  }
  return Place(*file, paths.front(), object.size_bytes);
}

absl::StatusOr<Store::StagedFile> LfsContent::Download(
    const LfsObject& object, size_t count,
    const absl::StatusOr<HttpRequest>& request) {
  HUBD_RETURN_IF_ERROR(request.status());
  auto file = DownloadFrom(*request, object, count);
  if (!IsLfsRefusal(file.status())) return file;
  // Leave to download is given for a while, which may have passed.
  HUBD_ASSIGN_OR_RETURN(const auto again, Ask({object}));
  HUBD_RETURN_IF_ERROR(again.front().status());
  return DownloadFrom(*again.front(), object, count);
}

absl::StatusOr<Store::StagedFile> LfsContent::DownloadFrom(
    const HttpRequest& request, const LfsObject& object, size_t count) {
  HUBD_ASSIGN_OR_RETURN(Store::StagedFile file, parts_.store.StageFile());
  ContentHandler handler(object, request.url, file.fd.get(), count, meter_,
                         progress_, flight_);
  HUBD_RETURN_IF_ERROR(
      context_.HttpOf(flight_).Fetch(request, handler, flight_.stop()));
  HUBD_RETURN_IF_ERROR(handler.Finish());
  return file;
}

absl::StatusOr<Store::StagedFile> LfsContent::Copy(
    const Store::StagedFile& from, int64_t size) {
  HUBD_ASSIGN_OR_RETURN(Store::StagedFile copy, parts_.store.StageFile());
  for (off_t done = 0; done < size;) {
    if (flight_.stop().stop_requested()) {
      return absl::CancelledError("the fetch was stopped");
    }
    const ssize_t sent =
        ::sendfile(copy.fd.get(), from.fd.get(), &done, kCopyBytes);
    if (sent <= 0) {
      return ErrnoError(sent < 0 ? errno : EIO, "cannot copy its content");
    }
  }
  return copy;
}

absl::Status LfsContent::Place(const Store::StagedFile& file,
                               const std::string& path, int64_t size) {
  const std::string folder(FolderOf(path));
  const std::string name(LastPart(path));
  const UniqueFd parent =
      OpenBeneath(root_, folder.empty() ? "." : folder, kOpenFolder);
  struct stat pointer;
  if (!parent.valid() || ::fstatat(parent.get(), name.c_str(), &pointer,
                                   AT_SYMLINK_NOFOLLOW) != 0) {
    return ErrnoError(errno, "cannot open its pointer");
  }
  if (!S_ISREG(pointer.st_mode)) {
    return absl::InternalError("its pointer is no file any more");
  }
  if (::fchmod(file.fd.get(), pointer.st_mode & 0777) != 0 ||
      ::renameat(AT_FDCWD, file.staging.path().c_str(), parent.get(),
                 name.c_str()) != 0) {
    return ErrnoError(errno, "cannot put its content in its place");
  }
  tree_.size_bytes += size - pointer.st_size;
  return absl::OkStatus();
}

void LfsContent::Refuse(const Paths& paths, absl::string_view why) {
  std::string reason(why);
  if (refused_.size() >= kMaxReasons && refused_.count(reason) == 0) {
    reason = "the host gives other reasons for each";
  }
  Paths& all = refused_[reason];
  all.insert(all.end(), paths.begin(), paths.end());
}

void LfsContent::AddWarnings() {
  for (auto& [why, paths] : refused_) {
    std::sort(paths.begin(), paths.end());
    const size_t count = paths.size();
    Paths names;
    for (size_t i = 0; i < std::min(count, kMaxShown); ++i) {
      names.push_back(ShownName(paths[i]));
    }
    tree_.warnings.push_back(absl::StrCat(
        "of ", count, count == 1 ? " file" : " files",
        " the tree has the pointers of Git LFS only, not the content: ",
        absl::StrJoin(names, ", "), count > kMaxShown ? ", ..." : "", "; ",
        why));
  }
}

absl::Status LfsContent::Failed(const std::string& path,
                                const absl::Status& why) const {
  if (absl::IsCancelled(why)) return why;
  return Annotate(why, absl::StrCat("cannot load ", key_.repo.ToString(),
                                    " at ", key_.commit, ": the content of ",
                                    ShownName(path), " by Git LFS"));
}

}  // namespace

absl::StatusOr<UnpackedTree> WithLfsContent(const FetchContext& context,
                                            const TreeKey& key, int root,
                                            UnpackedTree tree,
                                            UnpackMeter& meter,
                                            FlightTable::Context& flight) {
  if (tree.lfs_files.empty()) return tree;
  return LfsContent(context, key, root, std::move(tree), meter, flight).Run();
}

}  // namespace hubd
