#include "profiles/measure_devices.h"

#include <charconv>
#include <optional>

#include "profiles/cuda_device.h"
#include "profiles/measure_cpu.h"
#include "sim/check.h"

namespace headroom {
namespace {

constexpr const char* kCudaPrefix = "cuda:";

/// N of "cuda:N".
std::optional<int> cuda_ordinal(const std::string& name) {
  if (!name.starts_with(kCudaPrefix)) return std::nullopt;
  const char* const begin = name.data() + std::char_traits<char>::length(kCudaPrefix);
  const char* const end = name.data() + name.size();
  int ordinal = 0;
  const auto [stop, error] = std::from_chars(begin, end, ordinal);
  if (error != std::errc() || stop != end || ordinal < 0) return std::nullopt;
  return ordinal;
}

}  // namespace

PlanFor kind_of_device(const std::string& name) {
  if (name == "cpu") return PlanFor::cpu;
  if (cuda_ordinal(name)) return PlanFor::gpu;
  throw InputError("--device", "expected cpu or cuda:N, got '" + name + "'; name one of them");
}

std::unique_ptr<MeasuredDevice> open_measured_device(const std::string& name) {
  if (kind_of_device(name) == PlanFor::cpu) return cpu_device();
#if defined(HEADROOM_CUDA)
  return gpu::cuda_device(*cuda_ordinal(name));
#else
  throw InputError("--device " + name,
                   "expected a program built with CUDA, got one without; configure the build with "
                   "-DHEADROOM_CUDA=ON where the CUDA toolkit is installed");
#endif
}

}  // namespace headroom
