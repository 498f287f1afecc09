// How many connections transfers have at a time.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/base/mutex.h"
#include "server/base/status.h"
#include "server/fetch/connection_budget.h"
#include "server/net/http_transport.h"
#include "server/net/url_policy.h"
#include "tests/server/fetch/transfer_fixture.h"

namespace hubd {
namespace {

// Holds the bodies of another one back and lets them come as it is told; counts
// connections.
class Valve final : public HttpTransport {
 public:
  explicit Valve(HttpTransport& http) : http_(http) {}

  // Each connection gets so many bytes more; until it has them, or has ended.
  void Give(int64_t bytes) {
    MutexLock lock(mutex_);
    for (Connection* connection : connections_) connection->allowed = bytes;
    changed_.NotifyAll();
    while (std::any_of(connections_.begin(), connections_.end(),
                       [](const Connection* c) { return c->allowed > 0; })) {
      changed_.Wait(mutex_);
    }
  }

  // Breaks a connection; until it has ended. REQUIRES: all wait for bytes.
  void Break() {
    MutexLock lock(mutex_);
    Connection* const connection = *connections_.begin();
    connection->breaks = true;
    changed_.NotifyAll();
    while (connections_.contains(connection)) changed_.Wait(mutex_);
  }

  // Holds no body of this URL back any more.
  void Open(const std::string& url) {
    MutexLock lock(mutex_);
    open_.insert(url);
    changed_.NotifyAll();
  }

  // Until so many requests are there, none is answered.
  void HoldAnswersUntil(size_t requests) {
    MutexLock lock(mutex_);
    requests_needed_ = requests;
  }

  // Connections that wait for bytes.
  int waiting() const {
    MutexLock lock(mutex_);
    return waiting_;
  }

  void AwaitWaiting(int count) {
    MutexLock lock(mutex_);
    while (waiting_ < count) changed_.Wait(mutex_);
  }

  // The most at one time: in all, to a host.
  int most() const {
    MutexLock lock(mutex_);
    return most_;
  }
  int most_to(const std::string& host) const {
    MutexLock lock(mutex_);
    return most_to_.at(host);
  }

  absl::Status Fetch(const HttpRequest& request, HttpHandler& handler,
                     std::stop_token stop) override {
    const std::stop_callback wake(stop, [this] {
      MutexLock lock(mutex_);
      changed_.NotifyAll();
    });
    Connection connection{.url = request.url, .stop = stop};
    Add(connection);
    Held held(handler, *this, connection);
    const absl::Status status = http_.Fetch(request, held, stop);
    MutexLock lock(mutex_);
    connections_.erase(&connection);
    changed_.NotifyAll();
    return status;
  }

 private:
  struct Connection {
    std::string url;
    std::stop_token stop;
    int64_t allowed = 0;
    bool breaks = false;
  };

  class Held final : public HttpHandler {
   public:
    Held(HttpHandler& to, Valve& valve, Connection& connection)
        : to_(to), valve_(valve), connection_(connection) {}
    absl::Status OnResponse(const HttpResponse& response) override {
      return to_.OnResponse(response);
    }
    absl::Status OnBody(absl::string_view bytes) override {
      while (!bytes.empty()) {
        const int64_t allowed = valve_.AwaitAllowed(connection_);
        if (allowed == 0) {
          return ReasonError(Reason::kUpstreamUnavailable, "it breaks",
                             {{"cause", "cut"}});
        }
        const absl::string_view now = bytes.substr(0, allowed);
        HUBD_RETURN_IF_ERROR(to_.OnBody(now));
        bytes.remove_prefix(now.size());
        valve_.NoteTaken(connection_, static_cast<int64_t>(now.size()));
      }
      return absl::OkStatus();
    }

   private:
    HttpHandler& to_;
    Valve& valve_;
    Connection& connection_;
  };

