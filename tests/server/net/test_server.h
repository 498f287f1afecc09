// The server of testcases/http_server.py and what tests of net share.

#ifndef HUBD_TESTS_SERVER_NET_TEST_SERVER_H_
#define HUBD_TESTS_SERVER_NET_TEST_SERVER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/net/http_transport.h"
#include "server/net/url_policy.h"
#include "tests/testing/child_process.h"

namespace hubd {

// One running server; ends with the object.
class TestServer {
 public:
  // `arguments` as the script takes them. Fails the test where it cannot start.
  explicit TestServer(const std::vector<std::string>& arguments = {});

  int port() const { return port_; }
  // "127.0.0.1:PORT".
  std::string address() const;
  // "http://127.0.0.1:PORT" and the path.
  std::string Url(absl::string_view path) const;

 private:
  std::unique_ptr<ChildProcess> child_;
  int port_ = 0;
};

// A certificate for hub.example that is its own authority.
struct TestCertificate {
  std::string certificate_file;
  std::string key_file;
};
TestCertificate MakeCertificate();

// A fresh directory.
std::string MakeTempDirectory();

// A policy; REQUIRES valid options.
UrlPolicy MakePolicy(const UrlPolicy::Options& options = {});

// Remembers what it gets. `on_response` and `on_body` say how it goes on.
struct RecordingHandler final : HttpHandler {
  absl::Status OnResponse(const HttpResponse& got) override;
  absl::Status OnBody(absl::string_view bytes) override;

  int responses = 0;
  HttpResponse response;
  std::string body;
  std::function<absl::Status()> on_response = [] { return absl::OkStatus(); };
  std::function<absl::Status()> on_body = [] { return absl::OkStatus(); };
};

// The metadata `key` of a status; empty where there is none.
std::string MetadataValue(const absl::Status& status, const std::string& key);

}  // namespace hubd

#endif  // HUBD_TESTS_SERVER_NET_TEST_SERVER_H_
