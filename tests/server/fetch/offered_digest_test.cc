#include "server/fetch/offered_digest.h"

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/digest.h"

namespace hubd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using Headers = std::map<std::string, std::string>;

constexpr char kUrl[] = "https://models.example.org/m.bin?token=secret";
constexpr char kElsewhere[] = "https://cdn.example.org/blob";

const std::string& Hex() {
  static const auto& hex = *new std::string(Sha256Hex("weights"));
  return hex;
}

std::string Base64(const std::string& hex = Hex()) {
  return absl::Base64Escape(absl::HexStringToBytes(hex));
}

std::string Sequence(const std::string& hex = Hex()) {
  return absl::StrCat(":", Base64(hex), ":");
}

HttpResponse Response(Headers headers, int status = 200) {
  HttpResponse response;
  response.status = status;
  response.headers = std::move(headers);
  response.effective_url = kUrl;
  return response;
}

// Of the host that was asked; empty: none.
std::string Offered(const HttpResponse& response) {
  const Offer offer = OfferOf(kUrl, response);
  EXPECT_EQ(offer.warning, "");
  return offer.digest ? offer.digest->sha256 : "";
}

TEST(OfferedDigestTest, ReadsReprDigest) {
  const std::string good[] = {
      absl::StrCat("sha-256=", Sequence()),
      absl::StrCat(" sha-256=", Sequence(), " "),
      absl::StrCat("sha-256=", Sequence(), ";a=1;b"),
      absl::StrCat("md5=:AAAA:,\tsha-256=", Sequence(), " , x.y-z=::"),
      absl::StrCat("sha-256=", Sequence(Sha256Hex("old")),
                   ",sha-256=", Sequence()),
  };
  for (const std::string& header : good) {
    // A range has the digest of the whole, too.
    for (const int status : {200, 206}) {
      EXPECT_EQ(Offered(Response({{"repr-digest", header}}, status)), Hex())
          << header;
    }
  }
  const std::string bad[] = {
      "",
      "sha-256",
      "sha-256=",
      "sha-256=:",
      "sha-256=::",
      "sha-256=:AAAA:",
      absl::StrCat("sha-512=", Sequence()),
      absl::StrCat("SHA-256=", Sequence()),
      absl::StrCat("sha-256=", Base64()),
      absl::StrCat("sha-256=\"", Base64(), "\""),
      absl::StrCat("sha-256= ", Sequence()),
      absl::StrCat("sha-256=", Sequence(), "x"),
      absl::StrCat("sha-256=", Sequence(), ","),
      absl::StrCat("sha-256=", Sequence(), ", md5=AAAA"),
      absl::StrCat("sha-256=:", Base64().substr(0, 43), ":"),
      absl::StrCat("sha-256=:", Base64(), "=:"),
      absl::StrCat("sha-256=: ", Base64(), ":"),
      absl::StrCat("sha-256=:", Base64(Hex() + "00"), ":"),
  };
  for (const std::string& header : bad) {
    EXPECT_EQ(Offered(Response({{"repr-digest", header}})), "") << header;
  }
}

TEST(OfferedDigestTest, TakesS3sChecksumOfAWholeObjectOnly) {
  const std::string name = "x-amz-checksum-sha256";
  EXPECT_EQ(Offered(Response({{name, Base64()}})), Hex());
  EXPECT_EQ(Offered(Response(
                {{name, Base64()}, {"x-amz-checksum-type", "FULL_OBJECT"}})),
            Hex());
  const Headers bad[] = {
      {{name, Base64() + "-3"}},
      {{name, Hex()}},
      {{name, Sequence()}},
      {{name, Base64()}, {"x-amz-checksum-type", "COMPOSITE"}},
      {{name, Base64()}, {"x-amz-mp-parts-count", "3"}},
  };
  for (const Headers& headers : bad) EXPECT_EQ(Offered(Response(headers)), "");
}

// A range is asked for first, which may be all of it.
TEST(OfferedDigestTest, OfARangeS3sChecksumIsTakenWhereItIsAll) {
  const std::pair<const char*, bool> cases[] = {
      {"bytes 0-6/7", true},  {"bytes 0-5/7", false}, {"bytes 1-6/7", false},
      {"bytes 0-6/*", false}, {"bytes 0-7/7", false}, {"", false},
  };
  for (const auto& [range, is_all] : cases) {
    HttpResponse response = Response(
        {{"x-amz-checksum-sha256", Base64()}, {"content-range", range}}, 206);
    EXPECT_EQ(Offered(response), is_all ? Hex() : "") << range;
  }
  EXPECT_EQ(Offered(Response({{"x-amz-checksum-sha256", Base64()}}, 206)), "");
}

