// What a caller may do: who is let in, whose code it trusts.
//
// Thread-safe. Calls that concern trust read or write the catalog: never on the
// io thread.

#ifndef HUBD_SERVER_ADMIT_ADMISSION_H_
#define HUBD_SERVER_ADMIT_ADMISSION_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/base/caller.h"
#include "server/base/clock.h"
#include "server/base/repo.h"
#include "server/store/catalog.h"

namespace hubd {

class Admission {
 public:
  struct Options {
    bool system_mode = false;
    // The daemon's own uid: the only one that a user daemon serves, with root.
    uid_t uid = 0;
  };

  struct Trust {
    // By an entry for this hub_dir, by the caller's general one, or, of a
    // system daemon, by root's general one.
    bool trusted = false;
    // An entry for exactly this hub_dir is there.
    bool trusted_here = false;
  };

  // `catalog` and `clock` must outlive it.
  Admission(Options options, Catalog& catalog, const Clock& clock);

  // NOT_YOURS for a user whom a user daemon does not serve. Cheap.
  absl::Status AdmitCaller(const Caller& caller) const;

  // Whether all is theirs to decide: root, and of a user daemon its own user.
  bool IsAdministrator(const Caller& caller) const;

  // NOT_YOURS where what one user's cache has would be everybody's.
  absl::Status AdmitImport() const;

  // NOT_YOURS where what goes would be other users', too.
  absl::Status AdmitPrune(const Caller& caller) const;

  absl::StatusOr<Trust> CheckTrust(const Caller& caller, const RepoId& repo,
                                   const std::string& hub_dir) const;

  // OK, or REPO_NOT_TRUSTED with the command that adds the trust.
  absl::Status RequireTrust(const Caller& caller, const RepoId& repo,
                            const std::string& hub_dir) const;

  // The entry, and whether it was added. hub_dir is an absolute path or empty.
  absl::StatusOr<std::pair<TrustEntry, bool>> AddTrust(
      const Caller& caller, const RepoId& repo, const std::string& hub_dir);

  // How many entries went.
  absl::StatusOr<int> RemoveTrust(const Caller& caller, const RepoId& repo,
                                  const std::string& hub_dir, bool everywhere);

  absl::StatusOr<Page<TrustEntry>> ListTrust(const Caller& caller,
                                             const std::string& hub_dir,
                                             int page_size,
                                             const std::string& token) const;

 private:
  const Options options_;
  Catalog& catalog_;
  const Clock& clock_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_ADMIT_ADMISSION_H_
