#include "tests/server/net/test_server.h"

#include <stdlib.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/status.h"

namespace hubd {

TestServer::TestServer(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv = {"/usr/bin/python3",
                                   "tests/server/net/testcases/http_server.py"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  auto child = ChildProcess::Spawn(argv);
  HUBD_CHECK(child.ok());
  child_ = *std::move(child);
  auto line = child_->ReadLine();
  HUBD_CHECK(line.ok() && absl::SimpleAtoi(*line, &port_));
}

std::string TestServer::address() const {
  return absl::StrCat("127.0.0.1:", port_);
}

std::string TestServer::Url(absl::string_view path) const {
  return absl::StrCat("http://", address(), path);
}

TestCertificate MakeCertificate() {
  const std::string directory = MakeTempDirectory();
  TestCertificate made = {directory + "/certificate.pem",
                          directory + "/key.pem"};
  auto code =
      RunProgram({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                  "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                  "-subj", "/CN=hub.example", "-addext",
                  "subjectAltName=DNS:hub.example,IP:127.0.0.1", "-keyout",
                  made.key_file, "-out", made.certificate_file});
  HUBD_CHECK(code.ok() && *code == 0);
  return made;
}

std::string MakeTempDirectory() {
  std::string path = testing::TempDir() + "/net.XXXXXX";
  HUBD_CHECK(mkdtemp(path.data()) != nullptr);
  return path;
}

UrlPolicy MakePolicy(const UrlPolicy::Options& options) {
  auto policy = UrlPolicy::Create(options);
  HUBD_CHECK(policy.ok());
  return *std::move(policy);
}

absl::Status RecordingHandler::OnResponse(const HttpResponse& got) {
  ++responses;
  response = got;
  return on_response();
}

absl::Status RecordingHandler::OnBody(absl::string_view bytes) {
  body.append(bytes.data(), bytes.size());
  return on_body();
}

std::string MetadataValue(const absl::Status& status, const std::string& key) {
  return MetadataOf(status)[key];
}

}  // namespace hubd
