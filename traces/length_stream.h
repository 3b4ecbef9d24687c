// Lengths of one request after another, drawn or read, whatever decides when they arrive.
//
// Law: the i-th answer is a function of (workload, seed) alone: it does not depend on arrivals or
// scheduling.
// Cost: 30 to 150 ns a drawn request; a shared prefix adds no work, its hashes are a table.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "sim/random.h"
#include "sim/request.h"
#include "sim/scenario.h"
#include "traces/sampler.h"
#include "traces/trace_reader.h"

namespace headroom {

class LengthStream {
 public:
  virtual ~LengthStream() = default;
  /// Fills all but the arrival; false at the end. Spans stay valid until the next call but one, so
  /// that a source may look one request ahead.
  [[nodiscard]] virtual bool next(RequestSpec& spec) = 0;
};

/// Tokens per block of generated prefix hashes: vLLM's default block size (16), which divides the
/// common larger ones.
constexpr Tokens kGeneratedBlockTokens{16};

/// Chained hashes of N distinct system prompts.
class PrefixTable {
 public:
  PrefixTable() = default;
  /// Throws InputError when the table would exceed 2^26 hashes.
  PrefixTable(const WorkloadSpec& spec, std::uint64_t seed);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] Tokens tokens() const { return tokens_; }
  /// Hashes of the full blocks of system prompt `which`.
  [[nodiscard]] std::span<const std::uint64_t> blocks(std::uint64_t which) const;

 private:
  std::uint64_t count_ = 0;
  Tokens tokens_{0};
  std::size_t blocks_each_ = 0;
  std::vector<std::uint64_t> hashes_;
};

/// Independent lengths, each prompt behind one of the shared prefixes; without end.
class DrawnLengths final : public LengthStream {
 public:
  DrawnLengths(const WorkloadSpec& spec, std::uint64_t seed);
  bool next(RequestSpec& spec) override;

 private:
  Sampler prompt_law_, output_law_;
  RandomStream prompt_, output_, prefix_;
  PrefixTable prefixes_;
};

/// The rows of a trace in their order, times left out.
class TraceLengths final : public LengthStream {
 public:
  explicit TraceLengths(std::unique_ptr<TraceReader> reader) : reader_(std::move(reader)) {}
  bool next(RequestSpec& spec) override;

 private:
  std::unique_ptr<TraceReader> reader_;
  std::array<std::vector<std::uint64_t>, 2> hashes_;
  std::size_t turn_ = 0;
};

/// A trace's row as a request that has not arrived yet.
[[nodiscard]] RequestSpec request_of(const TraceRow& row);

}  // namespace headroom
