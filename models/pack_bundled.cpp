// The packs that ship, made by fit_device_pack of stores that hold AIConfigurator's tables.
#include <array>
#include <mutex>

#include "models/pack.h"

namespace headroom {
namespace {

struct BundledText {
  const char* device;
  const char* text;  ///< each file is one raw string literal
};
constexpr std::size_t kCount = 6;
constexpr std::array<BundledText, kCount> kPacks{{
    {
        "a100-80g-sxm",
#include "models/packs/a100-80g-sxm.pack"
    },
    {
        "b200-sxm",
#include "models/packs/b200-sxm.pack"
    },
    {
        "gb200",
#include "models/packs/gb200.pack"
    },
    {
        "h100-sxm",
#include "models/packs/h100-sxm.pack"
    },
    {
        "h200-sxm",
#include "models/packs/h200-sxm.pack"
    },
    {
        "l40s",
#include "models/packs/l40s.pack"
    },
}};

}  // namespace

const std::vector<std::string>& bundled_pack_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const BundledText& one : kPacks) all.emplace_back(one.device);
    return all;
  }();
  return names;
}

const Pack* bundled_pack(const std::string& device) {
  // Read when first asked for: a run needs one of them.
  static std::array<std::once_flag, kCount> once;
  static std::array<Pack, kCount> packs;
  for (std::size_t i = 0; i < kCount; ++i) {
    if (kPacks[i].device != device) continue;
    std::call_once(once[i], [&] { packs[i] = parse_pack(kPacks[i].text, "bundled pack"); });
    return &packs[i];
  }
  return nullptr;
}

}  // namespace headroom
