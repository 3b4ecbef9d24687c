#include "traces/outage_trace.h"

#include "traces/named_rows.h"

namespace headroom {

std::vector<DynamicsSpec::Outage> read_outages(LineReader reader, std::int64_t replicas) {
  enum Column : std::size_t { kTime, kReplica, kDown };
  constexpr std::int64_t kMostNs = std::int64_t{1} << 55;  // a year
  constexpr std::size_t kMostRows = 1'000'000;
  NamedRows rows(std::move(reader), {"time_s", "replica", "down_s"});
  for (const Column column : {kTime, kReplica, kDown}) rows.require(column);
  std::vector<DynamicsSpec::Outage> outages;
  while (rows.next()) {
    DynamicsSpec::Outage outage;
    outage.at = Duration(rows.number(kTime, 9, kMostNs));
    outage.replica = rows.number(kReplica, 0, replicas - 1);
    outage.down = Duration(rows.number(kDown, 9, kMostNs));
    if (!outages.empty() && outage.at < outages.back().at) {
      throw InputError(rows.place(kTime),
                       "expected rows in order of time, got an earlier one; sort them");
    }
    outages.push_back(outage);
    if (outages.size() > kMostRows) {
      throw InputError(rows.place(kTime),
                       "expected at most 1,000,000 rows, got more; cut the trace");
    }
  }
  return outages;
}

}  // namespace headroom
