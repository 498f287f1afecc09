#include "server/net/url_identity.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "server/base/digest.h"
#include "server/base/status.h"

namespace hubd {
namespace {

struct Case {
  std::string url;
  std::string identity;
};

TEST(UrlIdentityTest, LeavesOutWhatASignatureAdds) {
  const Case cases[] = {
      // S3, version 4.
      {"https://b.s3.amazonaws.com/m.bin?X-Amz-Algorithm=AWS4-HMAC-SHA256&"
       "X-Amz-Credential=AK%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&"
       "X-Amz-Date=20260101T000000Z&X-Amz-Expires=3600&"
       "X-Amz-SignedHeaders=host&X-Amz-Security-Token=t&X-Amz-Signature=abc",
       "https://b.s3.amazonaws.com/m.bin"},
      // What chooses the bytes stays, in its order.
      {"https://h/m?versionId=1&X-Amz-Signature=a&partNumber=2&"
       "response-content-encoding=gzip&x-id=GetObject",
       "https://h/m?versionId=1&partNumber=2&response-content-encoding=gzip&"
       "x-id=GetObject"},
      // A service may take the names in any case.
      {"https://h/m?x-amz-signature=a&x-amz-date=b", "https://h/m"},
      // S3, version 2.
      {"https://h/m?AWSAccessKeyId=AK&Expires=1&Signature=s%3D&versionId=7",
       "https://h/m?versionId=7"},
      // Google Cloud Storage.
      {"https://storage.googleapis.com/b/m?X-Goog-Algorithm=GOOG4-RSA-SHA256&"
       "X-Goog-Credential=c&X-Goog-Date=d&X-Goog-Expires=900&"
       "X-Goog-SignedHeaders=host&X-Goog-Signature=f&generation=3",
       "https://storage.googleapis.com/b/m?generation=3"},
      {"https://storage.googleapis.com/b/m?GoogleAccessId=a&Expires=1&"
       "Signature=s",
       "https://storage.googleapis.com/b/m"},
      // OSS. x-oss-process makes other bytes.
      {"https://b.oss-cn-beijing.aliyuncs.com/m?OSSAccessKeyId=a&Expires=1&"
       "Signature=s&security-token=t&x-oss-process=image%2Fresize",
       "https://b.oss-cn-beijing.aliyuncs.com/m?x-oss-process=image%2Fresize"},
      {"https://b.oss-cn-beijing.aliyuncs.com/m?"
       "x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential=c&"
       "x-oss-date=d&x-oss-expires=60&x-oss-signature=s",
       "https://b.oss-cn-beijing.aliyuncs.com/m"},
      {"https://b.oss-cn-beijing.aliyuncs.com/m?x-oss-signature-version=OSS2&"
       "x-oss-expires=1&x-oss-access-key-id=a&security-token=t&"
       "x-oss-additional-headers=host&x-oss-signature=s&versionId=7",
       "https://b.oss-cn-beijing.aliyuncs.com/m?versionId=7"},
      // CloudFront.
      {"https://d.cloudfront.net/m?Expires=1&Signature=s&Key-Pair-Id=k&v=2",
       "https://d.cloudfront.net/m?v=2"},
      {"https://d.cloudfront.net/m?Policy=p&Signature=s&Key-Pair-Id=k",
       "https://d.cloudfront.net/m"},
      // Azure.
      {"https://a.blob.core.windows.net/c/m?sv=2024-11-04&st=1&se=2&sr=b&sp=r&"
       "sig=s%3D&snapshot=5",
       "https://a.blob.core.windows.net/c/m?snapshot=5"},
      {"https://a.blob.core.windows.net/c/m?sv=2024-11-04&si=policy&sr=b&sig=s",
       "https://a.blob.core.windows.net/c/m"},
      // COS, OBS, Google Cloud CDN.
      {"https://b.cos.ap-beijing.myqcloud.com/m?q-sign-algorithm=sha1&q-ak=a&"
       "q-sign-time=1%3B2&q-key-time=1%3B2&q-header-list=host&"
       "q-url-param-list=&q-signature=s&x-cos-security-token=t&versionId=7",
       "https://b.cos.ap-beijing.myqcloud.com/m?versionId=7"},
      {"https://b.obs.cn-north-4.myhuaweicloud.com/m?AccessKeyId=a&Expires=1&"
       "Signature=s&x-obs-security-token=t",
       "https://b.obs.cn-north-4.myhuaweicloud.com/m"},
      {"https://cdn.example.org/m?URLPrefix=p&Expires=1&KeyName=k&Signature=s",
       "https://cdn.example.org/m"},
      // The fragment is no part of the query.
      {"https://h/m?X-Amz-Signature=a#x", "https://h/m#x"},
      // Given twice.
      {"https://h/m?X-Amz-Signature=a&X-Amz-Signature=b", "https://h/m"},
      {"https://h/m?X-Amz-Signature", "https://h/m"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(UrlIdentity(c.url), c.identity);
    EXPECT_EQ(UrlIdentity(c.identity), c.identity);
    EXPECT_TRUE(IsSignedUrl(c.url)) << c.url;
    EXPECT_FALSE(IsSignedUrl(c.identity)) << c.url;
  }
}

TEST(UrlIdentityTest, LeavesAllOthersAsTheyAre) {
  for (const std::string url : {
           "",
           "?",
           "https://h/m",
           "https://h/m?",
           "https://h/m?&&",
           "https://h/m?id=1&Expires=5&Signature=of-something-else",
           "https://h/m?X-Amz-Date=1&X-Amz-Credential=2",
           "https://h/m?sig=1&sv=2",
           "https://h/m?sp=1&se=2",
           "https://h/m?q=X-Amz-Signature=1",
           "https://h/X-Amz-Signature=1",
           "https://h/m#?X-Amz-Signature=1",
           "https://h/m?tokens=1&key=2",
           "https://h/m?token",
           "https://h/m?token=",
           "https://h/m?keyname=a&signature=b",
           "https://h/m?accesskeyid=a&signature=b",
       }) {
    EXPECT_EQ(UrlIdentity(url), url);
    EXPECT_FALSE(IsSignedUrl(url)) << url;
  }
}

TEST(UrlIdentityTest, ADigestStandsForAToken) {
  const auto digest = [](const std::string& token) {
    return absl::StrCat("sha256-", Sha256Hex(token));
  };
  const std::string url = "https://h/m?id=1&token=one&v=2#x";
  const std::string identity = UrlIdentity(url);
  EXPECT_EQ(identity,
            absl::StrCat("https://h/m?id=1&token=", digest("one"), "&v=2#x"));
  EXPECT_EQ(UrlIdentity(identity), identity);
  EXPECT_NE(UrlIdentity("https://h/m?id=1&token=two&v=2#x"), identity);
  EXPECT_FALSE(IsSignedUrl(url));
  for (const std::string name : {"access_token", "API_key", "apikey",
                                 "auth_token", "job_token", "Private_Token"}) {
    const std::string before = absl::StrCat("https://h/m?", name, "=");
    EXPECT_EQ(UrlIdentity(absl::StrCat(before, "a=b")),
              absl::StrCat(before, digest("a=b")));
  }
  // Of a URL that is signed, too.
  EXPECT_EQ(UrlIdentity("https://h/m?X-Amz-Signature=a&token=t"),
            absl::StrCat("https://h/m?token=", digest("t")));
}

TEST(UrlIdentityTest, ARefusalMayBeTheSignatures) {
  const auto failed = [](Reason reason, const std::string& http_status) {
    return MayDependOnSignature(
        ReasonError(reason, "", {{"http_status", http_status}}));
  };
  EXPECT_TRUE(failed(Reason::kUpstreamForbidden, "403"));
  EXPECT_TRUE(failed(Reason::kCheckpointNotFound, "404"));
  EXPECT_TRUE(failed(Reason::kUpstreamUnavailable, "400"));
  EXPECT_FALSE(failed(Reason::kUpstreamUnavailable, "503"));
  EXPECT_FALSE(failed(Reason::kRateLimited, "429"));
  EXPECT_FALSE(failed(Reason::kRateLimited, "403"));
  EXPECT_FALSE(MayDependOnSignature(
      ReasonError(Reason::kUpstreamForbidden, "the policy")));
  EXPECT_FALSE(MayDependOnSignature(absl::OkStatus()));
}

}  // namespace
}  // namespace hubd
