// IP addresses as text, and hosts that are ones.

#ifndef HUBD_SERVER_NET_IP_ADDRESS_H_
#define HUBD_SERVER_NET_IP_ADDRESS_H_

#include <netdb.h>
#include <sys/socket.h>

#include <memory>
#include <string>

namespace hubd {

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

// The address that a host stands for without DNS: a number in any of the forms
// that inet_aton takes, or localhost. Null for any other name.
Addresses NumericAddress(std::string host, int port);

// "192.0.2.1" or "2001:db8::1"; empty where it is of another family. `address`:
// as long as its family says.
std::string IpText(const sockaddr& address);

// Whether a host that stands for an address is on the public internet
// (UrlPolicy::IsPublic). Any other name counts as public: the rule for what
// follows is stricter.
bool IsPublicHost(const std::string& host);

}  // namespace hubd

#endif  // HUBD_SERVER_NET_IP_ADDRESS_H_
