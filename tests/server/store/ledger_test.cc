#include "server/store/ledger.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "absl/strings/match.h"
#include "tests/server/store/sample_objects.h"

namespace hubd {
namespace {

Ledger SampleLedger() {
  return {"https://h/x?" + kOddText,
          "\"e\xfftag\"",
          25,
          10,
          {{0, 0}, {2, 0xffffffff}}};
}

TEST(LedgerTest, ComesBackWithAllFieldsAndOddBytes) {
  absl::StatusOr<Ledger> decoded = DecodeLedger(EncodeLedger(SampleLedger()));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_TRUE(*decoded == SampleLedger());
}

TEST(LedgerTest, OfNothingYetComesBack) {
  for (int64_t size : {int64_t{0}, INT64_MAX}) {
    const Ledger ledger = {"u", "v", size, INT64_MAX, {}};
    EXPECT_TRUE(*DecodeLedger(EncodeLedger(ledger)) == ledger);
  }
}

TEST(LedgerTest, OfATebibyteIsSmall) {
  Ledger ledger = {"u", "v", int64_t{1} << 40, 16 << 20, {}};
  for (int64_t number = 0; number < 65536; ++number) {
    ledger.parts[number] = 0xfffffff0;
  }
  const std::string json = EncodeLedger(ledger);
  EXPECT_LT(json.size(), 2u << 20);
  EXPECT_TRUE(*DecodeLedger(json) == ledger);
}

TEST(LedgerTest, IsJsonWithTheFieldNamesOfTheProto) {
  const std::string json = EncodeLedger(SampleLedger());
  for (const char* field :
       {"\"size_bytes\": \"25\"", "\"part_size\": \"10\"", "\"2\": 4294967295",
        R"("validator": "\\\"e\\377tag\\\"")"}) {
    EXPECT_TRUE(absl::StrContains(json, field)) << json;
  }
}

TEST(LedgerTest, FieldsOfALaterVersionArePassedOver) {
  absl::StatusOr<Ledger> ledger = DecodeLedger(
      R"({"url": "u", "validator": "v", "part_size": 1, "later": [1]})");
  ASSERT_TRUE(ledger.ok()) << ledger.status();
  EXPECT_TRUE(*ledger == (Ledger{"u", "v", 0, 1, {}}));
}

TEST(LedgerTest, WhatIsNoLedgerIsDataLoss) {
  for (const char* json :
       {"", "garbage", "{}", "[]", R"({"url": "u", "validator")"}) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeLedger(json).status())) << json;
  }
}

TEST(LedgerTest, WhatCannotBeIsDataLoss) {
  for (const auto& [name, ledger] : std::map<std::string, Ledger>{
           {"no validator", {"u", "", 25, 10, {}}},
           {"two headers", {"u", "v\r\nHost: h", 25, 10, {}}},
           {"a cut header", {"u", std::string("v\0", 2), 25, 10, {}}},
           {"a size below none", {"u", "v", -1, 10, {}}},
           {"no part size", {"u", "v", 25, 0, {}}},
           {"a part size below none", {"u", "v", 25, -10, {}}},
           {"a part before the start", {"u", "v", 25, 10, {{-1, 1}}}},
           {"a part beyond the end", {"u", "v", 25, 10, {{3, 1}}}},
           {"a part that begins at the end", {"u", "v", 20, 10, {{2, 1}}}},
           {"a part far beyond", {"u", "v", 25, 10, {{INT64_MAX, 1}}}},
           {"a part of nothing", {"u", "v", 0, 10, {{0, 1}}}}}) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeLedger(EncodeLedger(ledger)).status()))
        << name;
  }
}

TEST(LedgerTest, AChecksumHas32Bits) {
  for (const char* crc : {"4294967296", "-1", "1.5", "\"x\""}) {
    const std::string json = std::string("{\"url\": \"u\", \"validator\": ") +
                             "\"v\", \"size_bytes\": 1, \"part_size\": 1, " +
                             "\"parts\": {\"0\": " + crc + "}}";
    EXPECT_TRUE(absl::IsDataLoss(DecodeLedger(json).status())) << crc;
  }
}

}  // namespace
}  // namespace hubd
