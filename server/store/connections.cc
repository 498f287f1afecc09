#include "server/store/connections.h"

#include <pthread.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/base/status.h"

namespace hubd {
namespace {

std::pair<uint64_t, uint64_t> FileAt(const std::string& path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return {0, 0};
  return {info.st_dev, info.st_ino};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connections>> Connections::Open(
    const std::string& path, const std::vector<absl::string_view>& migrations,
    Reserve reserve) {
  HUBD_ASSIGN_OR_RETURN(std::unique_ptr<Database> writer,
                        Database::Open(path, Database::Mode::kReadWriteCreate));
  HUBD_RETURN_IF_ERROR(writer->Migrate(migrations));
  reserve.Fill();
  return std::make_unique<Connections>(path, std::move(writer),
                                       std::move(reserve));
}

Connections::Connections(std::string path, std::unique_ptr<Database> writer,
                         Reserve reserve)
    : path_(std::move(path)),
      file_(FileAt(path_)),
      writer_(std::move(writer)),
      reserve_(std::move(reserve)),
      thread_([this] { RunWriter(); }) {
  pthread_setname_np(thread_.native_handle(), "index-writer");
}

Connections::~Connections() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_writer_.NotifyOne();
  thread_.join();
}

Connections::Reader::~Reader() {
  if (database_) owner_.GiveBack(std::move(database_));
}

absl::StatusOr<Connections::Reader> Connections::Read() {
  {
    MutexLock lock(mutex_);
    if (!idle_readers_.empty()) {
      std::unique_ptr<Database> reader = std::move(idle_readers_.back());
      idle_readers_.pop_back();
      return Reader(*this, std::move(reader));
    }
  }
  auto opened = Database::Open(path_, Database::Mode::kReadOnly);
  if (absl::IsDataLoss(opened.status())) NoteDamage(opened.status());
  HUBD_ASSIGN_OR_RETURN(std::unique_ptr<Database> reader, std::move(opened));
  return Reader(*this, std::move(reader));
}

absl::Status Connections::CheckSound() const {
  {
    MutexLock lock(mutex_);
    if (!damage_.ok()) return damage_;
  }
  if (FileAt(path_) == file_) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat("index ", path_,
                   ": it was removed or replaced while hubd had it open; hubd "
                   "makes it anew from the records when it starts"));
}

void Connections::NoteDamage(const absl::Status& damage) {
  MutexLock lock(mutex_);
  damage_.Update(damage);
}

void Connections::GiveBack(std::unique_ptr<Database> reader) {
  if (!reader->damage().ok()) return NoteDamage(reader->damage());
  MutexLock lock(mutex_);
  idle_readers_.push_back(std::move(reader));
}

absl::StatusOr<int64_t> Connections::Write(absl::string_view sql,
                                           std::vector<SqlValue> values) {
  Job job{sql, std::move(values)};
  MutexLock lock(mutex_);
  queue_.push_back(&job);
  wake_writer_.NotifyOne();
  while (!job.done) job_done_.Wait(mutex_);
  return job.result;
}

void Connections::RunWriter() {
  while (true) {
    std::vector<Job*> jobs;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) wake_writer_.Wait(mutex_);
      if (queue_.empty()) return;
      jobs.swap(queue_);
    }
    Commit(jobs);
    NoteDamage(writer_->damage());
    {
      MutexLock lock(mutex_);
      for (Job* job : jobs) job->done = true;
    }
    job_done_.NotifyAll();
  }
}

void Connections::Commit(std::vector<Job*> jobs) {
  absl::Status status = RunInTransaction(jobs);
  if (status.ok()) {
    // A single statement may have found no room; the others are done.
    std::erase_if(jobs, [](const Job* job) {
      return ReasonOf(job->result.status()) != Reason::kDiskFull;
    });
  }
  const bool full =
      status.ok() ? !jobs.empty() : ReasonOf(status) == Reason::kDiskFull;
  if (full) {
    // Who writes a record may have given it up just now.
    (void)reserve_.GiveUp();
    status = RunInTransaction(jobs);
  }
  if (status.ok()) return reserve_.Fill();
  for (Job* job : jobs) job->result = status;
}

absl::Status Connections::RunInTransaction(const std::vector<Job*>& jobs) {
  absl::Status status = RunAll(jobs);
  // The error that led here is the one to tell.
  if (writer_->InTransaction()) (void)writer_->Execute("ROLLBACK");
  return status;
}

absl::Status Connections::RunAll(const std::vector<Job*>& jobs) {
  HUBD_RETURN_IF_ERROR(writer_->Execute("BEGIN IMMEDIATE").status());
  for (Job* job : jobs) {
    // SQLite undoes a failed statement by itself, so a job of one statement
    // needs no savepoint.
    job->result = writer_->Execute(job->sql, job->values);
    // A full disk and the like end the whole transaction.
    if (!writer_->InTransaction()) return job->result.status();
  }
  return writer_->Execute("COMMIT").status();
}

}  // namespace hubd
