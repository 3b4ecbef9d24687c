// The packs that ship, made by fit_device_pack of stores that hold AIConfigurator's tables.
#include "models/pack.h"

namespace headroom {
namespace {

// Each file is one raw string literal.
constexpr const char* kPacks[] = {
#include "models/packs/a100-80g-sxm.pack"
    ,
#include "models/packs/b200-sxm.pack"
    ,
#include "models/packs/gb200.pack"
    ,
#include "models/packs/h100-sxm.pack"
    ,
#include "models/packs/h200-sxm.pack"
    ,
#include "models/packs/l40s.pack"
};

}  // namespace

const std::vector<Pack>& bundled_packs() {
  static const std::vector<Pack> packs = [] {
    std::vector<Pack> all;
    for (const char* text : kPacks) all.push_back(parse_pack(text, "bundled pack"));
    return all;
  }();
  return packs;
}

const Pack* bundled_pack(const std::string& device) {
  for (const Pack& pack : bundled_packs())
    if (pack.device == device) return &pack;
  return nullptr;
}

}  // namespace headroom
