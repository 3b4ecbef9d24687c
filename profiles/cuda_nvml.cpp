#include "profiles/cuda_nvml.h"

#include <dlfcn.h>

#include <array>
#include <cstring>
#include <utility>

namespace headroom::gpu {
namespace {

// NVML API Reference Manual: values of its enumerations, and 0 for success.
constexpr int kSuccess = 0;
constexpr int kClockSm = 1, kClockMemory = 2, kTemperatureGpu = 0;
constexpr unsigned kTextBytes = 96;

using Device = void*;

}  // namespace

/// Functions that a driver may lack are null.
struct Nvml::Library {
  void* handle = nullptr;
  Device device = nullptr;
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*by_bus)(const char*, Device*) = nullptr;
  int (*driver)(char*, unsigned) = nullptr;
  int (*uuid)(Device, char*, unsigned) = nullptr;
  int (*clock)(Device, int, unsigned*) = nullptr;
  int (*most_clock)(Device, int, unsigned*) = nullptr;
  int (*temperature)(Device, int, unsigned*) = nullptr;
  int (*power)(Device, unsigned*) = nullptr;
  int (*power_limit)(Device, unsigned*) = nullptr;
  int (*reasons)(Device, unsigned long long*) = nullptr;
  int (*ecc)(Device, unsigned*, unsigned*) = nullptr;
  int (*mig)(Device, unsigned*, unsigned*) = nullptr;
  int (*persistence)(Device, unsigned*) = nullptr;

  Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    if (device != nullptr && shutdown != nullptr) static_cast<void>(shutdown());
    if (handle != nullptr) ::dlclose(handle);
  }
  template <class Function>
  void find(Function& function, const char* name) const {
    void* const address = ::dlsym(handle, name);
    static_assert(sizeof function == sizeof address);
    std::memcpy(&function, &address, sizeof function);
  }
  void find_all() {
    find(init, "nvmlInit_v2");
    find(shutdown, "nvmlShutdown");
    find(by_bus, "nvmlDeviceGetHandleByPciBusId_v2");
    find(driver, "nvmlSystemGetDriverVersion");
    find(uuid, "nvmlDeviceGetUUID");
    find(clock, "nvmlDeviceGetClockInfo");
    find(most_clock, "nvmlDeviceGetMaxClockInfo");
    find(temperature, "nvmlDeviceGetTemperature");
    find(power, "nvmlDeviceGetPowerUsage");
    find(power_limit, "nvmlDeviceGetEnforcedPowerLimit");
    find(reasons, "nvmlDeviceGetCurrentClocksThrottleReasons");
    find(ecc, "nvmlDeviceGetEccMode");
    find(mig, "nvmlDeviceGetMigMode");
    find(persistence, "nvmlDeviceGetPersistenceMode");
  }
  /// The answer of a function of (device, arguments..., result).
  template <class Result, class Function, class... Arguments>
  [[nodiscard]] std::optional<Result> ask(Function function, Arguments... arguments) const {
    Result result{};
    if (function == nullptr || function(device, arguments..., &result) != kSuccess) return {};
    return result;
  }
};

Nvml::Nvml(std::unique_ptr<Library> library) : library_(std::move(library)) {}
Nvml::Nvml(Nvml&&) noexcept = default;
Nvml& Nvml::operator=(Nvml&&) noexcept = default;
Nvml::~Nvml() = default;

std::optional<Nvml> Nvml::open(const std::string& bus_id) {
  auto library = std::make_unique<Library>();
  library->handle = ::dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (library->handle == nullptr) return {};
  library->find_all();
  if (library->init == nullptr || library->by_bus == nullptr || library->init() != kSuccess)
    return {};
  Device device = nullptr;
  if (library->by_bus(bus_id.c_str(), &device) != kSuccess) {
    if (library->shutdown != nullptr) static_cast<void>(library->shutdown());
    return {};
  }
  library->device = device;
  return Nvml(std::move(library));
}

std::string Nvml::driver() const {
  std::array<char, kTextBytes> text{};
  if (library_->driver == nullptr || library_->driver(text.data(), kTextBytes) != kSuccess)
    return {};
  return text.data();
}

std::string Nvml::uuid() const {
  std::array<char, kTextBytes> text{};
  if (library_->uuid == nullptr ||
      library_->uuid(library_->device, text.data(), kTextBytes) != kSuccess)
    return {};
  return text.data();
}

std::optional<unsigned> Nvml::sm_mhz() const {
  return library_->ask<unsigned>(library_->clock, kClockSm);
}
std::optional<unsigned> Nvml::memory_mhz() const {
  return library_->ask<unsigned>(library_->clock, kClockMemory);
}
std::optional<unsigned> Nvml::most_sm_mhz() const {
  return library_->ask<unsigned>(library_->most_clock, kClockSm);
}
std::optional<unsigned> Nvml::celsius() const {
  return library_->ask<unsigned>(library_->temperature, kTemperatureGpu);
}
std::optional<double> Nvml::watts() const {
  const auto milliwatts = library_->ask<unsigned>(library_->power);
  if (!milliwatts) return {};
  return *milliwatts / 1000.0;
}
std::optional<double> Nvml::watt_limit() const {
  const auto milliwatts = library_->ask<unsigned>(library_->power_limit);
  if (!milliwatts) return {};
  return *milliwatts / 1000.0;
}
std::optional<unsigned long long> Nvml::slow_reasons() const {
  return library_->ask<unsigned long long>(library_->reasons);
}

std::string Nvml::modes() const {
  std::string text;
  const auto mode = [&text](const char* name, const std::optional<unsigned>& on) {
    if (on) text += (text.empty() ? "" : ", ") + std::string(name) + (*on == 0 ? " off" : " on");
  };
  unsigned pending = 0;
  const auto first = [&](int (*function)(Device, unsigned*, unsigned*)) {
    unsigned current = 0;
    if (function == nullptr || function(library_->device, &current, &pending) != kSuccess)
      return std::optional<unsigned>{};
    return std::optional<unsigned>{current};
  };
  mode("ECC", first(library_->ecc));
  mode("MIG", first(library_->mig));
  mode("persistence", library_->ask<unsigned>(library_->persistence));
  return text;
}

std::string slow_reason_text(unsigned long long mask) {
  // nvmlClocksEventReasons of the manual, but idle, applications' settings and display.
  constexpr std::array<std::pair<unsigned long long, const char*>, 5> kReasons{
      {{0x4, "power cap"},
       {0x8, "hardware slowdown"},
       {0x20, "heat (software)"},
       {0x40, "heat (hardware)"},
       {0x80, "power brake"}}};
  std::string text;
  for (const auto& [bit, name] : kReasons)
    if ((mask & bit) != 0) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

}  // namespace headroom::gpu
