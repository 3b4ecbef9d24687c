// Published task tables, device figures and cloud prices as data, each with its source.
//
// Law: a number without a source is not here.
// Not here: laws of actual times that somebody measured; none are published for these tables, so
// the cloud qualities below are stated assumptions.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/edge_cloud.h"
#include "sim/edge_task.h"
#include "sim/units.h"

namespace headroom {

/// A set of task types.
struct EdgeLoad {
  std::string_view name;
  std::string_view summary;
  std::vector<EdgeTaskType> types;
};

/// light, medium, heavy: two, four and six models a segment. Times on a Jetson Nano and on AWS
/// Lambda, worth, prices and deadlines as in the released code of arXiv 2412.20860
/// (dream-lab/ocularone-scheduler).
[[nodiscard]] const std::vector<EdgeLoad>& edge_loads();

/// The device whose times at the edge the published tables hold.
constexpr std::string_view kTimesOfDevice = "jetson-nano";

/// How well a cloud keeps its expected times.
struct CloudQuality {
  std::string_view name;
  std::string_view summary;
  EdgeCloudSetup setup;
};

/// benign, variable, degraded: assumptions, for no distribution of actual times is published.
[[nodiscard]] const std::vector<CloudQuality>& cloud_qualities();

/// An accelerator at the edge.
struct EdgeDevice {
  std::string_view name;
  Watts power{0};  ///< budget of its highest power mode
  std::string_view source;
};
[[nodiscard]] std::span<const EdgeDevice> edge_devices();

/// The measured time of a network on one frame.
struct EdgeNetwork {
  std::string_view name;
  std::string_view device;  ///< in edge_devices()
  Duration time{0};
  std::string_view source;
};
[[nodiscard]] std::span<const EdgeNetwork> edge_networks();

/// What a function in the cloud costs.
struct CallPrice {
  std::string_view name;
  Usd call{0};
  Usd gigabyte_second{0};  ///< of the memory given to the function (1 GB = 1024 MB there)
  std::string_view source;
};
[[nodiscard]] std::span<const CallPrice> call_prices();

}  // namespace headroom