  void Add(Connection& connection) {
    MutexLock lock(mutex_);
    connections_.insert(&connection);
    const std::string host = HostOf(connection.url);
    int to_host = 0;
    for (const Connection* other : connections_) {
      to_host += HostOf(other->url) == host ? 1 : 0;
    }
    most_to_[host] = std::max(most_to_[host], to_host);
    most_ = std::max(most_, static_cast<int>(connections_.size()));
    if (connections_.size() >= requests_needed_) requests_needed_ = 0;
    changed_.NotifyAll();
    while (requests_needed_ > 0 && !connection.stop.stop_requested()) {
      changed_.Wait(mutex_);
    }
  }

  // 0: it breaks.
  int64_t AwaitAllowed(const Connection& connection) {
    MutexLock lock(mutex_);
    ++waiting_;
    changed_.NotifyAll();
    bool free = false;
    while (!free && connection.allowed <= 0 && !connection.breaks) {
      free = open_.contains(connection.url) || connection.stop.stop_requested();
      if (!free) changed_.Wait(mutex_);
    }
    --waiting_;
    if (connection.breaks) return 0;
    return free ? kRequest : connection.allowed;
  }

  void NoteTaken(Connection& connection, int64_t bytes) {
    MutexLock lock(mutex_);
    connection.allowed -= bytes;
    changed_.NotifyAll();
  }

  HttpTransport& http_;
  mutable Mutex mutex_;
  CondVar changed_;
  std::set<Connection*> connections_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> open_ ABSL_GUARDED_BY(mutex_);
  size_t requests_needed_ ABSL_GUARDED_BY(mutex_) = 0;
  int waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  int most_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, int> most_to_ ABSL_GUARDED_BY(mutex_);
};

class LaneRoundsTest : public TransferFixture {
 protected:
  // So many bytes for each connection, of which there are `lanes`.
  using Rate = std::function<int64_t(size_t round, int lanes)>;

  // Fetches an object in rounds of a second: how many connections there were in
  // each, before the rest comes at once.
  std::vector<int> Run(int parts, size_t rounds, const Rate& rate) {
    const std::string body = Body(parts);
    Serve(kUrl, body);
    std::vector<int> lanes;
    int before = 0;
    Job job({valve_, *connections_, space_, clock_}, dir_.Below("partial"),
            kUrl, [&](const Progress& progress) {
              if (progress.phase == Progress::Phase::kConnecting) return;
              const int now = Held();
              // None is about to come or to go.
              const bool settled = now == std::exchange(before, now);
              if (!settled || valve_.waiting() != now) return;
              if (lanes.size() == rounds) return valve_.Open(kUrl);
              lanes.push_back(now);
              const int64_t given = rate(lanes.size() - 1, now);
              valve_.Give(given);
              // Else it seems that all of them hang.
              if (given > 0) clock_.Advance(absl::Seconds(1));
            });
    (void)job.Finish();
    job.ExpectAll(body);
    return lanes;
  }

  // Connections that are held, whether or not they are in use yet. On the
  // thread that takes them.
  int Held() {
    std::vector<ConnectionBudget::Hold> others;
    while (auto hold = connections_->TakeFurther(HostOf(kUrl))) {
      others.push_back(*std::move(hold));
    }
    return kRoom - static_cast<int>(others.size());
  }

  // More than one transfer has.
  static constexpr int kRoom = 32;

  static std::unique_ptr<ConnectionBudget> Room(int per_object) {
    return std::make_unique<ConnectionBudget>(ConnectionBudget::Options{
        .per_object = per_object, .per_host = kRoom, .in_all = kRoom});
  }

