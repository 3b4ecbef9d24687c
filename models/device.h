// An accelerator as data-sheet numbers, its price, and the catalogue of known ones.
//
// Law: peaks are dense (no structured sparsity), bandwidths per direction; figures have sources.
// Cost: plain values; find is a scan of a short list.
// Not here: what a kernel reaches of these peaks (cost models, profiles/), how devices are wired
// (sim/topology.h).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "models/architecture.h"
#include "sim/units.h"

namespace headroom {

/// What joins the devices of one node.
enum class InterconnectKind : std::uint8_t { pcie, nvlink_bridge, nvswitch, infinity_fabric };
[[nodiscard]] const char* to_string(InterconnectKind kind);

/// What one hour costs to rent.
struct DevicePrice {
  UsdPerHour hour{0};  ///< one device, on demand; 0: unknown
  std::string source;  ///< where the figure comes from, or "planning assumption"
  std::string date;    ///< year and month of the figure, "2025-06"
};

struct Device {
  std::string name;         ///< "h100-sxm"
  std::string vendor;       ///< "NVIDIA"
  std::string title;        ///< "NVIDIA H100 SXM5 80 GB"
  Bytes nominal_memory{0};  ///< as sold
  Bytes usable_memory{0};   ///< as the driver reports it; nominal where unknown
  BytesPerSecond memory_bandwidth{0};
  FlopsPerSecond fp32{0};  ///< vector units, no tensor cores
  FlopsPerSecond fp16{0};  ///< fp16 and bf16 tensor cores, dense
  FlopsPerSecond fp8{0};   ///< 0: no such units
  FlopsPerSecond int8{0};  ///< operations per second
  FlopsPerSecond fp4{0};   ///< 0: no such units
  InterconnectKind interconnect = InterconnectKind::pcie;
  BytesPerSecond link_bandwidth{0};  ///< to the node's other devices, per device and direction
  BytesPerSecond pcie_bandwidth{0};  ///< to the host, per direction
  std::int64_t usual_node_size = 8;  ///< devices of one node as commonly sold
  Watts tdp{0};
  Watts idle{0};
  DevicePrice price;
  std::string source;  ///< of the figures above

  /// Dense peak for GEMMs that multiply in `type`. Formats without own units run at the fp16 rate
  /// (they are expanded).
  [[nodiscard]] FlopsPerSecond peak(DataType type) const;
};

/// Known devices, sorted by name (models/catalogue/).
[[nodiscard]] const std::vector<Device>& device_catalogue();
/// A catalogue name or alias (case does not matter), or the path of a device file. Throws
/// InputError{where}, naming the nearest known device.
[[nodiscard]] Device find_device(const std::string& name_or_path, const std::string& where);
/// A device file: JSON, keys as in models/README.md, quantities with units ("80 GiB", "3.35 TB/s",
/// "989 TFLOP/s"). May start from a catalogue entry with "base". Throws InputError with file and
/// JSON pointer.
[[nodiscard]] Device parse_device_json(std::string_view text, const std::string& file);

}  // namespace headroom
