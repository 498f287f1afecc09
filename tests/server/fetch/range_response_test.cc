#include "server/fetch/range_response.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace hubd {
namespace {

HttpResponse Response(std::map<std::string, std::string> headers,
                      int64_t length = -1) {
  HttpResponse response;
  response.status = 206;
  response.headers = std::move(headers);
  response.content_length = length;
  return response;
}

TEST(ValidatorTest, IsAStrongEtagOrAnOldDate) {
  constexpr char kChanged[] = "Sat, 28 Nov 2026 20:00:00 GMT";
  const struct {
    std::map<std::string, std::string> headers;
    std::string validator;
  } kCases[] = {
      {{}, ""},
      {{{"etag", "\"e\""}}, "\"e\""},
      {{{"etag", "W/\"e\""}}, ""},
      {{{"etag", "e"}}, ""},
      {{{"etag", "\"" + std::string(2000, 'x') + "\""}}, ""},
      {{{"last-modified", kChanged}, {"date", kChanged}}, ""},
      {{{"last-modified", kChanged}}, ""},
      {{{"last-modified", kChanged}, {"date", "Sat, 28 Nov 2026 20:01:00 GMT"}},
       kChanged},
      // A weak one says that there is nothing better.
      {{{"etag", "W/\"e\""},
        {"last-modified", kChanged},
        {"date", "Sat, 28 Nov 2026 20:01:00 GMT"}},
       ""},
      {{{"last-modified", "long ago"}, {"date", kChanged}}, ""},
  };
  for (const auto& [headers, validator] : kCases) {
    EXPECT_EQ(ValidatorOf(Response(headers)), validator);
  }
}

TEST(ValidatorTest, IsComparedWithItsOwnHeader) {
  const HttpResponse response =
      Response({{"etag", "\"e\""}, {"last-modified", "then"}});
  EXPECT_TRUE(HasValidator(response, "\"e\""));
  EXPECT_FALSE(HasValidator(response, "\"f\""));
  EXPECT_TRUE(HasValidator(response, "then"));
  EXPECT_FALSE(HasValidator(response, "now"));
}

TEST(ContentRangeTest, TakesWhatCanBe) {
  const struct {
    std::string header;
    int64_t length;
    std::optional<ContentRange> range;
  } kCases[] = {
      {"bytes 0-4/5", -1, ContentRange{{0, 5}, 5}},
      {"bytes 2-3/5", 2, ContentRange{{2, 4}, 5}},
      {"bytes 2-3/5", 3, std::nullopt},
      {"bytes 2-5/5", -1, std::nullopt},
      {"bytes 3-2/5", -1, std::nullopt},
      {"bytes 2-3/*", -1, std::nullopt},
      {"bytes */5", -1, std::nullopt},
      {"bytes -2-3/5", -1, std::nullopt},
      {"bytes +2-3/5", -1, std::nullopt},
      {"bytes 2- 3/5", -1, std::nullopt},
      {"bytes 2-3/5/6", -1, std::nullopt},
      {"bytes 0-99999999999999999999/99999999999999999999", -1, std::nullopt},
      {"items 0-4/5", -1, std::nullopt},
      {"bytes=0-4/5", -1, std::nullopt},
      {"", -1, std::nullopt},
  };
  for (const auto& [header, length, range] : kCases) {
    EXPECT_EQ(ContentRangeOf(Response({{"content-range", header}}, length)),
              range)
        << header;
  }
}

TEST(ContentRangeTest, EncodedBytesAreNone) {
  EXPECT_EQ(ContentRangeOf(Response({{"content-range", "bytes 0-4/5"},
                                     {"content-encoding", "br"}})),
            std::nullopt);
  EXPECT_TRUE(ContentRangeOf(Response({{"content-range", "bytes 0-4/5"},
                                       {"content-encoding", "Identity"}}))
                  .has_value());
}

HttpResponse Status(int status) {
  HttpResponse response;
  response.status = status;
  return response;
}

TEST(RefusesRangeTest, TellsARefusalFromWhatMayPass) {
  for (const int status : {400, 412, 416, 501}) {
    EXPECT_TRUE(RefusesRange(Status(status))) << status;
  }
  for (const int status : {403, 405, 408, 421, 425}) {
    EXPECT_FALSE(RefusesRange(Status(status))) << status;
    EXPECT_TRUE(MayRefuseRange(Status(status))) << status;
  }
}

TEST(RefusesRangeTest, TellsARefusalFromAnAbsence) {
  for (const int status : {200, 206, 304, 401, 404, 410, 429, 500, 503}) {
    EXPECT_FALSE(RefusesRange(Status(status))) << status;
    EXPECT_FALSE(MayRefuseRange(Status(status))) << status;
  }
}

TEST(ContentTypeTest, IsBounded) {
  EXPECT_EQ(ContentTypeOf(Response({{"content-type", "a/b"}})), "a/b");
  EXPECT_EQ(ContentTypeOf(Response({{"content-type", std::string(5000, 'x')}}))
                .size(),
            1024u);
}

}  // namespace
}  // namespace hubd
