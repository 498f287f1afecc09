#include "server/sandbox/orders.h"

#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/status/status.h"

namespace hubd {
namespace {

// Encoder and Decoder take the same calls, so that one list of fields serves
// both ways. Numbers are 8 bytes; strings and lists begin with their length.
class Encoder {
 public:
  void Number(const int64_t& number) {
    bytes_.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  void Text(const std::string& text) {
    Number(static_cast<int64_t>(text.size()));
    bytes_.append(text);
  }
  template <class List, class Field>
  void Each(const List& list, Field field) {
    Number(static_cast<int64_t>(list.size()));
    for (const auto& item : list) field(item);
  }
  std::string Take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Decoder {
 public:
  explicit Decoder(absl::string_view bytes) : bytes_(bytes) {}

  void Number(int64_t& number) {
    if (bytes_.size() < sizeof number) return Fail();
    std::memcpy(&number, bytes_.data(), sizeof number);
    bytes_.remove_prefix(sizeof number);
  }
  void Text(std::string& text) {
    const size_t size = Size();
    text = std::string(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
  }
  template <class List, class Field>
  void Each(List& list, Field field) {
    // An item takes at least one byte, so Size() bounds the list too.
    list.resize(Size());
    for (auto& item : list) field(item);
  }
  bool Done() const { return ok_ && bytes_.empty(); }

 private:
  size_t Size() {
    int64_t size = 0;
    Number(size);
    if (size >= 0 && static_cast<uint64_t>(size) <= bytes_.size()) return size;
    Fail();
    return 0;
  }
  void Fail() {
    ok_ = false;
    bytes_ = {};
  }

  absl::string_view bytes_;
  bool ok_ = true;
};

template <class Codec, class Limits>
void LimitFields(Codec& codec, Limits& limits) {
  int64_t time_ms = absl::ToInt64Milliseconds(limits.time);
  int64_t open_files = limits.open_files;
  int64_t sockets = limits.sockets;
  codec.Number(time_ms);
  codec.Number(open_files);
  codec.Number(sockets);
  codec.Number(limits.memory_bytes);
  codec.Number(limits.output_bytes);
  codec.Number(limits.max_output_bytes);
  codec.Number(limits.result_bytes);
  codec.Number(limits.file_bytes);
  if constexpr (!std::is_const_v<Limits>) {
    limits.time = absl::Milliseconds(time_ms);
    limits.open_files = static_cast<int>(open_files);
    limits.sockets = static_cast<int>(sockets);
  }
}

template <class Codec, class Policy>
void PolicyFields(Codec& codec, Policy& policy) {
  codec.Text(policy.bubblewrap);
  codec.Each(policy.binds, [&codec](auto& bind) {
    codec.Text(bind.source);
    codec.Text(bind.target);
  });
  codec.Each(policy.data_files, [&codec](auto& file) {
    codec.Text(file.target);
    codec.Text(file.bytes);
  });
  codec.Each(policy.links, [&codec](auto& link) {
    codec.Text(link.target);
    codec.Text(link.points_to);
  });
  LimitFields(codec, policy.limits);
  int64_t inet = policy.inet ? 1 : 0;
  codec.Number(inet);
  if constexpr (!std::is_const_v<Policy>) policy.inet = inet != 0;
  codec.Each(policy.environment, [&codec](auto& variable) {
    codec.Text(variable.name);
    codec.Text(variable.value);
  });
  codec.Each(policy.argv, [&codec](auto& argument) { codec.Text(argument); });
  codec.Text(policy.working_directory);
}

}  // namespace

std::string EncodeOrders(const LaunchOrders& orders) {
  Encoder encoder;
  PolicyFields(encoder, orders.policy);
  encoder.Number(orders.parent);
  return encoder.Take();
}

absl::StatusOr<LaunchOrders> DecodeOrders(absl::string_view bytes) {
  LaunchOrders orders;
  Decoder decoder(bytes);
  PolicyFields(decoder, orders.policy);
  int64_t parent = 0;
  decoder.Number(parent);
  orders.parent = static_cast<pid_t>(parent);
  if (!decoder.Done()) return absl::InternalError("launch orders are damaged");
  return orders;
}

}  // namespace hubd
