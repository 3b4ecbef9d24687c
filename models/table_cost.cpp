#include "models/table_cost.h"

#include <algorithm>
#include <vector>

#include "sim/check.h"

namespace headroom {

TableTimes::TableTimes(const ProfileStore& store, const Device& device, const std::string& where,
                       const std::string& library)
    : roofline_(device) {
  const std::vector<std::string> devices = store.devices();
  if (std::find(devices.begin(), devices.end(), device.name) == devices.end()) {
    std::string known;
    for (const std::string& name : devices) known += (known.empty() ? "" : ", ") + name;
    throw InputError(where, "expected a profile store with kernels of " + device.name +
                                ", got one of " + (known.empty() ? "no device" : known) +
                                "; measure or import them, or use the roofline cost model");
  }
  KernelGrid grid = read_grid(store, device, library);
  // A store of one library answers for another rather than none.
  if (grid.empty() && !library.empty()) grid = read_grid(store, device, {});
  own_ = std::make_unique<const KernelGrid>(std::move(grid));
  grid_ = own_.get();
}

TableTimes::TableTimes(const KernelGrid& grid, const Device& device, Evidence best)
    : grid_(&grid), roofline_(device), best_(best) {}

OperatorTime TableTimes::time(const Operator& op) const {
  OperatorTime answer = roofline_.time(op);
  const std::vector<KernelPlace> places = places_of(op);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const GridAnswer grid = grid_->at(places[i]);
    if (!grid.found) continue;
    answer.seconds *= grid.ratio;
    answer.launch = std::min(answer.launch, answer.seconds);
    // What stands in for another format, or for a chunk behind cached tokens, is no evidence of it.
    const bool own = i == 0;
    answer.evidence = own && grid.exact    ? best_
                      : own && grid.inside ? std::max(best_, Evidence::interpolated)
                                           : Evidence::extrapolated;
    return answer;
  }
  return answer;
}

}  // namespace headroom
