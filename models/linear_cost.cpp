#include "models/linear_cost.h"

#include <algorithm>
#include <array>

#include "sim/check.h"
#include "sim/quantity_text.h"

namespace headroom {
namespace {

// simdistserve's extras (DistServe OSDI 2024 code, worker step): each prefill stage pays one
// millisecond per pipeline stage; stage 0 pays 2 ms a step and 1e-4 ms a token of context (the new
// token not counted).
constexpr double kPrefillPerStageMs = 1.0;
constexpr double kStepMs = 2.0;
constexpr double kStepPerContextMs = 1e-4;
// Swapped KV crosses PCIe 4.0 x16 at about 25 GB/s (A100 data sheet: 31.5 GB/s raw). Planning
// default: the published model has no swapping.
constexpr double kHostBytesPerSecond = 25e9;

std::int64_t fixed_from_ms(double ms) {
  return ms < 0 ? -fixed_from_seconds(-ms * 1e-3) : fixed_from_seconds(ms * 1e-3);
}

/// One decode coefficient set in fixed-point nanoseconds.
struct FixedDecode {
  std::int64_t base = 0;
  std::int64_t per_context = 0;
  std::int64_t per_request = 0;
};

class LinearCost final : public CostModel {
 public:
  LinearCost(const LinearStep& step, std::int64_t pipeline, std::int64_t stage) {
    const double share = 1.0 / static_cast<double>(pipeline);
    prefill_base_ = fixed_from_ms(step.prefill_base * share +
                                  kPrefillPerStageMs * static_cast<double>(pipeline));
    per_token_ = fixed_from_ms(step.prefill_per_token * share);
    per_square_ = fixed_from_ms(step.prefill_per_square * share);
    decode_ = {fixed(step.small, share), fixed(step.large, share)};
    if (stage == 0) {
      step_ = fixed_from_ms(kStepMs);
      step_per_context_ = fixed_from_ms(kStepPerContextMs);
    }
  }

  IterationPrice price(const BatchShape& shape) const override {
    const Int128 total = prefill(shape).sum() + decode(shape).sum() + transfer(shape);
    return {Duration(static_cast<std::int64_t>(total >> kFixedBits)), Duration(0)};
  }

  DecodeLine decode_line(std::int64_t decodes, std::int64_t padded,
                         std::int64_t /*context*/) const override {
    DecodeLine line;
    line.base = line_base(decodes, padded) + host_base(decodes);
    line.slope = set_for(decodes + padded).per_context + step_per_context_;
    const std::int64_t room = (std::int64_t{1} << 62) - line.base;
    line.last_context = line.slope > 0 ? room / line.slope : std::int64_t{1} << 40;
    return line;
  }

  void charge(const BatchShape& shape, CostLedger& ledger) const override {
    book(prefill(shape), OperatorClass::prefill_attention, ledger);
    book(decode(shape), OperatorClass::decode_attention, ledger);
    ledger.add(OperatorClass::host, Evidence::extrapolated, transfer(shape));
  }

  void charge_decodes(std::int64_t decodes, std::int64_t padded, std::int64_t /*context*/,
                      std::int64_t iterations, std::int64_t context_sum,
                      CostLedger& ledger) const override {
    Parts parts;
    parts.weights = Int128{line_base(decodes, padded)} * iterations;
    parts.attention = Int128{set_for(decodes + padded).per_context} * context_sum;
    parts.host = Int128{host_base(decodes)} * iterations + Int128{step_per_context_} * context_sum;
    book(parts, OperatorClass::decode_attention, ledger);
  }

 private:
  /// What a step's time consists of; the fits do not tell more apart.
  struct Parts {
    Int128 weights = 0, attention = 0, host = 0;
    [[nodiscard]] Int128 sum() const { return weights + attention + host; }
  };

