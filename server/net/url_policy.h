// Which URLs and addresses the daemon may ask.

#ifndef HUBD_SERVER_NET_URL_POLICY_H_
#define HUBD_SERVER_NET_URL_POLICY_H_

#include <sys/socket.h>

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace hubd {

// The parts of an absolute URL. A value.
struct Url {
  std::string scheme;  // lower case
  std::string host;    // lower case, without brackets
  int port = 0;        // the scheme's where the URL names none
  std::string path;    // with a leading "/", without query and fragment
};

// Parses an http or https URL; INVALID_URL says what is wrong with it (another
// scheme, no host, control bytes, over 8192 bytes, a user name).
absl::StatusOr<Url> ParseUrl(absl::string_view url);

// The URL's host; empty where ParseUrl takes it for none.
std::string HostOf(absl::string_view url);

// Whether both are of the same scheme, host and port; not where one is none
// that ParseUrl takes.
bool SameOrigin(absl::string_view a, absl::string_view b);

// Decides by URL before a request and by address when a socket is opened, since
// only the address tells where a name or an oddly written number leads.
//
//   user mode    http and https, any address that the URL itself means; a
//                redirect may not lead from a public address to a loopback,
//                private or link-local one, nor from https to http.
//   system mode  https only (http with allow_http), public addresses only, on
//                every hop.
//
// Addresses in `allow_address` are always allowed. Thread-safe: constant.
class UrlPolicy {
 public:
  struct Options {
    bool system_mode = false;
    bool allow_http = false;
    // "ADDRESS", "ADDRESS:PORT", "ADDRESS/BITS"; IPv6 with a port in brackets.
    std::vector<std::string> allow_address = {};
  };

  // INVALID_ARGUMENT names the entry of allow_address that is none.
  static absl::StatusOr<UrlPolicy> Create(const Options& options);

  // Checks the URL that a caller asks for. INVALID_URL or URL_NOT_ALLOWED.
  absl::Status CheckUrl(absl::string_view url) const;

  // The same of a RepoId::Url(), which may lead by SSH or to this machine:
  // neither in system mode, whose daemon must lend nobody's keys and files to
  // others. What is allowed goes where git itself would.
  absl::Status CheckRepoUrl(absl::string_view url) const;

  // The same of the URL of a checkpoint: in system mode a signed one (see
  // url_identity.h) is not for all users, and refused.
  absl::Status CheckCheckpointUrl(absl::string_view url) const;

  // Checks where a redirect leads. URL_NOT_ALLOWED.
  absl::Status CheckRedirect(absl::string_view from,
                             absl::string_view to) const;

  // Checks the address of a connection about to be made. `from_public` says
  // that an earlier hop of the same request went to a public address.
  // URL_NOT_ALLOWED names the address. REQUIRES: `address` begins a whole
  // sockaddr of its family.
  absl::Status CheckAddress(const sockaddr& address, bool from_public) const;

  // Whether the address is on the public internet: not loopback, private,
  // link-local, unspecified, multicast, shared (100.64/10), documentation or
  // otherwise reserved, nor an IPv6 form of one of these.
  static bool IsPublic(const sockaddr& address);

 private:
  struct AllowedRange {
    std::string bytes;  // network order, 16 bytes; IPv4 as mapped IPv6
    int bits;
    int port;  // 0: any
  };

  UrlPolicy() = default;

  bool IsAllowed(const sockaddr& address) const;

  bool system_mode_ = false;
  bool allow_http_ = false;
  std::vector<AllowedRange> allowed_;
};

}  // namespace hubd

#endif  // HUBD_SERVER_NET_URL_POLICY_H_
