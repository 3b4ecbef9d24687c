#include "profiles/cuda_facts.h"

#include <array>
#include <utility>

namespace headroom::gpu {

std::string cuda_device_name(const std::string& title) {
  // Titles as drivers print them, names of the catalogue (models/bundled_devices.cpp).
  constexpr std::array<std::pair<const char*, const char*>, 18> kNames{{
      {"A100-SXM4-40GB", "a100-40g-sxm"},
      {"A100-SXM4-80GB", "a100-80g-sxm"},
      {"A100 80GB PCIe", "a100-80g-pcie"},
      {"A100-PCIE-80GB", "a100-80g-pcie"},
      {"H100 80GB HBM3", "h100-sxm"},
      {"H100 PCIe", "h100-pcie"},
      {"H200", "h200-sxm"},
      {"H20", "h20"},
      {"B200", "b200-sxm"},
      {"B300", "b300-sxm"},
      {"B300 SXM6 AC", "b300-sxm"},
      {"GB200", "gb200"},
      {"GB300", "gb300"},
      {"L40S", "l40s"},
      {"L4", "l4"},
      {"A10", "a10"},
      {"GeForce RTX 4090", "rtx-4090"},
      {"RTX PRO 6000 Blackwell Server Edition", "rtx-pro-6000"},
  }};
  constexpr const char* kMaker = "NVIDIA ";
  const std::string model =
      title.starts_with(kMaker) ? title.substr(std::char_traits<char>::length(kMaker)) : title;
  for (const auto& [printed, name] : kNames)
    if (model == printed) return name;
  std::string name;
  bool gap = false;
  for (const char c : model) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter) {
      if (gap && !name.empty()) name += '-';
      name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    gap = !letter;
  }
  return name.empty() ? "unknown-gpu" : name;
}

DevicePeaks peaks_of(const GpuFacts& facts) {
  DevicePeaks peaks;
  // Two transfers a clock.
  peaks.bytes_per_second = facts.memory_mhz * 1e6 * 2 * facts.bus_bits / 8;
  // Dense bf16 operations a cycle of one multiprocessor, from NVIDIA's architecture papers: A100
  // 1024 fused multiply-adds, H100 2048, B200 4096 (its 2.25e15 / 148 / 1.85e9).
  const int each = facts.major == 8 && facts.minor == 0 ? 2048
                   : facts.major == 9                   ? 4096
                   : facts.major == 10                  ? 8192
                                                        : 0;
  if (each == 0) return peaks;
  const double flops = facts.sm_mhz * 1e6 * facts.processors * each;
  peaks.flops_per_second["bf16"] = peaks.flops_per_second["fp16"] = flops;
  if (facts.major >= 9) peaks.flops_per_second["fp8"] = 2 * flops;
  return peaks;
}

std::string cuda_version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

}  // namespace headroom::gpu
