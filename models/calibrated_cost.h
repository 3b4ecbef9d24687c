// Steps calibrated on a live server (`headroom profile calibrate`): an iteration's time from what
// was seen of that server from outside.
//
// A step of n decodes with S tokens of context takes a base of n, on a line or level by level, plus
// S times a slope; prompts add a constant and times a token, other ones alone than beside decodes;
// all host work is in it. Law: a price of decodes equals their line; the ledger sums to the price.
// What lies beyond the concurrency, context or prompts that were seen counts as extrapolated.
// Cost: O(log levels) a decode batch, O(chunks) a prefill.
// Not here: fitting them (profiles/calibrate_model.h); what the server's engine adds before its
// scheduler is in the engine file that comes with them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cost_model.h"
#include "sim/units.h"

namespace headroom {

struct CalibratedSteps {
  struct Level {
    std::int64_t decodes = 0;
    double base_ns = 0;
  };
  std::string model, date, tool;
  std::int64_t requests = 0;
  double base_ns = 0, per_decode_ns = 0, per_context_token_ns = 0;
  std::vector<Level> levels;  ///< by growing decodes; empty: the line above holds
  double alone_ns = 0, alone_per_token_ns = 0;
  double beside_ns = 0, beside_per_token_ns = 0;
  double per_token_squared_ns = 0;
  std::int64_t most_decodes = 0, most_context = 0, most_prompt = 0;  ///< seen
  double held_out_error = -1;  ///< largest relative one; negative: none was held out
};

/// Reads a cost file. Throws InputError with file and JSON pointer.
[[nodiscard]] CalibratedSteps parse_calibrated_json(std::string_view text, const std::string& file);
/// One line for reports: where the steps come from and how far they can be trusted.
[[nodiscard]] std::string describe(const CalibratedSteps& steps);
/// `host_bandwidth`: of KV swapped to host memory, which a calibration does not see.
[[nodiscard]] std::unique_ptr<CostModel> make_calibrated_cost(const CalibratedSteps& steps,
                                                              BytesPerSecond host_bandwidth);

}  // namespace headroom
