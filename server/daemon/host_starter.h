// How a daemon comes by worker hosts.

#ifndef HUBD_SERVER_DAEMON_HOST_STARTER_H_
#define HUBD_SERVER_DAEMON_HOST_STARTER_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "server/base/io_thread.h"
#include "server/jobs/job_queue.h"

namespace hubd {

// For a user daemon: starts `hubd worker-host` as a child, one at a time, and
// reaps it. Asked again while the child lives, it starts another when that one
// has ended: who asks has no host, so the child is on its way in or out. How
// the child ended is said with the place of its log. What a child that was
// killed leaves behind, sandboxes that it was about to make, comes to this
// process and is killed, too; other children are only collected.
//
// Confined to the io thread, or used when that has stopped. Destruction kills
// the child.
class UserHostStarter final : public HostStarter {
 public:
  struct Options {
    // The program of the host, usually this one: "/proc/self/exe".
    std::string program;
    // What the child's stderr is appended to; empty: this process's stderr.
    std::string log_file;
  };

  // `io` must outlive it.
  UserHostStarter(Options options, IoThread& io);
  ~UserHostStarter() override;

  // Where hosts find the daemon. Thread-safe.
  void SetSocket(const std::string& path);

  absl::Status StartHost(uid_t uid, EndedFn ended) override;
  void KillHost(uid_t uid) override;

 private:
  class Impl;
  const std::shared_ptr<Impl> impl_;
};

// For a system daemon, which cannot become its users: always says so.
class SystemHostStarter final : public HostStarter {
 public:
  absl::Status StartHost(uid_t uid, EndedFn ended) override;
  void KillHost(uid_t) override {}
};

}  // namespace hubd

#endif  // HUBD_SERVER_DAEMON_HOST_STARTER_H_
