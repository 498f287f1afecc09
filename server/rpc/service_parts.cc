#include "server/rpc/service_parts.h"

#include "absl/strings/str_cat.h"
#include "server/base/log.h"
#include "server/base/text.h"

namespace hubd {
namespace {

constexpr size_t kMaxSubject = 200;

}  // namespace

std::string LogSubject(absl::string_view name, absl::string_view what) {
  return absl::StrCat(name, "=",
                      LogQuote(WithoutUserInfo(what).substr(0, kMaxSubject)));
}

CallInfo DescribeCall(const grpc::CallbackServerContext& context,
                      std::string method, std::string subject) {
  return CallInfo{.method = std::move(method),
                  .caller = CallerOf(context),
                  .connection = ConnectionOf(context),
                  .subject = std::move(subject)};
}

}  // namespace hubd