  static FixedDecode fixed(const LinearStep::Decode& set, double share) {
    return {fixed_from_ms(set.base * share), fixed_from_ms(set.per_context_token * share),
            fixed_from_ms(set.per_request * share)};
  }

  [[nodiscard]] const FixedDecode& set_for(std::int64_t requests) const {
    return decode_[requests < kLargeBatch ? 0 : 1];
  }
  // Half a nanosecond more, so that the line's floor rounds to nearest.
  [[nodiscard]] std::int64_t line_base(std::int64_t decodes, std::int64_t padded) const {
    const FixedDecode& set = set_for(decodes + padded);
    return set.base + set.per_request * (decodes + padded) + kFixedOne / 2;
  }
  // The extras count contexts without the new tokens: S - n.
  [[nodiscard]] std::int64_t host_base(std::int64_t decodes) const {
    return step_ - step_per_context_ * decodes;
  }

  [[nodiscard]] Parts decode(const BatchShape& shape) const {
    Parts parts;
    if (shape.decodes == 0) return parts;
    parts.weights = line_base(shape.decodes, shape.padded_decodes);
    parts.attention =
        Int128{set_for(shape.decodes + shape.padded_decodes).per_context} * shape.decode_context;
    parts.host =
        Int128{host_base(shape.decodes)} + Int128{step_per_context_} * shape.decode_context;
    return parts;
  }

  [[nodiscard]] Parts prefill(const BatchShape& shape) const {
    Parts parts;
    if (shape.prefills.empty()) return parts;
    const auto [tokens, squares] = shape.prefill_sums();
    parts.weights = prefill_base_ + kFixedOne / 2 + Int128{per_token_} * tokens;
    const Int128 attention = Int128{per_square_} * squares;
    if (attention >= 0) {
      parts.attention = attention;
    } else {  // a negative fitted coefficient must not make a step shorter than an empty one
      parts.weights = std::max(parts.weights + attention, Int128{prefill_base_ + kFixedOne / 2});
    }
    parts.host = Int128{step_} + Int128{step_per_context_} * tokens;
    return parts;
  }

  static Int128 transfer(const BatchShape& shape) {
    return fixed_from_seconds(shape.host_transfer.as_double() / kHostBytesPerSecond);
  }

  static void book(const Parts& parts, OperatorClass attention, CostLedger& ledger) {
    ledger.add(OperatorClass::gemm, Evidence::interpolated, parts.weights);
    ledger.add(attention, Evidence::interpolated, parts.attention);
    ledger.add(OperatorClass::host, Evidence::interpolated, parts.host);
  }

