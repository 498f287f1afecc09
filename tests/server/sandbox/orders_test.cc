#include "server/sandbox/orders.h"

#include <string>

#include "gtest/gtest.h"

namespace hubd {
namespace {

LaunchOrders Full() {
  LaunchOrders orders;
  orders.parent = 4711;
  orders.policy.bubblewrap = "/bwrap";
  orders.policy.binds = {{"/a", "/b"}};
  orders.policy.data_files = {{"/c", std::string("\0x", 2)}, {"/d", ""}};
  orders.policy.links = {{"/e", "f"}};
  orders.policy.inet = true;
  orders.policy.environment = {{"G", "h"}};
  orders.policy.argv = {"/i", "", "j"};
  orders.policy.working_directory = "/k";
  orders.policy.limits.time = absl::Milliseconds(1501);
  orders.policy.limits.memory_bytes = 1;
  orders.policy.limits.output_bytes = 2;
  orders.policy.limits.max_output_bytes = 3;
  orders.policy.limits.result_bytes = 4;
  orders.policy.limits.file_bytes = 5;
  orders.policy.limits.open_files = 6;
  orders.policy.limits.sockets = 7;
  return orders;
}

TEST(OrdersTest, ComeOutAsTheyWentIn) {
  const std::string bytes = EncodeOrders(Full());
  const auto orders = DecodeOrders(bytes);
  ASSERT_TRUE(orders.ok()) << orders.status();
  EXPECT_EQ(EncodeOrders(*orders), bytes);
  EXPECT_EQ(orders->parent, 4711);
  EXPECT_EQ(orders->policy.binds[0].target, "/b");
  EXPECT_EQ(orders->policy.data_files[0].bytes, std::string("\0x", 2));
  EXPECT_EQ(orders->policy.links[0].points_to, "f");
  EXPECT_TRUE(orders->policy.inet);
  EXPECT_EQ(orders->policy.environment[0].value, "h");
  EXPECT_EQ(orders->policy.argv.size(), 3u);
  EXPECT_EQ(orders->policy.working_directory, "/k");
  EXPECT_EQ(orders->policy.limits.time, absl::Milliseconds(1501));
  EXPECT_EQ(orders->policy.limits.file_bytes, 5);
  EXPECT_EQ(orders->policy.limits.open_files, 6);
  EXPECT_EQ(orders->policy.limits.sockets, 7);
}

TEST(OrdersTest, RefusesDamage) {
  const std::string bytes = EncodeOrders(Full());
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeOrders(bytes.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(DecodeOrders(bytes + "x").ok());
  std::string huge = bytes;
  huge[7] = '\x7f';
  EXPECT_FALSE(DecodeOrders(huge).ok());
}

}  // namespace
}  // namespace hubd
