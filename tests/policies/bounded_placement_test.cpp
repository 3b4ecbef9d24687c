#include "tests/catch.h"
#include "tests/policies/placement_table.h"

using namespace headroom;
using namespace headroom::placement;
using toy::make_policy;

namespace {

/// Goodputs that look random, from a unit's numbers alone; some units hold nothing.
double scrambled(const PlacementUnit& unit) {
  std::uint64_t x = static_cast<std::uint64_t>(unit.prefill.tensor * 7 + unit.prefill.pipeline);
  x = x * 1315423911U + static_cast<std::uint64_t>(unit.decode.tensor * 13 + unit.decode.pipeline);
  x = (x * 6364136223846793005U + 1442695040888963407U) >> 40U;
  return x % 4 == 0 ? 0.0 : static_cast<double>(x % 1000) / 500;
}

/// Counts what a search pays: a bisection five simulations, a refusal one.
class Priced final : public PlacementWorld {
 public:
  explicit Priced(Table& table) : table_(table) {}
  [[nodiscard]] std::int64_t nodes() const override { return table_.nodes(); }
  [[nodiscard]] std::int64_t devices_per_node() const override { return table_.devices_per_node(); }
  [[nodiscard]] bool divides(const Split& split) const override { return table_.divides(split); }
  [[nodiscard]] bool fits(const Split& split) const override { return table_.fits(split); }
  [[nodiscard]] double goodput(const PlacementUnit& unit) override {
    paid += 5;
    return table_.goodput(unit);
  }
  [[nodiscard]] double goodput_above(const PlacementUnit& unit, double least) override {
    const double found = table_.goodput(unit);
    paid += found > least ? 5 : 1;
    return found > least ? found : 0;
  }
  int paid = 0;

 private:
  Table& table_;
};

}  // namespace

TEST_CASE("bounded placement: as good a device as trying everything, at a fraction of the runs") {
  for (const ConfigurationRow& row : published_configurations()) {
    INFO(row.model.name << " " << row.nodes << " x " << row.devices);
    Table table(row.model, row.nodes, row.devices);
    table.per_device = scrambled;
    Priced all(table);
    Priced few(table);
    const PlacementAnswer theirs = make_policy<PlacementPolicy>("distserve-low")->place(all, 10);
    const PlacementAnswer ours = make_policy<PlacementPolicy>("bounded")->place(few, 10);
    REQUIRE(!theirs.chosen.empty());
    REQUIRE(!ours.chosen.empty());
    CHECK(ours.chosen[0].scored.per_device() == theirs.chosen[0].scored.per_device());
    CHECK(few.paid < all.paid);
    if (row.low > 40) CHECK(2 * few.paid < all.paid);
  }
}

TEST_CASE("bounded placement: where nothing holds nothing is chosen") {
  Table table(kOpt13, 1, 4);
  table.per_device = [](const PlacementUnit& /*unit*/) { return 0.0; };
  const PlacementAnswer answer = make_policy<PlacementPolicy>("bounded")->place(table, 10);
  CHECK(answer.chosen.empty());
  CHECK(answer.tried.empty());
}
