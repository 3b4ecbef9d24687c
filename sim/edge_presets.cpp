#include "sim/edge_presets.h"

namespace headroom {
namespace {

constexpr Duration ms(std::int64_t count) { return kMillisecond * count; }

struct Row {
  const char* name;
  double benefit, cloud_price, edge_price;
  std::int64_t edge_ms, cloud_ms;
  std::int64_t deadline_ms[3];  ///< light, medium, heavy; 0: not in the load
  double bonus;                 ///< of a window (defined in the released code, which never uses it)
  bool urgent;                  ///< else D3+Kalmia extends by a tenth of the longest deadline
};

// HV hazard vest, DEV distance to the VIP, MD mask detection, BP body pose, CD crowd density,
// DEO distance to objects: the released scheduler's table for AWS Lambda.
constexpr Row kRows[] = {
    {"HV", 125, 25, 1, 174, 398, {650, 650, 650}, 100, true},
    {"DEV", 100, 26, 1, 172, 429, {0, 750, 750}, 120, false},
    {"MD", 75, 15, 1, 142, 589, {750, 850, 850}, 130, false},
    {"BP", 40, 43, 2, 244, 542, {0, 900, 900}, 150, false},
    {"CD", 175, 152, 4, 563, 878, {0, 0, 1000}, 140, true},
    {"DEO", 250, 210, 6, 739, 832, {0, 0, 950}, 160, true},
};

std::vector<EdgeTaskType> types_of(std::size_t load) {
  std::vector<EdgeTaskType> types;
  for (const Row& row : kRows) {
    if (row.deadline_ms[load] == 0) continue;
    EdgeTaskType type;
    type.name = row.name;
    type.benefit = row.benefit;
    type.cloud_price = row.cloud_price;
    type.edge_price = row.edge_price;
    type.edge_time = ms(row.edge_ms);
    type.cloud_time = ms(row.cloud_ms);
    type.deadline = ms(row.deadline_ms[load]);
    if (!row.urgent) type.extension = ms(row.deadline_ms[2] / 10);
    type.wanted_rate = 0.9;
    type.window_bonus = row.bonus;
    types.push_back(type);
  }
  return types;
}

CloudQuality benign() {
  CloudQuality quality{"benign", "calls take 0.75 to 1 times the expected time, uniformly", {}};
  DistributionSpec& law = quality.setup.time_factor;
  law.kind = DistributionSpec::Kind::uniform;
  law.least = 0.75;
  law.most = 1;
  return quality;
}

CloudQuality variable() {
  CloudQuality quality{
      "variable",
      "heavy tail: lognormal with mean 0.8 and cv 0.25 of the expected time; cold starts of 1 s "
      "for instances idle over 1 min",
      {}};
  DistributionSpec& law = quality.setup.time_factor;
  law.kind = DistributionSpec::Kind::lognormal;
  law.mean = 0.8;
  law.cv = 0.25;
  quality.setup.cold_start = kSecond;
  quality.setup.keep_alive = kSecond * 60;
  return quality;
}

CloudQuality degraded() {
  CloudQuality quality = benign();
  quality.name = "degraded";
  quality.summary = "benign, but 1.45 times slower from 60 s to 240 s";
  quality.setup.phases = {{Instant() + kSecond * 60, 1.45}, {Instant() + kSecond * 240, 1}};
  return quality;
}

// NVIDIA's data sheets: power modes of 5 W and 10 W (Jetson Nano), 7 W and 15 W (Jetson Orin Nano
// 8 GB as launched).
constexpr EdgeDevice kDevices[] = {
    {"jetson-nano", Watts(10), "NVIDIA Jetson Nano data sheet: highest power mode 10 W"},
    {"jetson-orin-nano", Watts(15),
     "NVIDIA Jetson Orin Nano series data sheet: highest power mode 15 W"},
};

constexpr Duration us(std::int64_t count) { return kMicrosecond * count; }

constexpr const char* kOrinSource =
    "the0807/YOLOv8-ONNX-TensorRT: table of times on a Jetson Orin Nano, highest power mode";
constexpr const char* kPoseSource =
    "pose network on drone frames on a Jetson Nano, batch 1: 95th percentile of a public log "
    "(CC-BY-NC-4.0; the log itself is not here)";

// Detectors at 640 x 640: PyTorch, TensorRT in half precision, TensorRT in 8 bits. Poses: the
// latency logs that `latencies` reads.
constexpr EdgeNetwork kNetworks[] = {
    {"pose-resnet18", "jetson-nano", us(70'342), kPoseSource},
    {"pose-densenet121", "jetson-nano", us(93'048), kPoseSource},
    {"yolov8n", "jetson-orin-nano", us(21'900), kOrinSource},
    {"yolov8n-fp16", "jetson-orin-nano", us(7'300), kOrinSource},
    {"yolov8n-int8", "jetson-orin-nano", us(5'800), kOrinSource},
    {"yolov8s", "jetson-orin-nano", us(33'100), kOrinSource},
    {"yolov8s-fp16", "jetson-orin-nano", us(11'400), kOrinSource},
    {"yolov8s-int8", "jetson-orin-nano", us(8'200), kOrinSource},
    {"yolov8m", "jetson-orin-nano", us(66'500), kOrinSource},
    {"yolov8m-fp16", "jetson-orin-nano", us(23'600), kOrinSource},
    {"yolov8m-int8", "jetson-orin-nano", us(17'100), kOrinSource},
};

constexpr CallPrice kPrices[] = {
    {"aws-lambda", Usd(0.2e-6), Usd(0.0000166667),
     "AWS Lambda pricing, x86, US East (N. Virginia): 0.20 USD per million requests, 0.0000166667 "
     "USD per GB-second"},
};

}  // namespace

const std::vector<EdgeLoad>& edge_loads() {
  static const std::vector<EdgeLoad> kLoads = {
      {"light", "HV and MD: 316 ms of edge time a segment", types_of(0)},
      {"medium", "HV, DEV, MD and BP: 732 ms of edge time a segment", types_of(1)},
      {"heavy", "HV, DEV, MD, BP, CD and DEO: 2,034 ms of edge time a segment", types_of(2)},
  };
  return kLoads;
}

const std::vector<CloudQuality>& cloud_qualities() {
  static const std::vector<CloudQuality> kQualities = {benign(), variable(), degraded()};
  return kQualities;
}

std::span<const EdgeDevice> edge_devices() { return kDevices; }

std::span<const EdgeNetwork> edge_networks() { return kNetworks; }

std::span<const CallPrice> call_prices() { return kPrices; }

}  // namespace headroom
