#include <algorithm>
#include <filesystem>

#include "sim/edge_policy.h"
#include "sim/execution_policy.h"
#include "sim/scaling_policy.h"
#include "tests/catch.h"
#include "tests/paths.h"
#include "tests/policies/watched.h"

using namespace headroom;

namespace {

template <class Policy>
std::size_t check_entries() {
  const auto& entries = PolicyRegistry<Policy>::instance().entries();
  for (const PolicyEntry<Policy>& entry : entries) {
    INFO(entry.name);
    CHECK(entry.summary.size() > 10);
    for (const ParameterSpec& spec : entry.parameters) {
      INFO(spec.name);
      CHECK_FALSE(spec.meaning.empty());
      CHECK_NOTHROW(parse_parameter(spec, spec.default_text, "default"));
    }
    CHECK(entry.make(default_parameters(entry.parameters)) != nullptr);
  }
  return entries.size();
}

}  // namespace

TEST_CASE("every file of policies/ registers policies that their defaults can make") {
  const std::size_t registered = check_entries<BatchPolicy>() + check_entries<RoutingPolicy>() +
                                 check_entries<AdmissionPolicy>() +
                                 check_entries<DispatchPolicy>() +
                                 check_entries<ExecutionPolicy>() + check_entries<ScalingPolicy>();
  std::size_t files = 0;
  for (const auto& file : std::filesystem::directory_iterator(HEADROOM_SOURCE_DIR "/policies")) {
    if (file.path().extension() == ".cpp") ++files;
  }
  // A family of orders may share a file; that none registers nothing, tests/laws/sources_test.cpp
  // checks by name.
  CHECK(registered >= files);
}
