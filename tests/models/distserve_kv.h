// The KV capacities that DistServe's released tables list (Zhong et al., OSDI 2024, artifact), and
// how many of them our formula gives.
//
// Law: rows as released. Cost: tests only. Not here: the formula (models/memory.h).
#pragma once

#include <cstdint>
#include <vector>

#include "models/memory.h"

namespace headroom {

struct KvRow {
  const char* model;
  std::int64_t tensor, pipeline, tokens;
};

// The capacities that DistServe's released tables list for its engine on A100 80 GB.
inline const std::vector<KvRow>& published_kv() {
  static const std::vector<KvRow> kRows{
      {"opt-13b", 1, 1, 66144},   {"opt-13b", 1, 2, 163008},  {"opt-13b", 2, 1, 163008},
      {"opt-13b", 1, 4, 356752},  {"opt-13b", 2, 2, 356752},  {"opt-13b", 4, 1, 356736},
      {"opt-13b", 1, 5, 453616},  {"opt-13b", 5, 1, 453600},  {"opt-13b", 1, 8, 744224},
      {"opt-13b", 2, 4, 744224},  {"opt-13b", 8, 1, 744208},  {"opt-13b", 4, 2, 744224},
      {"opt-13b", 2, 5, 937968},  {"opt-13b", 4, 4, 1519168}, {"opt-13b", 2, 8, 1519184},
      {"opt-13b", 8, 2, 1519168}, {"opt-13b", 4, 8, 3069088}, {"opt-13b", 8, 4, 3069072},
      {"opt-13b", 8, 8, 6168896}, {"opt-66b", 1, 2, 11600},   {"opt-66b", 2, 1, 11600},
      {"opt-66b", 3, 1, 45056},   {"opt-66b", 1, 4, 78512},   {"opt-66b", 2, 2, 78512},
      {"opt-66b", 4, 1, 78496},   {"opt-66b", 3, 2, 145408},  {"opt-66b", 6, 1, 145408},
      {"opt-66b", 1, 8, 212320},  {"opt-66b", 2, 4, 212320},  {"opt-66b", 4, 2, 212320},
      {"opt-66b", 8, 1, 212304},  {"opt-66b", 3, 4, 346128},  {"opt-66b", 6, 2, 346128},
      {"opt-66b", 2, 8, 479952},  {"opt-66b", 4, 4, 479936},  {"opt-66b", 8, 2, 479936},
      {"opt-66b", 3, 8, 747568},  {"opt-66b", 6, 4, 747568},  {"opt-66b", 4, 8, 1015200},
      {"opt-66b", 8, 4, 1015184}, {"opt-66b", 6, 8, 1550448}, {"opt-66b", 8, 8, 2085696},
      {"opt-175b", 1, 6, 26208},  {"opt-175b", 2, 3, 26208},  {"opt-175b", 3, 2, 26208},
      {"opt-175b", 6, 1, 26208},  {"opt-175b", 1, 8, 59536},  {"opt-175b", 2, 4, 59536},
      {"opt-175b", 4, 2, 59520},  {"opt-175b", 8, 1, 59520},  {"opt-175b", 3, 3, 76192},
      {"opt-175b", 2, 6, 126160}, {"opt-175b", 3, 4, 126160}, {"opt-175b", 4, 3, 126160},
      {"opt-175b", 6, 2, 126160}, {"opt-175b", 2, 8, 192800}, {"opt-175b", 4, 4, 192800},
      {"opt-175b", 8, 2, 192784}, {"opt-175b", 3, 6, 226112}, {"opt-175b", 6, 3, 226112},
      {"opt-175b", 3, 8, 326064}, {"opt-175b", 4, 6, 326064}, {"opt-175b", 6, 4, 326064},
      {"opt-175b", 8, 3, 326048}, {"opt-175b", 4, 8, 459328}, {"opt-175b", 8, 4, 459328},
      {"opt-175b", 6, 6, 525968}, {"opt-175b", 6, 8, 725872}, {"opt-175b", 8, 6, 725856},
      {"opt-175b", 8, 8, 992400},
  };
  return kRows;
}

/// What CUDA offers on the A100 of the tables.
constexpr Bytes kDistserveMemory{84'990'600'000};

/// Rows that the formula gives within `distance` tokens.
inline int kv_rows_within(std::int64_t distance) {
  int rows = 0;
  for (const KvRow& row : published_kv()) {
    const Tokens tokens = distserve_kv_tokens(find_model(row.model, "test"),
                                              {row.tensor, row.pipeline}, kDistserveMemory);
    const std::int64_t off = tokens.value() - row.tokens;
    if (off >= -distance && off <= distance) ++rows;
  }
  return rows;
}

}  // namespace headroom
