// A cluster for placement policies whose goodputs stand in a table, and the numbers of
// configurations that DistServe's released search tries.
//
// Law: the published counts were taken by running the released code, without memory or profiles in
// the way. Cost: tests only. Not here: goodput by simulation (sim/cli/placement_search.h).
#pragma once

#include <cstdint>
#include <vector>

#include "sim/placement_policy.h"
#include "tests/policies/watched.h"

namespace headroom::placement {

struct Model {
  const char* name;
  std::int64_t heads, layers;
};
constexpr Model kOpt13{"13B", 40, 40}, kOpt66{"66B", 72, 64}, kOpt175{"175B", 96, 96};

class Table final : public PlacementWorld {
 public:
  Table(Model model, std::int64_t nodes, std::int64_t devices)
      : model_(model), nodes_(nodes), devices_(devices) {}
  [[nodiscard]] std::int64_t nodes() const override { return nodes_; }
  [[nodiscard]] std::int64_t devices_per_node() const override { return devices_; }
  [[nodiscard]] bool divides(const Split& split) const override {
    return model_.heads % split.tensor == 0 && model_.layers % split.pipeline == 0;
  }
  [[nodiscard]] bool fits(const Split& split) const override {
    return split.devices() >= least_devices;
  }
  [[nodiscard]] double goodput(const PlacementUnit& unit) override {
    asked.push_back(unit);
    return per_device(unit) * static_cast<double>(unit.devices());
  }

  std::int64_t least_devices = 1;
  double (*per_device)(const PlacementUnit&) = [](const PlacementUnit& /*unit*/) { return 1.0; };
  std::vector<PlacementUnit> asked;

 private:
  Model model_;
  std::int64_t nodes_, devices_;
};

struct ConfigurationRow {
  Model model;
  std::int64_t nodes, devices;
  std::size_t high, low, joint;
};

inline const std::vector<ConfigurationRow>& published_configurations() {
  static const std::vector<ConfigurationRow> kRows{
      {kOpt13, 1, 4, 9, 9, 6},      {kOpt13, 1, 8, 48, 48, 12},    {kOpt13, 2, 8, 208, 96, 19},
      {kOpt13, 4, 8, 569, 133, 28}, {kOpt66, 1, 4, 11, 11, 7},     {kOpt66, 1, 8, 61, 61, 13},
      {kOpt66, 2, 8, 229, 122, 21}, {kOpt66, 4, 8, 613, 183, 31},  {kOpt175, 1, 4, 13, 13, 8},
      {kOpt175, 1, 8, 88, 88, 16},  {kOpt175, 2, 8, 376, 176, 28}, {kOpt175, 4, 8, 1132, 325, 44}};
  return kRows;
}

/// Configurations that a policy tries on the row's model and cluster.
inline std::size_t configurations(const ConfigurationRow& row, const char* policy,
                                  const toy::Texts& texts = {}) {
  Table table(row.model, row.nodes, row.devices);
  static_cast<void>(toy::make_policy<PlacementPolicy>(policy, texts)->place(table, 1));
  return table.asked.size();
}

}  // namespace headroom::placement
