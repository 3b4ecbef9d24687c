#include "models/table_cost.h"

#include <algorithm>
#include <vector>

namespace headroom {

TableTimes::TableTimes(const ProfileStore& store, const Device& device, const std::string& where,
                       const std::string& library)
    : own_(std::make_unique<const MeasuredKernels>(kernels_of(store, device, library, where))),
      kernels_(own_.get()),
      roofline_(device) {}

TableTimes::TableTimes(const MeasuredKernels& kernels, const Device& device)
    : kernels_(&kernels), roofline_(device) {}

OperatorTime TableTimes::time(const Operator& op) const {
  OperatorTime answer = roofline_.time(op);
  const std::vector<KernelPlace> places = places_of(op);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const GridAnswer grid = kernels_->grid.at(places[i]);
    if (!grid.found) continue;
    answer.seconds *= grid.ratio;
    answer.launch = std::min(answer.launch, answer.seconds);
    // What stands in for another format, or for a chunk behind cached tokens, is no evidence of it.
    const bool own = i == 0;
    answer.evidence = own && grid.exact    ? Evidence::measured
                      : own && grid.inside ? Evidence::interpolated
                                           : Evidence::extrapolated;
    return answer;
  }
  return answer;
}

}  // namespace headroom
