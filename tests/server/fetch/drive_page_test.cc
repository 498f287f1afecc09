#include "server/fetch/drive_page.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/status.h"

namespace hubd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kUrl[] = "https://drive.google.com/uc?export=download&id=abc";

HttpResponse Page(const std::string& at = kUrl) {
  HttpResponse response;
  response.status = 200;
  response.headers["content-type"] = "text/html; charset=utf-8";
  response.effective_url = at;
  return response;
}

// All pages have it.
constexpr char kStyle[] =
    "<style nonce=\"n\">.goog-link-button{color:#15c}.uc-error-caption,"
    ".uc-warning-caption{color:#222;font-size:16px}#download-form{margin:0}"
    "</style>";

TEST(DrivePageTest, SaysWhatThePageIs) {
  const struct {
    const char* at;
    const char* body;
    Reason reason;
    const char* words;
  } kCases[] = {
      {"https://drive.usercontent.google.com/download?id=abc",
       "<title>Google Drive - Virus scan warning</title>",
       Reason::kUpstreamUnavailable, "too large for its virus scan"},
      {kUrl, "<p class=\"uc-warning-caption\">Kann nicht",
       Reason::kUpstreamUnavailable, "export=download&confirm=t"},
      {kUrl, "<form id=\"download-form\" action=", Reason::kUpstreamUnavailable,
       "too large for its virus scan"},
      {kUrl, "<title>Google Drive - Quota exceeded</title>",
       Reason::kUpstreamUnavailable, "try again in a day"},
      {kUrl, "<p class=\"uc-error-caption\">", Reason::kUpstreamUnavailable,
       "try again in a day"},
      {"https://accounts.google.com/v3/signin/identifier", "<html>",
       Reason::kUpstreamForbidden, "asks for a sign-in"},
      {"https://drive.google.com/file/d/abc/view", "<html>",
       Reason::kUpstreamUnavailable, "shows the file to people"},
      {kUrl, "", Reason::kUpstreamUnavailable, "shows the file to people"},
  };
  for (const auto& c : kCases) {
    const absl::Status status =
        CheckDrivePage(kUrl, Page(c.at), absl::StrCat(kStyle, c.body));
    EXPECT_EQ(ReasonOf(status), c.reason) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.words));
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("https://drive.google.com/uc: Google Drive"));
    // The link's secret.
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("abc")));
    EXPECT_EQ(MetadataOf(status)["cause"], "page");
  }
}

TEST(DrivePageTest, FilesAndOtherHostsAreNone) {
  EXPECT_TRUE(CheckDrivePage("https://example.org/m", Page(), "<html>").ok());
  EXPECT_TRUE(
      CheckDrivePage("https://drive.google.com.evil.org/m", Page(), "").ok());
  // What is a page, and wanted as one.
  EXPECT_TRUE(CheckDrivePage("https://docs.google.com/document/d/abc/pub",
                             Page(), kStyle)
                  .ok());
  EXPECT_FALSE(
      CheckDrivePage("https://docs.google.com/uc?id=abc", Page(), "").ok());
  HttpResponse response = Page();
  response.headers["content-disposition"] = "attachment; filename=\"a.html\"";
  EXPECT_TRUE(CheckDrivePage(kUrl, response, "<html>").ok());
  response = Page();
  response.headers["content-type"] = "application/octet-stream";
  EXPECT_TRUE(CheckDrivePage(kUrl, response, "<html>").ok());
  response.headers.clear();
  EXPECT_TRUE(CheckDrivePage(kUrl, response, "<html>").ok());
}

}  // namespace
}  // namespace hubd
