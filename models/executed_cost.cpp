#include "models/executed_cost.h"

#include <algorithm>
#include <array>

#include "sim/check.h"

namespace headroom {
namespace {

constexpr OctaveGrid kSizes(2);
constexpr std::int64_t kLeast = 64, kMost = std::int64_t{1} << 16;
constexpr std::int64_t kOne = kFixedOne;

// Attention over token work. Decodes of long contexts take several times the token work of a
// batch, prompts less unless they are very long.
constexpr std::array<std::int64_t, 7> kDecode{0,    kOne / 8, kOne / 4, kOne / 2,
                                              kOne, 2 * kOne, 4 * kOne};
// Finer where two kinds of devices take turns: time bends where both are equally busy.
constexpr std::array<std::int64_t, 17> kPooledDecode{
    0,        kOne / 8,     kOne / 4,     kOne * 3 / 8,
    kOne / 2, kOne * 5 / 8, kOne * 3 / 4, kOne * 7 / 8,
    kOne,     kOne * 5 / 4, kOne * 3 / 2, kOne * 7 / 4,
    2 * kOne, kOne * 5 / 2, 3 * kOne,     4 * kOne,
    8 * kOne};
constexpr std::array<std::int64_t, 5> kPrefill{0, kOne / 32, kOne / 8, kOne / 2, 2 * kOne};

Int128 scaled(Int128 amount, std::int64_t share) { return amount * share >> kFixedBits; }

/// Last node at or below `value`, in shares of `work`; not the last one of all.
std::size_t node_below(std::span<const std::int64_t> nodes, Int128 work, Int128 value) {
  std::size_t i = 0;
  while (i + 2 < nodes.size() && value >= scaled(work, nodes[i + 1])) ++i;
  return i;
}

/// Number of streaming multiprocessors, from the vendor's architecture papers; 0: not known.
std::int64_t multiprocessors(const Device& device) {
  struct Known {
    const char* name;
    std::int64_t count;
  };
  constexpr Known kKnown[] = {{"a100-40g", 108}, {"a100-80g", 108}, {"h100", 132},
                              {"h200", 132},     {"l40s", 142},     {"b200", 148}};
  for (const Known& known : kKnown)
    if (device.name.starts_with(known.name)) return known.count;
  return 0;
}

/// Puts amounts of `from` into `to`, scaled so that they sum to `total`.
void book_scaled(const CostLedger& from, Int128 total, CostLedger& to) {
  Int128 all = 0;
  for (const auto& row : from.fixed_ns)
    for (const Int128 amount : row) all += amount;
  if (all <= 0) return;
  // Shares of 2^40 keep the products inside 128 bits; cumulative rounding keeps the sum.
  Int128 seen = 0, booked = 0;
  for (std::size_t c = 0; c < from.fixed_ns.size(); ++c) {
    for (std::size_t e = 0; e < from.fixed_ns[c].size(); ++e) {
      if (from.fixed_ns[c][e] == 0) continue;
      seen += from.fixed_ns[c][e];
      const Int128 share = (seen << 40) / all;
      const Int128 until = seen == all ? total : (total >> 20) * share >> 20;
      to.add(static_cast<OperatorClass>(c), static_cast<Evidence>(e), until - booked);
      booked = until;
    }
  }
}

}  // namespace

ExecutionTable::ExecutionTable(const ExecutionChoice& execution, ExecutedLayer& layer,
                               const CompiledCost& sequential)
    : least_(layer.devices() > 1 ? 1 : kLeast) {
  decode_at_ = kDecode;
  if (layer.devices() > 1) decode_at_ = kPooledDecode;
  for (std::int64_t i = kSizes.index(least_); i <= kSizes.index(kMost); ++i) {
    const std::int64_t tokens = kSizes.start(i);
    layer.set_batch(tokens, 0, 0);
    fill(execution, layer, static_cast<double>(sequential.token_work(tokens)) / kOne * 1e-9);
  }
}

void ExecutionTable::fill(const ExecutionChoice& execution, ExecutedLayer& layer, double work) {
  const auto layers = static_cast<double>(layer.layers());
  const std::size_t first = ratios_.size();
  const std::int64_t tokens = layer.tokens();
  for (const std::int64_t decode : decode_at_) {
    for (const std::int64_t prefill : kPrefill) {
      const double d = static_cast<double>(decode) / kOne, p = static_cast<double>(prefill) / kOne;
      layer.set_batch(tokens, work * d / layers, work * p / layers);
      const LayerTiming timing = time_plan(layer, execution.policy->plan(layer), execution.name);
      const double alone = layer.seconds_without_messages() * layers;
      const double saved = alone - timing.of(layer.layers());
      const double ratio = std::max(0.0, 1 + d + p - saved / work);
      auto node = static_cast<std::int64_t>(ratio * kOne + 0.5);
      // More attention never takes less time.
      const std::size_t i = ratios_.size() - first;
      if (i % kPrefill.size() > 0) node = std::max(node, ratios_.back());
      if (i >= kPrefill.size()) node = std::max(node, ratios_[first + i - kPrefill.size()]);
      ratios_.push_back(node);
    }
  }
}

std::size_t ExecutionTable::cell(std::int64_t tokens) const {
  const std::int64_t i = kSizes.index(std::min(tokens, kMost)) - kSizes.index(least_);
  return static_cast<std::size_t>(i) * decode_at_.size() * kPrefill.size();
}

ExecutionTable::Segment ExecutionTable::decode_segment(std::int64_t tokens, Int128 work,
                                                       Int128 decode) const {
  if (tokens < least_) return {0, -1, kOne, kOne};
  const std::size_t i = node_below(decode_at_, work, decode);
  const std::int64_t* nodes = &ratios_[cell(tokens)];
  const std::int64_t low = nodes[i * kPrefill.size()], high = nodes[(i + 1) * kPrefill.size()];
  Segment segment;
  segment.from = decode_at_[i];
  segment.past = i + 2 < decode_at_.size() ? decode_at_[i + 1] : -1;
  segment.start = low;
  segment.slope = ((high - low) << kFixedBits) / (decode_at_[i + 1] - decode_at_[i]);
  return segment;
}

Int128 ExecutionTable::time(std::int64_t tokens, Int128 work, Int128 decode, Int128 prefill) const {
  if (tokens < least_ || work <= 0) return work + decode + prefill;
  const std::size_t i = node_below(decode_at_, work, decode);
  const std::size_t j = node_below(kPrefill, work, prefill);
  const std::int64_t* nodes = &ratios_[cell(tokens) + i * kPrefill.size() + j];
  // Along prefill attention at both decode nodes, then between them.
  const Int128 across = prefill - scaled(work, kPrefill[j]);
  const auto along = [&](const std::int64_t* row) {
    const std::int64_t slope = ((row[1] - row[0]) << kFixedBits) / (kPrefill[j + 1] - kPrefill[j]);
    return scaled(work, row[0]) + scaled(across, slope);
  };
  const Int128 low = along(nodes), high = along(nodes + kPrefill.size());
  const Int128 from = scaled(work, decode_at_[i]), past = scaled(work, decode_at_[i + 1]);
  const Int128 width = std::max(past - from, Int128{1});
  const Int128 part = ((decode - from) << kFixedBits) / width;
  return low + ((high - low) * part >> kFixedBits);
}

ExecutedCost::ExecutedCost(const ShardedModel& sharded, const EngineDescription& engine,
                           const OperatorTimes& times, const Device& device,
                           const ExecutionChoice& execution, const AttentionPool& pool)
    : sequential_(sharded, engine, times, device.pcie_bandwidth), table_([&] {
        SIM_CHECK(sharded.parallel.attention_data == 1, "all attention is in one group");
        ExecutedLayer layer(sharded, times, multiprocessors(device), device.pcie_bandwidth.value(),
                            pool);
        return ExecutionTable(execution, layer, sequential_);
      }()) {}

Int128 ExecutedCost::device_time(const BatchShape& shape) const {
  if (shape.prefills.empty()) {
    const std::int64_t rows = shape.decodes + shape.padded_decodes;
    const DecodeLine line = device_line(rows, shape.decode_context + shape.padded_decodes).line;
    return Int128{line.base} + Int128{line.slope} * (shape.decode_context + shape.padded_decodes);
  }
  const CompiledCost::DeviceParts parts = sequential_.device_parts(shape);
  return table_.time(shape.all_tokens(), parts.work, parts.decode, parts.prefill) + parts.rows;
}

ExecutedCost::DeviceLine ExecutedCost::device_line(std::int64_t rows, std::int64_t context) const {
  const DecodeAttentionTable::Line found = sequential_.decode_attention(rows, context);
  const std::int64_t work = sequential_.token_work(rows);
  const auto attention = [&found](std::int64_t at) {
    return Int128{found.line.base} + Int128{found.line.slope} * at;
  };
  const ExecutionTable::Segment segment = table_.decode_segment(rows, work, attention(context));
  DeviceLine result;
  result.evidence = found.evidence;
  // The contexts for which the attention lies within the segment.
  std::int64_t first = sequential_.decode_attention_start(context);
  result.line.last_context = found.line.last_context;
  const std::int64_t slope = found.line.slope;
  if (slope > 0) {
    const auto reach = [&](std::int64_t share) {
      return static_cast<std::int64_t>((scaled(work, share) - found.line.base + slope - 1) / slope);
    };
    if (segment.from > 0) first = std::max(first, reach(segment.from));
    if (segment.past >= 0)
      result.line.last_context = std::min(result.line.last_context, reach(segment.past) - 1);
  }
  // Anchored at the first of them, so that rounding the slope down never makes time fall.
  const Int128 there = scaled(work, segment.start) +
                       scaled(attention(first) - scaled(work, segment.from), segment.slope);
  result.line.slope = static_cast<std::int64_t>(scaled(slope, segment.slope));
  const std::int64_t row_work = sequential_.row_work(rows);
  result.line.base =
      static_cast<std::int64_t>(there - Int128{result.line.slope} * first) + row_work;
  const Int128 alone = work + attention(first);
  result.work_share =
      alone > 0 ? static_cast<std::int64_t>((there << kFixedBits) / alone) : std::int64_t{kOne};
  return result;
}

IterationPrice ExecutedCost::price(const BatchShape& shape) const {
  return sequential_.price_of(shape, device_time(shape));
}

DecodeLine ExecutedCost::decode_line(std::int64_t decodes, std::int64_t padded,
                                     std::int64_t context) const {
  DecodeLine line = device_line(decodes + padded, context + padded).line;
  line.base += line.slope * padded;
  line.last_context -= padded;
  return sequential_.finished(line, decodes, padded, context);
}

void ExecutedCost::charge(const BatchShape& shape, CostLedger& ledger) const {
  if (shape.prefills.empty() && shape.host_transfer.value() == 0) {
    charge_decodes(shape.decodes, shape.padded_decodes, shape.decode_context, 1,
                   shape.decode_context, ledger);
    return;
  }
  CostLedger alone;
  sequential_.charge(shape, alone);
  // Host work and floors depend on the device's time, so they are booked anew.
  alone.fixed_ns[static_cast<std::size_t>(OperatorClass::host)].fill(0);
  CostLedger rows;
  sequential_.charge_rows(shape.sampled_rows(), 1, rows);
  Int128 row_sum = 0;
  for (std::size_t c = 0; c < rows.fixed_ns.size(); ++c) {
    for (std::size_t e = 0; e < rows.fixed_ns[c].size(); ++e) {
      alone.fixed_ns[c][e] -= rows.fixed_ns[c][e];
      row_sum += rows.fixed_ns[c][e];
      ledger.fixed_ns[c][e] += rows.fixed_ns[c][e];
    }
  }
  const Int128 device = device_time(shape);
  book_scaled(alone, device - row_sum, ledger);
  sequential_.charge_host(shape, device, ledger);
}

void ExecutedCost::charge_decodes(std::int64_t decodes, std::int64_t padded, std::int64_t context,
                                  std::int64_t iterations, std::int64_t context_sum,
                                  CostLedger& ledger) const {
  const std::int64_t rows = decodes + padded;
  const DeviceLine device = device_line(rows, context + padded);
  CostLedger tokens;
  sequential_.charge_tokens(rows, tokens);
  Int128 work = 0;
  for (std::size_t c = 0; c < tokens.fixed_ns.size(); ++c) {
    for (std::size_t e = 0; e < tokens.fixed_ns[c].size(); ++e) {
      const Int128 booked = scaled(tokens.fixed_ns[c][e], device.work_share);
      work += booked;
      ledger.fixed_ns[c][e] += booked * iterations;
    }
  }
  sequential_.charge_rows(rows, iterations, ledger);
  DecodeLine line = device.line;
  line.base += line.slope * padded;
  const Int128 rest = Int128{line.base} - work - sequential_.row_work(rows);
  ledger.add(OperatorClass::decode_attention, device.evidence,
             rest * iterations + Int128{line.slope} * context_sum);
  sequential_.charge_decode_host(line, {decodes, padded, context, iterations, context_sum}, ledger);
}

}  // namespace headroom
