#include "traces/row_store.h"

#include <algorithm>
#include <map>

namespace headroom {

void RowStore::clear() {
  rows_.clear();
  hashes_.clear();
  next_ = 0;
}

bool RowStore::add(const RawRow& raw) {
  const std::size_t count = raw.row.prefix_blocks.size();
  if (rows_.size() == kMaxSortedRows || hashes_.size() + count > kMaxStoredHashes) return false;
  rows_.push_back(
      {raw.time_ns.value_or(0), raw.row, hashes_.size(), count, raw.time_ns.has_value()});
  hashes_.insert(hashes_.end(), raw.row.prefix_blocks.begin(), raw.row.prefix_blocks.end());
  return true;
}

void RowStore::sort() {
  std::stable_sort(rows_.begin(), rows_.end(),
                   [](const Stored& a, const Stored& b) { return a.time_ns < b.time_ns; });
}

void RowStore::number_turns() {
  std::map<std::uint64_t, std::uint32_t> turns;
  for (Stored& stored : rows_) {
    if (stored.row.session != 0) stored.row.turn = turns[stored.row.session]++;
  }
}

std::optional<RawRow> RowStore::next() {
  if (next_ == rows_.size()) return std::nullopt;
  const Stored& stored = rows_[next_++];
  RawRow raw;
  if (stored.timed) raw.time_ns = stored.time_ns;
  raw.row = stored.row;
  raw.row.prefix_blocks = std::span(hashes_).subspan(stored.first_hash, stored.hashes);
  return raw;
}

}  // namespace headroom
