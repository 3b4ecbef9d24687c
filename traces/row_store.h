// Rows of formats that do not come in order of time: kept whole, then sorted.
//
// Law: rows leave in order of (time, order of arrival in the file). Memory is bounded by
// kMaxSortedRows and kMaxStoredHashes.
// Not here: formats that are sorted already, which stream.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "traces/row_builder.h"

namespace headroom {

constexpr std::size_t kMaxStoredHashes = std::size_t{1} << 26;

class RowStore {
 public:
  void clear();
  /// Copies the row with its hashes. False when the bounds are reached.
  [[nodiscard]] bool add(const RawRow& raw);
  /// Sorts by time.
  void sort();
  /// Numbers the rows of each session in their present order.
  void number_turns();
  /// The next row; its hashes stay valid until `clear`.
  [[nodiscard]] std::optional<RawRow> next();
  [[nodiscard]] std::size_t size() const { return rows_.size(); }

 private:
  struct Stored {
    std::int64_t time_ns;
    TraceRow row;
    std::size_t first_hash, hashes;
    bool timed;
  };
  std::vector<Stored> rows_;
  std::vector<std::uint64_t> hashes_;
  std::size_t next_ = 0;
};

}  // namespace headroom