  Valve valve_{http_};
  std::unique_ptr<ConnectionBudget> connections_ = Room(16);
};

TEST_F(LaneRoundsTest, MoreAsLongAsEachBringsMore) {
  const std::vector<int> lanes =
      Run(256, 7, [](size_t, int) { return kPart / 8; });
  EXPECT_EQ(lanes.front(), 4);
  EXPECT_TRUE(std::is_sorted(lanes.begin(), lanes.end()))
      << testing::PrintToString(lanes);
  EXPECT_EQ(lanes.back(), 16) << testing::PrintToString(lanes);
  EXPECT_EQ(valve_.most(), 16);
}

TEST_F(LaneRoundsTest, NoMoreThanTheObjectHasRequestsFor) {
  // The opening one's 16 parts, and six times four.
  const std::vector<int> lanes =
      Run(16 + 24, 7, [](size_t, int) { return kPart / 8; });
  EXPECT_EQ(lanes.front(), 4);
  EXPECT_EQ(lanes.back(), 7) << testing::PrintToString(lanes);
  EXPECT_EQ(valve_.most(), 7);
}

TEST_F(LaneRoundsTest, NoMoreWhereAllOfThemShareOneRate) {
  constexpr size_t kTried = 2;
  const std::vector<int> lanes = Run(400, 8, [](size_t round, int lanes) {
    // Once it has tried, each one's request ends, so that it may go.
    return round == kTried ? kRequest : kPart / lanes;
  });
  EXPECT_EQ(lanes.front(), 4);
  EXPECT_LE(valve_.most(), 8);
  const std::vector<int> after(lanes.begin() + kTried + 1, lanes.end());
  EXPECT_EQ(after, std::vector<int>(after.size(), 4))
      << testing::PrintToString(lanes);
}

TEST_F(LaneRoundsTest, OneFewerAfterABreak) {
  connections_ = Room(4);
  const std::vector<int> lanes = Run(400, 4, [&](size_t round, int) {
    // So much in all that the break costs no try. Then nothing, which is no
    // reason for more.
    if (round == 2) valve_.Break();
    return round == 0 ? kRequest : 0;
  });
  EXPECT_EQ(lanes, std::vector<int>({4, 4, 4, 3}));
}

class SharedLimitsTest : public TransferFixture {
 protected:
  static constexpr char kOne[] = "https://a.org/1";
  static constexpr char kOther[] = "https://a.org/2";
  static constexpr char kElsewhere[] = "https://b.org/1";

  SharedLimitsTest() {
    for (const char* url : {kOne, kOther, kElsewhere}) Serve(url, body_);
  }

  Job Start(const std::string& url) {
    return Job({valve_, connections_, space_, clock_},
               dir_.Below(absl::StrCat(started_++)), url);
  }

  const std::string body_ = Body(256);
  Valve valve_{http_};
  ConnectionBudget connections_{{.per_host = 2, .in_all = 3}};
  int started_ = 0;
};

TEST_F(SharedLimitsTest, HoldForAllTransfersTogether) {
  valve_.HoldAnswersUntil(3);
  Job one = Start(kOne);
  Job other = Start(kOther);
  Job elsewhere = Start(kElsewhere);
  valve_.AwaitWaiting(3);
  for (Job* job : {&one, &other, &elsewhere}) job->AwaitLooks();
  // There is room for none beside the first one of each.
  EXPECT_EQ(valve_.waiting(), 3);

  valve_.Open(kOne);
  (void)one.Finish();
  one.ExpectAll(body_);
  // Who takes the one that is free, nobody knows.
  valve_.AwaitWaiting(3);
  for (Job* job : {&other, &elsewhere}) job->AwaitLooks();
  EXPECT_EQ(valve_.waiting(), 3);

  valve_.Open(kElsewhere);
  (void)elsewhere.Finish();
  elsewhere.ExpectAll(body_);
  // Only the host's limit is left.
  valve_.AwaitWaiting(2);
  other.AwaitLooks();
  EXPECT_EQ(valve_.waiting(), 2);

  valve_.Open(kOther);
  (void)other.Finish();
  other.ExpectAll(body_);
  EXPECT_EQ(valve_.most(), 3);
  EXPECT_EQ(valve_.most_to("a.org"), 2);
}

TEST_F(SharedLimitsTest, EachTransferHasOneConnectionAtLeast) {
  Job one = Start(kOne);
  valve_.AwaitWaiting(2);
  one.AwaitLooks();
  EXPECT_EQ(valve_.waiting(), 2);
  Job other = Start(kOther);
  valve_.AwaitWaiting(3);
  Job elsewhere = Start(kElsewhere);
  valve_.AwaitWaiting(4);
  for (Job* job : {&one, &other, &elsewhere}) job->AwaitLooks();
  EXPECT_EQ(valve_.most(), 4);
  EXPECT_EQ(valve_.most_to("a.org"), 3);
  EXPECT_EQ(valve_.most_to("b.org"), 1);
}

}  // namespace
}  // namespace hubd