Headers Linked(const std::string& etag) {
  return {{"x-linked-etag", etag}, {"x-linked-size", "7"}};
}

TEST(OfferedDigestTest, ReadsHuggingFacesEtag) {
  EXPECT_EQ(Offered(Response(Linked(absl::StrCat("\"", Hex(), "\"")))), Hex());
  EXPECT_EQ(Offered(Response(Linked(
                absl::StrCat("\"", absl::AsciiStrToUpper(Hex()), "\"")))),
            Hex());
  for (const std::string& etag : {Hex(), absl::StrCat("W/\"", Hex(), "\""),
                                  absl::StrCat("\"", Hex().substr(0, 40), "\""),
                                  absl::StrCat("\"", Hex().substr(1), "g\""),
                                  std::string("\""), std::string()}) {
    EXPECT_EQ(Offered(Response(Linked(etag))), "") << etag;
  }
  Headers no_size = Linked(absl::StrCat("\"", Hex(), "\""));
  no_size.erase("x-linked-size");
  EXPECT_EQ(Offered(Response(no_size)), "");
}

TEST(OfferedDigestTest, BelievesTheAskedHostAloneWhatItLinksTo) {
  const Headers linked = Linked(absl::StrCat("\"", Hex(), "\""));
  HttpResponse response = Response({});
  response.effective_url = kElsewhere;
  response.redirect_headers = linked;
  EXPECT_EQ(OfferOf(kUrl, response).digest,
            (OfferedDigest{Hex(), "x-linked-etag of models.example.org"}));
  // Nothing protects what http says.
  EXPECT_EQ(OfferOf("http://models.example.org/m.bin", response).digest,
            std::nullopt);
  std::swap(response.headers, response.redirect_headers);
  EXPECT_EQ(Offered(response), "");
}

TEST(OfferedDigestTest, AStorageCannotGainsayTheAskedHost) {
  const std::string other = Sha256Hex("other");
  HttpResponse response =
      Response({{"repr-digest", "sha-256=" + Sequence(other)},
                {"x-amz-checksum-sha256", Base64(other)}});
  response.effective_url = kElsewhere;
  response.redirect_headers = Linked(absl::StrCat("\"", Hex(), "\""));
  EXPECT_EQ(Offered(response), Hex());
  response.headers["content-encoding"] = "gzip";
  EXPECT_EQ(Offered(response), Hex());
  response.headers.erase("content-encoding");
  // Where that host says nothing, the storage's word is one.
  response.redirect_headers.clear();
  EXPECT_EQ(Offered(response), other);
}

TEST(OfferedDigestTest, SaysWhoOffersIt) {
  HttpResponse response =
      Response({{"repr-digest", absl::StrCat("sha-256=", Sequence())}});
  response.effective_url = kElsewhere;
  EXPECT_EQ(OfferOf(kUrl, response).digest->by,
            "Repr-Digest of cdn.example.org");
}

TEST(OfferedDigestTest, OfAnEncodedBodyNothingIsKnown) {
  Headers headers = {{"repr-digest", absl::StrCat("sha-256=", Sequence())},
                     {"content-encoding", "gzip"}};
  EXPECT_EQ(Offered(Response(headers)), "");
  headers["content-encoding"] = "Identity";
  EXPECT_EQ(Offered(Response(headers)), Hex());
}

TEST(OfferedDigestTest, OfTwoThatContradictEachOtherNoneIsTaken) {
  Headers headers = Linked(absl::StrCat("\"", Hex(), "\""));
  headers["repr-digest"] = absl::StrCat("sha-256=", Sequence());
  headers["x-amz-checksum-sha256"] = Base64();
  EXPECT_EQ(Offered(Response(headers)), Hex());
  const std::string other = Sha256Hex("other");
  headers["x-amz-checksum-sha256"] = Base64(other);
  const Offer offer = OfferOf(kUrl, Response(headers));
  EXPECT_EQ(offer.digest, std::nullopt);
  EXPECT_THAT(offer.warning,
              AllOf(HasSubstr(Hex()), HasSubstr(other),
                    HasSubstr("x-linked-etag of models.example.org"),
                    HasSubstr("x-amz-checksum-sha256 of models.example.org"),
                    Not(HasSubstr("secret"))));
}

}  // namespace
}  // namespace hubd
