// Whole transfers in small parts, for tests of how their connections go along
// with each other.

#ifndef HUBD_TESTS_SERVER_FETCH_TRANSFER_FIXTURE_H_
#define HUBD_TESTS_SERVER_FETCH_TRANSFER_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/base/digest.h"
#include "server/base/mutex.h"
#include "server/base/progress.h"
#include "server/fetch/contents.h"
#include "server/fetch/download.h"
#include "server/fetch/transfer.h"
#include "server/store/partial.h"
#include "server/store/space.h"
#include "tests/server/base/temp_dir.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_http_transport.h"

namespace hubd {

inline constexpr char kUrl[] = "https://h.org/w";
inline constexpr int64_t kPart = 4 << 10;
// What no request for such parts is longer than.
inline constexpr int64_t kRequest = 16 * kPart;

inline std::string Body(int parts) {
  std::string body(parts * kPart, '.');
  for (size_t i = 0; i + 8 <= body.size(); i += 1024) {
    body.replace(i, 8, absl::StrCat(10'000'000 + i));
  }
  return body;
}

// A transfer on a thread of its own, with all that it needs.
class Job {
 public:
  Job(const DownloadParts& parts, const std::string& directory,
      const std::string& url, ProgressFn progress = nullptr)
      : partial_(*Partial::Open(directory, url, {})),
        contents_(partial_, parts.space, parts.clock),
        progress_(std::move(progress)),
        transfer_(
            {.retry = {}, .part_bytes = kPart}, parts, {.url = url}, contents_,
            [this](const Progress& told) { OnTold(told); }, stop_.get_token()),
        thread_([this] { status_ = transfer_.Run(); }) {}
  ~Job() { Stop(); }

  void Stop() { stop_.request_stop(); }

  // Until it has had the time to add all the connections that it wants.
  void AwaitLooks() {
    MutexLock lock(mutex_);
    // The look that follows the first of them comes before the second one.
    const int64_t enough = told_ + 2;
    while (told_ < enough) changed_.Wait(mutex_);
  }

  absl::Status Finish() {
    thread_.join();
    return status_;
  }

  // After Finish.
  void ExpectAll(const std::string& body) {
    EXPECT_TRUE(status_.ok()) << status_;
    EXPECT_TRUE(contents_.complete());
    EXPECT_EQ(contents_.FinishDigest(), Sha256Hex(body));
  }
  int64_t done_bytes() const { return contents_.done_bytes(); }

 private:
  void OnTold(const Progress& told) {
    if (progress_) progress_(told);
    MutexLock lock(mutex_);
    ++told_;
    changed_.NotifyAll();
  }

  Partial partial_;
  Contents contents_;
  const ProgressFn progress_;
  std::stop_source stop_;
  Mutex mutex_;
  CondVar changed_;
  int64_t told_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status status_;
  Transfer transfer_;
  std::jthread thread_;
};

class TransferFixture : public testing::Test {
 protected:
  void Serve(const std::string& url, const std::string& body) {
    http_.Set(url, FakeHttpTransport::Ranged(body, "\"e\""));
  }

  TempDir dir_;
  Space space_{{.path = dir_.path(), .min_free = 0}};
  FakeHttpTransport http_;
  FakeClock clock_;
};

}  // namespace hubd

#endif  // HUBD_TESTS_SERVER_FETCH_TRANSFER_FIXTURE_H_
