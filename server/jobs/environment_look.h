// Looks at environments on disks that may not answer.

#ifndef HUBD_SERVER_JOBS_ENVIRONMENT_LOOK_H_
#define HUBD_SERVER_JOBS_ENVIRONMENT_LOOK_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "hubd/v1/hub.pb.h"
#include "server/jobs/environment.h"

namespace hubd {

// A home directory may be a mount whose server is gone: whoever looks at it
// waits without end. So the first look at an interpreter has a thread of its
// own, which is left behind when it takes too long, even by the end of the
// process. So has every later one, which costs more than the rest of a cached
// answer, unless the first has shown that local disks hold it all; that is
// taken to stay so.
// Thread-safe.
class EnvironmentLook {
 public:
  struct Options {
    // How long a look is waited for.
    absl::Duration patience = absl::Seconds(3);
    std::function<std::optional<std::string>(const v1::Interpreter&)> look =
        EnvironmentId;
    // The same without waiting; nullopt: `look` has to say.
    std::function<std::optional<std::string>(const v1::Interpreter&)>
        look_in_memory = EnvironmentIdInMemory;
    // Whether the paths that `look` looks at are sure to answer. Asked on the
    // thread of a look that has ended.
    std::function<bool(const v1::Interpreter&)> is_local = IsOnLocalDisks;
  };

  explicit EnvironmentLook(Options options);

  // What `look` says; nullopt where it does not say so in time, and at once as
  // long as one that was late has not ended.
  std::optional<std::string> IdOf(const v1::Interpreter& interpreter) const;

  // The same of what is on local disks, as far as memory says it; nullopt: ask
  // IdOf. Waits for nobody.
  std::optional<std::string> IdInMemory(
      const v1::Interpreter& interpreter) const;

 private:
  struct Shared;
  const Options options_;
  // Shared with the threads, which may outlive this.
  const std::shared_ptr<Shared> shared_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_JOBS_ENVIRONMENT_LOOK_H_
