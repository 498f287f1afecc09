#include "server/admit/admission.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "server/base/fs.h"
#include "server/base/status.h"
#include "tests/server/base/temp_dir.h"
#include "tests/testing/fake_clock.h"

namespace hubd {
namespace {

constexpr Caller kAda{1001, 1001, 5};
constexpr Caller kBob{1002, 1002, 6};
constexpr Caller kRoot{0, 0, 7};
const RepoId kRepo{"github.com", "o", "r"};

class AdmissionTest : public testing::Test {
 protected:
  AdmissionTest() {
    HUBD_CHECK(MakeDirectories(layout_.store(), 0700).ok());
    catalog_ = *Catalog::Open(layout_);
  }

  Admission Make(bool system_mode) {
    return Admission({.system_mode = system_mode, .uid = kAda.uid}, *catalog_,
                     clock_);
  }

  TempDir dir_;
  Layout layout_{dir_.path()};
  FakeClock clock_;
  std::unique_ptr<Catalog> catalog_;
};

TEST_F(AdmissionTest, AUserDaemonServesItsUserAndRootOnly) {
  Admission admission = Make(false);
  EXPECT_TRUE(admission.AdmitCaller(kAda).ok());
  EXPECT_TRUE(admission.AdmitCaller(kRoot).ok());
  EXPECT_EQ(ReasonOf(admission.AdmitCaller(kBob)), Reason::kNotYours);
}

TEST_F(AdmissionTest, OnlyAUsersOwnDaemonImports) {
  EXPECT_TRUE(Make(false).AdmitImport().ok());
  EXPECT_EQ(ReasonOf(Make(true).AdmitImport()), Reason::kNotYours);
}

TEST_F(AdmissionTest, WhatIsEverybodysOnlyRootPrunes) {
  EXPECT_TRUE(Make(false).AdmitPrune(kAda).ok());
  EXPECT_TRUE(Make(true).AdmitPrune(kRoot).ok());
  EXPECT_EQ(ReasonOf(Make(true).AdmitPrune(kAda)), Reason::kNotYours);
}

TEST_F(AdmissionTest, ASystemDaemonServesEveryoneWhoIsKnown) {
  Admission admission = Make(true);
  EXPECT_TRUE(admission.AdmitCaller(kBob).ok());
  EXPECT_EQ(ReasonOf(admission.AdmitCaller(Caller{})), Reason::kNotYours);
}

TEST_F(AdmissionTest, TheAdministratorIsRootAndAUserDaemonsOwnUser) {
  EXPECT_TRUE(Make(false).IsAdministrator(kAda));
  EXPECT_TRUE(Make(false).IsAdministrator(kRoot));
  EXPECT_TRUE(Make(true).IsAdministrator(kRoot));
  EXPECT_FALSE(Make(true).IsAdministrator(kAda));
  EXPECT_FALSE(Make(true).IsAdministrator(Caller{}));
}

TEST_F(AdmissionTest, TrustHoldsForOneUserAndOneHubDir) {
  Admission admission = Make(true);
  auto added = admission.AddTrust(kAda, kRepo, "/a/b");
  EXPECT_TRUE(added->second);
  EXPECT_EQ(added->first.created_at, clock_.Now());
  EXPECT_TRUE(admission.CheckTrust(kAda, kRepo, "/a//./b/")->trusted_here);
  EXPECT_FALSE(admission.CheckTrust(kAda, kRepo, "/a")->trusted);
  EXPECT_FALSE(admission.CheckTrust(kAda, kRepo, "")->trusted);
  EXPECT_FALSE(admission.CheckTrust(kBob, kRepo, "/a/b")->trusted);
}

TEST_F(AdmissionTest, GeneralTrustHoldsEverywhereForItsUser) {
  Admission admission = Make(true);
  ASSERT_TRUE(admission.AddTrust(kAda, kRepo, "").ok());
  Admission::Trust trust = *admission.CheckTrust(kAda, kRepo, "/a");
  EXPECT_TRUE(trust.trusted);
  EXPECT_FALSE(trust.trusted_here);
  EXPECT_FALSE(admission.CheckTrust(kBob, kRepo, "/a")->trusted);
}

TEST_F(AdmissionTest, TheAdministratorsGeneralTrustHoldsForAllOfASystemDaemon) {
  ASSERT_TRUE(Make(true).AddTrust(kRoot, kRepo, "").ok());
  EXPECT_TRUE(Make(true).CheckTrust(kBob, kRepo, "/a")->trusted);
  EXPECT_FALSE(Make(false).CheckTrust(kAda, kRepo, "/a")->trusted);
}

TEST_F(AdmissionTest, AddingTwiceKeepsTheFirstEntry) {
  Admission admission = Make(true);
  absl::Time first = clock_.Now();
  ASSERT_TRUE(admission.AddTrust(kAda, kRepo, "/a").ok());
  clock_.Advance(absl::Hours(1));
  auto again = admission.AddTrust(kAda, kRepo, "/a/");
  EXPECT_FALSE(again->second);
  EXPECT_EQ(again->first.created_at, first);
}

TEST_F(AdmissionTest, RequireTrustSaysHowToTrust) {
  Admission admission = Make(true);
  absl::Status refused = admission.RequireTrust(kAda, kRepo, "/a");
  EXPECT_EQ(ReasonOf(refused), Reason::kRepoNotTrusted);
  EXPECT_NE(
      std::string(refused.message()).find("hubctl trust add github.com/o/r"),
      std::string::npos);
  EXPECT_EQ(MetadataOf(refused)["hub_dir"], "/a");
  ASSERT_TRUE(admission.AddTrust(kAda, kRepo, "/a").ok());
  EXPECT_TRUE(admission.RequireTrust(kAda, kRepo, "/a").ok());
}

TEST_F(AdmissionTest, RemovesOneEntryOrAll) {
  Admission admission = Make(true);
  for (const char* dir : {"", "/a", "/b"}) {
    ASSERT_TRUE(admission.AddTrust(kAda, kRepo, dir).ok());
  }
  ASSERT_TRUE(admission.AddTrust(kBob, kRepo, "").ok());
  EXPECT_EQ(*admission.RemoveTrust(kAda, kRepo, "/a/", false), 1);
  EXPECT_EQ(*admission.RemoveTrust(kAda, kRepo, "/a", false), 0);
  EXPECT_EQ(*admission.RemoveTrust(kAda, kRepo, "", true), 2);
  EXPECT_TRUE(admission.CheckTrust(kBob, kRepo, "")->trusted);
}

TEST_F(AdmissionTest, ListsTheCallersEntriesThatCountThere) {
  Admission admission = Make(true);
  for (const char* dir : {"", "/a", "/b"}) {
    ASSERT_TRUE(admission.AddTrust(kAda, kRepo, dir).ok());
  }
  EXPECT_EQ(admission.ListTrust(kAda, "", 10, "")->objects.size(), 3u);
  EXPECT_EQ(admission.ListTrust(kAda, "/a/", 10, "")->objects.size(), 2u);
  EXPECT_EQ(admission.ListTrust(kBob, "", 10, "")->objects.size(), 0u);
}

TEST_F(AdmissionTest, ARelativeHubDirIsRefused) {
  EXPECT_EQ(Make(true).AddTrust(kAda, kRepo, "a/b").status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace hubd
