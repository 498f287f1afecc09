#include "server/rpc/trust_service.h"

#include <gtest/gtest.h>

#include "tests/server/rpc/rpc_fixture.h"

namespace hubd {
namespace {

class TrustServiceTest : public RpcFixture {
 protected:
  v1::CheckTrustResponse Check(const std::string& hub_dir) {
    grpc::ClientContext context;
    v1::CheckTrustRequest request;
    request.set_repo("o/r");
    request.set_hub_dir(hub_dir);
    v1::CheckTrustResponse response;
    EXPECT_TRUE(trust_->CheckTrust(&context, request, &response).ok());
    return response;
  }

  v1::AddTrustResponse Add(const std::string& hub_dir) {
    grpc::ClientContext context;
    v1::AddTrustRequest request;
    request.set_repo("o/r:main");
    request.set_hub_dir(hub_dir);
    v1::AddTrustResponse response;
    EXPECT_TRUE(trust_->AddTrust(&context, request, &response).ok());
    return response;
  }

  std::unique_ptr<v1::Trust::Stub> trust_ = v1::Trust::NewStub(channel_);
};

TEST_F(TrustServiceTest, AddsChecksListsAndRemoves) {
  EXPECT_FALSE(Check("/hub").trusted());
  v1::AddTrustResponse added = Add("/hub");
  EXPECT_TRUE(added.added());
  EXPECT_EQ(added.entry().repo(), "github.com/o/r");
  EXPECT_EQ(added.entry().hub_dir(), "/hub");
  EXPECT_FALSE(Add("/hub").added());
  EXPECT_TRUE(Check("/hub").trusted_here());
  EXPECT_FALSE(Check("/elsewhere").trusted());

  grpc::ClientContext list_context;
  v1::ListTrustResponse list;
  ASSERT_TRUE(trust_->ListTrust(&list_context, {}, &list).ok());
  ASSERT_EQ(list.entries_size(), 1);
  EXPECT_EQ(list.entries(0).hub_dir(), "/hub");

  grpc::ClientContext remove_context;
  v1::RemoveTrustRequest request;
  request.set_repo("o/r");
  request.set_everywhere(true);
  v1::RemoveTrustResponse removed;
  ASSERT_TRUE(trust_->RemoveTrust(&remove_context, request, &removed).ok());
  EXPECT_EQ(removed.removed(), 1);
  EXPECT_FALSE(Check("/hub").trusted());
}

TEST_F(TrustServiceTest, WhatIsNoRepoIsRefused) {
  grpc::ClientContext context;
  v1::AddTrustRequest request;
  request.set_repo("../x");
  v1::AddTrustResponse response;
  EXPECT_EQ(ReasonIn(trust_->AddTrust(&context, request, &response)),
            "INVALID_REPO");
}

}  // namespace
}  // namespace hubd
