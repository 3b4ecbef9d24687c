// The device catalogue. Figures are the vendors' data sheets; where a sheet prints rates with
// structured sparsity, half of them. Bandwidths are per direction: NVIDIA prints NVLink as the sum
// of both.
//
// Usable memory is what the driver reports (nvidia-smi, MiB) where we know it, else the nominal
// size. Nominal GB of HBM parts are sold as GiB (an 80 GB H100 carries 81,920 MiB of HBM) except
// where a row says otherwise.
//
// Idle power is not on data sheets: 0 MiB used, no context. Values are round planning assumptions
// in the range that nvidia-smi shows for such boards; a scenario that cares overrides them in a
// device file.
//
// Prices: a public on-demand list price divided by its devices where the row names one, else a
// planning assumption. Prices move monthly and differ threefold between providers; every report
// names the one it used.
#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "models/device.h"

namespace headroom {
namespace {

constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::int64_t kGiB = std::int64_t{1} << 30;
constexpr double kTera = 1e12;
constexpr double kGiga = 1e9;

/// Rates in TFLOP/s (dense), bandwidths in GB/s, powers in watts, prices in USD an hour.
struct Row {
  const char* name;
  const char* vendor;
  const char* title;
  std::int64_t nominal, usable;
  double memory_bandwidth, fp32, fp16, fp8, int8, fp4;
  InterconnectKind interconnect;
  double link, pcie;
  std::int64_t node_size;
  double tdp, idle, price;
  const char* price_source;
  const char* source;
};

constexpr const char* kAssumed = "planning assumption";
// Amazon EC2 on-demand, Linux, us-east-1: instance price over its GPUs.
constexpr const char* kP4d = "Amazon EC2 p4d.24xlarge on demand, us-east-1, 32.77 USD/h over 8";
constexpr const char* kP4de = "Amazon EC2 p4de.24xlarge on demand, us-east-1, 40.97 USD/h over 8";
constexpr const char* kG5 =
    "planning assumption: as Amazon EC2 g5.xlarge, us-east-1, 1.006 USD/h, which has one A10G";
constexpr const char* kG6 = "Amazon EC2 g6.xlarge on demand, us-east-1, 0.805 USD/h, 1 GPU";
constexpr const char* kG6e = "Amazon EC2 g6e.xlarge on demand, us-east-1, 1.861 USD/h, 1 GPU";
constexpr const char* kPriceDate = "2025-01";

constexpr InterconnectKind kPcie = InterconnectKind::pcie;
constexpr InterconnectKind kSwitch = InterconnectKind::nvswitch;

// clang-format off
constexpr std::array kRows{
    Row{"a10", "NVIDIA", "NVIDIA A10 24 GB", 24 * kGiB, 23'028 * kMiB, 600, 31.2, 125, 0, 250, 0,
        kPcie, 31.5, 31.5, 8, 150, 20, 1.006, kG5, "NVIDIA A10 data sheet, 2021"},
    Row{"a100-40g-sxm", "NVIDIA", "NVIDIA A100 SXM4 40 GB", 40 * kGiB, 40'960 * kMiB, 1'555, 19.5,
        312, 0, 624, 0, kSwitch, 300, 31.5, 8, 400, 55, 4.10, kP4d, "NVIDIA A100 data sheet, 2021"},
    Row{"a100-80g-pcie", "NVIDIA", "NVIDIA A100 PCIe 80 GB", 80 * kGiB, 81'920 * kMiB, 1'935, 19.5,
        312, 0, 624, 0, kPcie, 31.5, 31.5, 8, 300, 50, 2.00, kAssumed,
        "NVIDIA A100 data sheet, 2021"},
    // 84,990,600,000 B (79.1537 GiB) is what CUDA offers: it reproduces the KV capacities published
    // with DistServe (Zhong et al., OSDI 2024, artifact), 75 of 76 exactly.
    Row{"a100-80g-sxm", "NVIDIA", "NVIDIA A100 SXM4 80 GB", 80 * kGiB, 84'990'600'000, 2'039, 19.5,
        312, 0, 624, 0, kSwitch, 300, 31.5, 8, 400, 60, 5.12, kP4de,
        "NVIDIA A100 data sheet, 2021; usable memory from DistServe's published capacities"},
    Row{"b200-sxm", "NVIDIA", "NVIDIA B200 SXM 180 GB", 180 * kGiB, 183'359 * kMiB, 7'700, 75,
        2'250, 4'500, 4'500, 9'000, kSwitch, 900, 63, 8, 1'000, 140, 6.00, kAssumed,
        "NVIDIA HGX B200 data sheet, 2025; 183,359 MiB reported by nvidia-smi"},
    // Blackwell Ultra gave up most of its int8 rate.
    Row{"b300-sxm", "NVIDIA", "NVIDIA B300 SXM 270 GB", 270 * kGiB, 275'040 * kMiB, 7'750, 75,
        2'250, 4'500, 153.5, 14'000, kSwitch, 900, 126, 8, 1'100, 150, 7.00, kAssumed,
        "NVIDIA Blackwell Ultra data sheet, 2025; 275,040 MiB reported by nvidia-smi"},
    Row{"gb200", "NVIDIA", "NVIDIA GB200 NVL72, one B200 of 186 GB", 186 * kGiB, 189'471 * kMiB,
        8'000, 80, 2'500, 5'000, 5'000, 10'000, kSwitch, 900, 63, 4, 1'200, 150, 7.00, kAssumed,
        "NVIDIA GB200 NVL72 data sheet, 2025; 189,471 MiB reported by nvidia-smi"},
    Row{"gb300", "NVIDIA", "NVIDIA GB300 NVL72, one B300 of 279 GB", 279 * kGiB, 284'208 * kMiB,
        8'000, 80, 2'500, 5'000, 165, 15'000, kSwitch, 900, 63, 4, 1'400, 160, 8.00, kAssumed,
        "NVIDIA Blackwell Ultra data sheet, 2025; 284,208 MiB reported by nvidia-smi"},
    // Export variant of H100; figures as the press and framework authors report them, no public
    // data sheet.
    Row{"h20", "NVIDIA", "NVIDIA H20 SXM 96 GB", 96 * kGiB, 97'871 * kMiB, 4'000, 44, 148, 296, 296,
        0, kSwitch, 450, 63, 8, 400, 70, 1.50, kAssumed,
        "reported specification of the H20, 2023; no public data sheet"},
    Row{"h100-pcie", "NVIDIA", "NVIDIA H100 PCIe 80 GB", 80 * kGiB, 81'559 * kMiB, 2'000, 51, 756,
        1'513, 1'513, 0, kPcie, 63, 63, 8, 350, 55, 2.50, kAssumed, "NVIDIA H100 data sheet, 2023"},
    Row{"h100-sxm", "NVIDIA", "NVIDIA H100 SXM5 80 GB", 80 * kGiB, 81'559 * kMiB, 3'350, 67, 989,
        1'979, 1'979, 0, kSwitch, 450, 63, 8, 700, 75, 3.00, kAssumed,
        "NVIDIA H100 data sheet, 2023; 81,559 MiB reported by nvidia-smi"},
    Row{"h200-sxm", "NVIDIA", "NVIDIA H200 SXM5 141 GB", 141 * kGiB, 143'771 * kMiB, 4'800, 67, 989,
        1'979, 1'979, 0, kSwitch, 450, 63, 8, 700, 80, 3.80, kAssumed,
        "NVIDIA H200 data sheet, 2024; 143,771 MiB reported by nvidia-smi"},
    Row{"l4", "NVIDIA", "NVIDIA L4 24 GB", 24 * kGiB, 23'034 * kMiB, 300, 30.3, 121, 242, 242, 0,
        kPcie, 31.5, 31.5, 8, 72, 16, 0.805, kG6, "NVIDIA L4 data sheet, 2023"},
    Row{"l40s", "NVIDIA", "NVIDIA L40S 48 GB", 48 * kGiB, 46'068 * kMiB, 864, 91.6, 362, 733, 733,
        0, kPcie, 31.5, 31.5, 8, 350, 35, 1.861, kG6e,
        "NVIDIA L40S data sheet, 2023; 46,068 MiB reported by nvidia-smi"},
    // Infinity Fabric: 7 links of 64 GB/s a direction to the 7 other GPUs.
    Row{"mi300x", "AMD", "AMD Instinct MI300X 192 GB", 192 * kGiB, 192 * kGiB, 5'300, 163.4, 1'307,
        2'615, 2'615, 0, InterconnectKind::infinity_fabric, 448, 63, 8, 750, 140, 2.50, kAssumed,
        "AMD Instinct MI300X data sheet, 2023"},
    // Tensor rates with fp32 accumulation, which is what serving kernels use: half of the
    // fp16-accumulate rate.
    Row{"rtx-4090", "NVIDIA", "NVIDIA GeForce RTX 4090 24 GB", 24 * kGiB, 24'564 * kMiB, 1'008,
        82.6, 165.2, 330.3, 660.6, 0, kPcie, 31.5, 31.5, 8, 450, 25, 0.50, kAssumed,
        "NVIDIA Ada GPU architecture whitepaper, 2022, appendix A"},
    // 1,597 GB/s is the server board; workstation boards of the same chip reach 1,792.
    Row{"rtx-pro-6000", "NVIDIA", "NVIDIA RTX PRO 6000 Blackwell Server 96 GB", 96 * kGiB,
        97'887 * kMiB, 1'597, 120, 500, 1'000, 1'000, 2'000, kPcie, 63, 63, 8, 600, 35, 1.80,
        kAssumed, "NVIDIA RTX PRO 6000 Blackwell Server Edition data sheet, 2025"},
};
// clang-format on

Device device_of(const Row& row) {
  Device device;
  device.name = row.name;
  device.vendor = row.vendor;
  device.title = row.title;
  device.nominal_memory = Bytes(row.nominal);
  device.usable_memory = Bytes(row.usable);
  device.memory_bandwidth = BytesPerSecond(row.memory_bandwidth * kGiga);
  device.fp32 = FlopsPerSecond(row.fp32 * kTera);
  device.fp16 = FlopsPerSecond(row.fp16 * kTera);
  device.fp8 = FlopsPerSecond(row.fp8 * kTera);
  device.int8 = FlopsPerSecond(row.int8 * kTera);
  device.fp4 = FlopsPerSecond(row.fp4 * kTera);
  device.interconnect = row.interconnect;
  device.link_bandwidth = BytesPerSecond(row.link * kGiga);
  device.pcie_bandwidth = BytesPerSecond(row.pcie * kGiga);
  device.usual_node_size = row.node_size;
  device.tdp = Watts(row.tdp);
  device.idle = Watts(row.idle);
  device.price = {UsdPerHour(row.price), row.price_source, kPriceDate};
  device.source = row.source;
  return device;
}

}  // namespace

const std::vector<Device>& device_catalogue() {
  static const std::vector<Device> kDevices = [] {
    std::vector<Device> devices;
    for (const Row& row : kRows) devices.push_back(device_of(row));
    std::sort(devices.begin(), devices.end(),
              [](const Device& a, const Device& b) { return a.name < b.name; });
    return devices;
  }();
  return kDevices;
}

}  // namespace headroom
