#include "server/net/curl_netrc.h"

#include <memory>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/fs.h"
#include "server/base/status.h"
#include "server/net/curl_transport.h"
#include "tests/server/net/test_server.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// As the transport uses it, since what matters is which request shows what.
class CurlNetrcTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = std::make_unique<TestServer>(); }
  static void TearDownTestSuite() { server_.reset(); }

  // What the server was asked, and whether a login was shown.
  std::string Ask(const std::string& path, const std::string& netrc_file) {
    HttpRequest request;
    request.url = server_->Url(path);
    request.netrc_file = netrc_file;
    RecordingHandler handler;
    HUBD_CHECK(transport_->Fetch(request, handler, {}).ok());
    return absl::StrCat(handler.body, "\nused: ", handler.response.netrc_used);
  }

  static std::string Netrc(const std::string& text) {
    const std::string file = MakeTempDirectory() + "/netrc";
    HUBD_CHECK(WriteFileDurably(file, text, 0600).ok());
    return file;
  }

  static inline std::unique_ptr<TestServer> server_;
  const std::unique_ptr<HttpTransport> transport_ =
      CreateCurlTransport({}, MakePolicy()).value();
  const std::string netrc_ =
      Netrc("machine 127.0.0.1 login me password secret\n");
  const std::string shown_ =
      absl::StrCat("authorization: Basic ", absl::Base64Escape("me:secret"));
};

TEST_F(CurlNetrcTest, ShowsTheHostItsLogin) {
  const std::string asked = Ask("/echo", netrc_);
  EXPECT_THAT(asked, HasSubstr(shown_));
  EXPECT_THAT(asked, HasSubstr("used: 1"));
}

TEST_F(CurlNetrcTest, ShowsNothingToAHostThatIsNotInIt) {
  for (const std::string& file :
       {Netrc("machine localhost login me password secret\n"),
        Netrc("no netrc at all"), MakeTempDirectory() + "/missing"}) {
    const std::string asked = Ask("/echo", file);
    EXPECT_THAT(asked, Not(HasSubstr("authorization")));
    EXPECT_THAT(asked, HasSubstr("used: 0"));
  }
}

TEST_F(CurlNetrcTest, ShowsNothingToAnotherHostAfterARedirect) {
  const std::string both = Netrc(
      "machine 127.0.0.1 login me password secret\n"
      "machine localhost login me password secret\n");
  const std::string to =
      absl::StrCat("/redirect?to=http://localhost:", server_->port(), "/echo");
  EXPECT_THAT(Ask(to, both), Not(HasSubstr("authorization")));
  EXPECT_THAT(Ask("/redirect?to=/echo", both), HasSubstr(shown_));
}

TEST_F(CurlNetrcTest, ShowsNothingWithTheNextRequest) {
  // On the same connection, which the first line tells.
  const std::string first = Ask("/echo", netrc_);
  const std::string next = Ask("/echo", "");
  EXPECT_EQ(first.substr(0, first.find('\n')), next.substr(0, next.find('\n')));
  EXPECT_THAT(next, Not(HasSubstr("authorization")));
  EXPECT_THAT(next, HasSubstr("used: 0"));
}

}  // namespace
}  // namespace hubd
