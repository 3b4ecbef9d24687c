#include <string>

#include "tests/catch.h"
#include "tests/policies/placement_table.h"

using namespace headroom;
using namespace headroom::placement;
using toy::make_policy;

TEST_CASE("distserve placement: as many configurations are tried as by the released search") {
  for (const ConfigurationRow& row : published_configurations()) {
    INFO(row.model.name << " " << row.nodes << " x " << row.devices);
    CHECK(configurations(row, "distserve-high", {{"faithful", "true"}}) == row.high);
    CHECK(configurations(row, "distserve-low") == row.low);
    CHECK(configurations(row, "joint") == row.joint);
  }
}

TEST_CASE(
    "distserve placement: algorithm 1 takes the best of each phase and copies it for the rate") {
  Table table(kOpt13, 1, 8);
  // Prompts like two devices side by side, decodes one.
  table.per_device = [](const PlacementUnit& unit) {
    const Split want = unit.kind == UnitKind::prefill ? Split{2, 1} : Split{1, 1};
    const Split& split = unit.kind == UnitKind::prefill ? unit.prefill : unit.decode;
    return split == want ? 2.0 : 1.0;
  };
  const PlacementAnswer answer = make_policy<PlacementPolicy>("distserve-high")->place(table, 9);
  REQUIRE(answer.chosen.size() == 2);
  // Goodput 4 and 2 a unit: ceil(9 / 4) = 3 and ceil(9 / 2) = 5 copies.
  CHECK(answer.chosen[0].scored.unit.kind == UnitKind::prefill);
  CHECK(answer.chosen[0].scored.unit.prefill == Split{2, 1});
  CHECK(answer.chosen[0].copies == 3);
  CHECK(answer.chosen[1].scored.unit.decode == Split{1, 1});
  CHECK(answer.chosen[1].copies == 5);
}

TEST_CASE("distserve placement: algorithm 1 keeps a tensor-parallel group inside a node") {
  Table table(kOpt13, 4, 8);
  static_cast<void>(make_policy<PlacementPolicy>("distserve-high")->place(table, 1));
  for (const PlacementUnit& unit : table.asked) CHECK(unit.prefill.tensor <= 8);
  // Its search is quadratic, not a search over pairs: 28 splits up to 32 devices, of which those
  // with tensor parallelism 10 and 20 leave a node, twice.
  CHECK(table.asked.size() < 56);
}

TEST_CASE("distserve placement: what does not fit is not simulated") {
  Table table(kOpt66, 1, 4);
  table.least_devices = 2;  // 132 GB on devices of 80 GB
  static_cast<void>(make_policy<PlacementPolicy>("distserve-low")->place(table, 1));
  REQUIRE(!table.asked.empty());
  for (const PlacementUnit& unit : table.asked) {
    CHECK(unit.prefill.devices() >= 2);
    CHECK(unit.decode.devices() >= 2);
  }
  // Of 11 pairs those of (1,2) and (2,1) remain.
  CHECK(table.asked.size() == 4);
}

TEST_CASE("distserve placement: algorithm 2 keeps both instances' segments within a node") {
  Table table(kOpt13, 4, 8);
  static_cast<void>(make_policy<PlacementPolicy>("distserve-low")->place(table, 1));
  bool spread = false;
  for (const PlacementUnit& unit : table.asked) {
    CHECK(unit.prefill.pipeline % unit.segments == 0);
    CHECK(unit.decode.pipeline % unit.segments == 0);
    CHECK(unit.devices() / unit.segments <= 8);
    spread |= unit.segments == 4;
  }
  CHECK(spread);
}

TEST_CASE("distserve placement: units are ranked by goodput a device, and none is chosen at zero") {
  Table table(kOpt13, 1, 4);
  table.per_device = [](const PlacementUnit& unit) {
    return static_cast<double>(unit.prefill.tensor) / static_cast<double>(unit.devices());
  };
  const auto policy = make_policy<PlacementPolicy>("distserve-low");
  const PlacementAnswer answer = policy->place(table, 10);
  for (std::size_t i = 1; i < answer.tried.size(); ++i)
    CHECK(answer.tried[i - 1].per_device() >= answer.tried[i].per_device());
  REQUIRE(answer.chosen.size() == 1);
  CHECK(answer.chosen[0].scored.unit.prefill == Split{2, 1});
  CHECK(answer.chosen[0].scored.unit.decode == Split{1, 1});
  CHECK(answer.chosen[0].copies == 5);  // goodput 2 a unit of 3 devices
  table.per_device = [](const PlacementUnit& /*unit*/) { return 0.0; };
  CHECK(policy->place(table, 10).chosen.empty());
}
