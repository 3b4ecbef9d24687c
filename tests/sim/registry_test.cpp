#include "sim/registry.h"

#include <cmath>
#include <string>

#include "sim/check.h"
#include "sim/policy.h"
#include "tests/catch.h"
#include "tests/sim/aborts.h"

using namespace headroom;

namespace {

using Kind = ParameterSpec::Kind;

std::vector<ParameterSpec> every_kind() {
  return {{"depth", Kind::integer, 1, 64, "8", {}, "queue depth"},
          {"share", Kind::number, 0, 1, "0.5", {}, "share of blocks"},
          {"order", Kind::choice, 0, 0, "fifo", {"fifo", "shortest"}, "order of the queue"},
          {"chunked", Kind::flag, 0, 0, "true", {}, "split long prompts"},
          {"patience", Kind::duration, 0, 60, "2 s", {}, "longest wait"}};
}

std::string refusal(std::size_t spec, const std::string& text) {
  try {
    (void)parse_parameter(every_kind()[spec], text, "s.json: /routing");
  } catch (const InputError& error) {
    return error.what();
  }
  return "accepted";
}

class FirstReplica final : public RoutingPolicy {
 public:
  explicit FirstReplica(std::int64_t depth) : depth_(depth) {}
  [[nodiscard]] ReplicaId route(const RequestView&, const ClusterView&, RandomStream&) override {
    return ReplicaId(static_cast<std::uint32_t>(depth_));
  }

 private:
  std::int64_t depth_;
};

std::unique_ptr<RoutingPolicy> make_first(const Parameters& parameters) {
  return std::make_unique<FirstReplica>(parameters.integer("depth"));
}

}  // namespace

TEST_CASE("Defaults are parsed as a scenario would write them") {
  const Parameters parameters = default_parameters(every_kind());
  CHECK(parameters.integer("depth") == 8);
  CHECK(parameters.number("share") == 0.5);
  CHECK(parameters.choice("order") == "fifo");
  CHECK(parameters.flag("chunked"));
  CHECK(parameters.duration("patience") == kSecond * 2);
  CHECK(parameters.has("depth"));
  CHECK_FALSE(parameters.has("width"));
}

TEST_CASE("A later value replaces an earlier one") {
  Parameters parameters = default_parameters(every_kind());
  parameters.set("depth", parse_parameter(every_kind()[0], "64", ""));
  parameters.set("chunked", parse_parameter(every_kind()[3], "false", ""));
  parameters.set("patience", parse_parameter(every_kind()[4], "250ms", ""));
  CHECK(parameters.integer("depth") == 64);
  CHECK_FALSE(parameters.flag("chunked"));
  CHECK(parameters.duration("patience") == kMillisecond * 250);
}

TEST_CASE(
    "A value of the wrong kind or out of bounds is refused with place, expectation and remedy") {
  CHECK(refusal(0, "0") ==
        "s.json: /routing: parameter 'depth': expected a whole number from 1 to 64, got \"0\"; "
        "choose one within these bounds");
  CHECK(refusal(2, "shortes") ==
        "s.json: /routing: parameter 'order': expected one of fifo, shortest, got \"shortes\"; did "
        "you mean 'shortest'?");
  CHECK(refusal(3, "yes") ==
        "s.json: /routing: parameter 'chunked': expected true or false, got \"yes\"; write one of "
        "the two");
  CHECK(refusal(4, "61 s") ==
        "s.json: /routing: parameter 'patience': expected a duration from 0 s to 1 min, got "
        "\"61 s\"; choose one within these bounds");
  for (const char* text : {"65", "1.5", "", "8 ", "1e1", "99999999999999999999", "depth"}) {
    CHECK(refusal(0, text).find("s.json: /routing: parameter 'depth': expected a whole") == 0);
  }
  for (const char* text : {"-0.1", "1.1", "nan", "inf", "", "half"}) {
    CHECK(refusal(1, text).find("s.json: /routing: parameter 'share': expected a number") == 0);
  }
  for (const char* text : {"2", "-1 s", "2 seconds", "s", ""}) {
    CHECK(refusal(4, text).find("s.json: /routing: parameter 'patience': expected a dur") == 0);
  }
}

TEST_CASE("Reading an undeclared parameter, or one as another kind, stops the program") {
  const Parameters parameters = default_parameters(every_kind());
  CHECK(testing::aborts([&] { (void)parameters.integer("width"); }));
  CHECK(testing::aborts([&] { (void)parameters.number("depth"); }));
  CHECK(testing::aborts([] {
    (void)default_parameters({{"needed", Kind::integer, 0, 1, "", {}, "has no default"}});
  }));
}

TEST_CASE("Registered policies are found by name, sorted whatever the order of registration") {
  auto& registry = PolicyRegistry<RoutingPolicy>::instance();
  const RegisterRoutingPolicy last{"zz-test", "last", every_kind(), make_first};
  const RegisterRoutingPolicy first{"aa-test", "first", every_kind(), make_first};
  const auto& entries = registry.entries();
  REQUIRE(entries.size() >= 2);
  for (std::size_t i = 0; i + 1 < entries.size(); ++i) {
    CHECK(entries[i].name < entries[i + 1].name);
  }
  const PolicyEntry<RoutingPolicy>* found = registry.find("aa-test");
  REQUIRE(found != nullptr);
  CHECK(found->summary == "first");
  CHECK(found->make(default_parameters(found->parameters)) != nullptr);
  CHECK(registry.find("aa-tes") == nullptr);
  CHECK(PolicyRegistry<BatchPolicy>::instance().find("aa-test") == nullptr);
  CHECK(testing::aborts([] {
    const RegisterRoutingPolicy twice{"aa-test", "again", {}, make_first};
  }));
}
