#include "models/measured_kernels.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "models/kernel_place.h"
#include "sim/check.h"

namespace headroom {
namespace {

/// What is read once; empty until then.
template <class Value>
struct Once {
  std::mutex mutex;
  std::unique_ptr<const Value> value;
};

/// Values by key, made by whoever asks first; what throws is tried again.
template <class Value>
class Shared {
 public:
  template <class Make>
  const Value& at(const std::string& key, const Make& make) {
    Once<Value>* once = nullptr;
    {
      const std::lock_guard lock(mutex_);
      once = &entries_[key];
    }
    const std::lock_guard lock(once->mutex);
    if (!once->value) once->value = std::make_unique<const Value>(make());
    return *once->value;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, Once<Value>> entries_;
};

/// Path, size and SQLite's change counter (bytes 24 to 27 of the file, SQLite file format 1.3.7),
/// which each transaction raises.
std::string identity_of(const std::string& path) {
  std::array<char, 28> head{};
  std::ifstream file(path, std::ios::binary);
  file.read(head.data(), head.size());
  std::error_code ignored;
  std::string key = path + "|" + std::to_string(std::filesystem::file_size(path, ignored));
  for (std::size_t i = 24; i < head.size(); ++i)
    key += "|" + std::to_string(static_cast<unsigned char>(head[i]));
  return key;
}

/// A device file may give a known name other peaks, and corrections are relative to those.
std::string peaks_key(const Device& device) {
  std::string key = device.name;
  for (const double value :
       {device.memory_bandwidth.value(), device.fp32.value(), device.fp16.value(),
        device.fp8.value(), device.int8.value(), device.fp4.value(), device.link_bandwidth.value(),
        device.pcie_bandwidth.value()})
    key += "|" + std::to_string(value);
  return key;
}

}  // namespace

MeasuredKernels kernels_of(const ProfileStore& store, const Device& device,
                           const std::string& library, const std::string& where) {
  const std::vector<std::string> devices = store.devices();
  if (std::find(devices.begin(), devices.end(), device.name) == devices.end()) {
    std::string known;
    for (const std::string& name : devices) known += (known.empty() ? "" : ", ") + name;
    throw InputError(where, "expected a profile store with kernels of " + device.name +
                                ", got one of " + (known.empty() ? "no device" : known) +
                                "; measure or import them, or use the roofline cost model");
  }
  MeasuredKernels kernels;
  kernels.grid = read_grid(store, device, library);
  // A store of one library answers for another rather than none.
  const std::string other = kernels.grid.empty() ? std::string() : library;
  if (other != library) kernels.grid = read_grid(store, device, other);
  kernels.skew = read_skew_laws(store, device.name,
                                [&](const ProfileRun& run) { return is_of_library(run, other); });
  return kernels;
}

const MeasuredKernels& measured_kernels(const std::string& path, const Device& device,
                                        const std::string& library, const std::string& where) {
  static Shared<std::string> digests;
  static Shared<MeasuredKernels> grids;
  const ProfileStore store(path, ProfileStore::Mode::read_only);
  const std::string identity = identity_of(path);
  return grids.at(identity + "|" + peaks_key(device) + "|" + library, [&] {
    MeasuredKernels kernels;
    kernels = kernels_of(store, device, library, where);
    kernels.digest = digests.at(identity, [&] { return store.digest(); });
    return kernels;
  });
}

}  // namespace headroom
