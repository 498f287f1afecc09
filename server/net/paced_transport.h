// HTTP within the limits of bandwidth, for one caller.

#ifndef HUBD_SERVER_NET_PACED_TRANSPORT_H_
#define HUBD_SERVER_NET_PACED_TRANSPORT_H_

#include <cstdint>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "server/base/caller_environment.h"
#include "server/net/bandwidth.h"
#include "server/net/http_transport.h"

namespace hubd {

// Another transport, whose bodies come no faster than the limits of the daemon,
// of the URL's host (whatever hosts it redirects to) and of a job allow, and
// whose requests go by a caller's network. Thread-safe.
class PacedTransport final : public HttpTransport {
 public:
  // For what is nobody's job.
  static constexpr int64_t kNoJob = 0;

  // Both must outlive it. `network`: of its requests; null: they keep theirs.
  PacedTransport(HttpTransport& http, Bandwidth& bandwidth, int64_t job,
                 LentEnvironment network = nullptr)
      : http_(http),
        bandwidth_(bandwidth),
        job_(job),
        network_(std::move(network)) {}

  absl::Status Fetch(const HttpRequest& request, HttpHandler& handler,
                     std::stop_token stop) override;

 private:
  HttpTransport& http_;
  Bandwidth& bandwidth_;
  const int64_t job_;
  const LentEnvironment network_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_NET_PACED_TRANSPORT_H_
