#include "server/net/ip_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "absl/strings/match.h"
#include "server/net/url_policy.h"

namespace hubd {

Addresses NumericAddress(std::string host, int port) {
  if (absl::EndsWith(host, ".")) host.pop_back();
  if (host == "localhost" || absl::EndsWith(host, ".localhost")) {
    host = "127.0.0.1";
  }
  addrinfo hints = {};
  hints.ai_flags = AI_NUMERICHOST;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list) !=
      0) {
    return nullptr;
  }
  return Addresses(list);
}

std::string IpText(const sockaddr& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  } else if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
  }
  return text;
}

bool IsPublicHost(const std::string& host) {
  const Addresses address = NumericAddress(host, /*port=*/0);
  return address == nullptr || UrlPolicy::IsPublic(*address->ai_addr);
}

}  // namespace hubd
