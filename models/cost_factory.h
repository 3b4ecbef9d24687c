// The one way from words to a cost model: "roofline", "table:PATH", "pack:PATH", "steps:PATH",
// "linear:NAME" or "calibrated:FILE".
//
// Law: the same arguments give the same tables, bit for bit.
// Cost: 5 to 50 ms and a few MB a call; replicas of one kind share the result.
// Not here: the models themselves (roofline_cost.h, table_cost.h, step_cost.h, linear_cost.h,
// calibrated_cost.h).
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "models/device.h"
#include "models/engine.h"
#include "models/executed_cost.h"
#include "models/operators.h"
#include "sim/cost_model.h"

namespace headroom {

struct CostRequest {
  Architecture model;
  Precision precision;
  Parallelism parallel;
  Device device;
  EngineDescription engine;
  /// "roofline" | "table:PATH" | "pack:PATH" | "steps:PATH" | "linear:NAME" | "calibrated:FILE"
  std::string cost = "roofline";
  std::string where;  ///< place of `cost` for error messages
  /// How operators share the devices; null: one after the other. Not with linear steps, nor with
  /// attention data parallelism.
  ExecutionChoice execution{};
  /// Where attention has devices of its own. Not with whole steps.
  AttentionPool attention{};
};

struct MadeCost {
  /// One model whose price covers every stage (`IterationPrice::stage` each); or, for "linear:NAME"
  /// with pipeline parallelism, one model a stage, first stage first.
  std::vector<std::unique_ptr<CostModel>> stages;
  std::string source;          ///< one line for reports: what the times rest on
  std::string profile_digest;  ///< of the profile store's contents; empty without one
};

/// Throws InputError{where}: unknown kind (with the nearest), a split the model does not allow, a
/// store or file that cannot be read or has nothing for the device, a linear model that is not the
/// scenario's model.
[[nodiscard]] MadeCost make_cost(const CostRequest& request);

/// Shares of a shape's price by evidence, in the order of `Evidence`; they sum to 1. For
/// `--require-measured`: the third must be 0.
[[nodiscard]] std::array<double, kEvidences> evidence_shares(const CostModel& cost,
                                                             const BatchShape& shape);
/// The same of everything a ledger holds; all zero when it is empty.
[[nodiscard]] std::array<double, kEvidences> evidence_shares(const CostLedger& ledger);

}  // namespace headroom