  std::int64_t prefill_base_ = 0, per_token_ = 0, per_square_ = 0;
  std::array<FixedDecode, 2> decode_{};
  std::int64_t step_ = 0, step_per_context_ = 0;
};

}  // namespace

// Least-squares fits of measured steps on A100-80G: fit parameters published with DistServe (Zhong
// et al., OSDI 2024, simdistserve's profile data). The 66b set at tensor 2 was fitted near the
// memory limit (steep decode slope, negative square term) and is kept as published.
// NOLINTNEXTLINE(readability-function-size): a table
const std::vector<LinearStep>& linear_steps() {
  static const std::vector<LinearStep> steps = {
      {"distserve",
       "13b",
       1,
       18.10254647,
       .1019122573,
       7.1222643e-6,
       {19.9347026, .00062693565, .0385069774},
       {7.1661889, .00057980004, .1583109619}},
      {"distserve",
       "13b",
       2,
       14.7429737,
       .0685772074,
       2.4495727e-6,
       {13.29479635, .000341092197, .0629639323},
       {10.63874191, .000311833696, .085629136}},
      {"distserve",
       "13b",
       4,
       12.06229703,
       .0380814008,
       5.2262497e-7,
       {10.25623168, .000187867023, .0326927363},
       {10.48351494, .000171208886, .0456664853}},
      {"distserve",
       "66b",
       2,
       43.05881348,
       .274229287,
       2.2478042e-5,
       {48.28801549, .000942434354, .127550201},
       {28.72769399, .000474484755, .296177924}},
      {"distserve",
       "66b",
       3,
       32.99823003,
       .1956825686,
       1.220525e-5,
       {35.80154395, .000584500479, .0952669765},
       {22.65386159, .000535848919, .208514444}},
      {"distserve",
       "66b",
       4,
       29.44163604,
       .1513521806,
       8.3174508e-6,
       {30.76028462, .000451947604, .0632841958},
       {27.47082137, .000404684554, .1248066774}},
      {"distserve",
       "66b",
       8,
       25.49066238,
       .1065917766,
       3.3910503e-6,
       {23.15511135, .000226914885, .048006384},
       {21.71772782, .000375808966, .0897861418}},
      {"vllm",
       "13b",
       1,
       22.05220479,
       .1405092387,
       8.0765848e-6,
       {23.47504101, .000592934466, .0607268613},
       {20.20635617, .000490772704, .1200031386}},
      {"vllm",
       "13b",
       2,
       27.44080625,
       .0905453268,
       8.4520543e-6,
       {24.54058424, .000224401454, .0871578727},
       {17.94776947, .000457085147, .1117907583}},
      {"vllm",
       "13b",
       4,
       30.53632259,
       .0515064494,
       4.2324731e-7,
       {25.90114444, 7.75363445e-5, .0552808716},
       {23.88388469, .000284001641, .0627652383}},
      {"vllm",
       "66b",
       2,
       58.38220263,
       .382640803,
       -7.1141487e-6,
       {57.07344137, .003646113878, .2249373634},
       {26.98375943, .006200132376, .4482569479}},
      {"vllm",
       "66b",
       3,
       45.74453424,
       .2778127748,
       3.6462469e-5,
       {44.93958621, .000809615255, .2128797959},
       {43.69602917, .000840256735, .2400646767}},
      {"vllm",
       "66b",
       4,
       42.96548936,
       .2128658423,
       4.6010174e-5,
       {39.58178936, .000694572169, .1358086819},
       {40.859718, .000426487126, .1950837255}},
      {"vllm",
       "66b",
       8,
       38.93119345,
       .157368223,
       4.5316762e-6,
       {31.17604192, .000275565436, .0679770397},
       {29.08777441, .000602772026, .1389608689}},
  };
  return steps;
}

const LinearStep& find_linear_step(const std::string& name, std::int64_t tensor,
                                   const std::string& where) {
  std::vector<std::string> names;
  std::string tensors;
  for (const LinearStep& step : linear_steps()) {
    const std::string short_name = std::string(step.engine) + "-" + step.model;
    const std::string long_name = std::string(step.engine) + "-opt-" + step.model;
    if (name == short_name || name == long_name) {
      if (step.tensor == tensor) return step;
      tensors += (tensors.empty() ? "" : ", ") + std::to_string(step.tensor);
    }
    if (names.empty() || names.back() != short_name) names.push_back(short_name);
  }
  if (!tensors.empty()) {
    throw InputError(where, "expected tensor_parallel " + tensors +
                                " (what was profiled for linear:" + name + "), got " +
                                std::to_string(tensor) +
                                "; choose one of these or the roofline cost model");
  }
  throw InputError(where,
                   "expected a linear cost model (distserve-13b, distserve-66b, vllm-13b, "
                   "vllm-66b), got " +
                       quoted(name) + did_you_mean(name, names));
}

std::unique_ptr<CostModel> make_linear_cost(const LinearStep& step, std::int64_t pipeline,
                                            std::int64_t stage) {
  SIM_CHECK(pipeline >= 1 && stage >= 0 && stage < pipeline,
            "a linear cost is made for a stage of the pipeline");
  return std::make_unique<LinearCost>(step, pipeline, stage);
}

}  // namespace headroom
