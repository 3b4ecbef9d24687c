// Compiled costs, kept for the scenarios of one process that ask for the same ones.
//
// Law: an entry is what compiling anew would give; a key names everything that the prices depend on
// (files are taken to stay as they are while the program runs).
// Cost: compiling takes 5 to 50 ms and a few MB, a hit a map look-up. Safe for several threads: of
// those that ask for the same costs one compiles and the others wait.
// Not here: how costs are made (models/cost_factory.h).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "models/cost_factory.h"

namespace headroom {

/// Made costs and the fingerprint of their prices.
struct CachedCost {
  MadeCost made;
  std::string digest;  ///< of the prices, then "+" and that of the profile store, if any
};

class CostCache {
 public:
  CostCache() = default;
  CostCache(const CostCache&) = delete;
  CostCache& operator=(const CostCache&) = delete;

  /// The costs for `request`; they live as long as the cache. `words` tells apart what shares a
  /// name: paths and options that changed the model, device or engine. Throws InputError.
  [[nodiscard]] const CachedCost& get(const CostRequest& request, const std::string& words);

 private:
  struct Entry {
    std::once_flag once;
    CachedCost cost;
  };
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Entry>> entries_;
};

}  // namespace headroom
