#include "models/utilisation.h"

#include <string_view>

namespace headroom {
namespace {

/// A name that starts so borrows these curves.
struct Kin {
  std::string_view prefix;
  std::string_view device;
};

// Same chip, or the nearest generation and memory technology measured.
constexpr Kin kKin[] = {
    {"a100", "a100-80g-sxm"}, {"a800", "a100-80g-sxm"}, {"a30", "a100-80g-sxm"},
    {"v100", "a100-80g-sxm"}, {"h200", "h200-sxm"},     {"h20", "h200-sxm"},
    {"gh200", "h200-sxm"},    {"h100", "h100-sxm"},     {"h800", "h100-sxm"},
    {"b", "b200-sxm"},        {"gb", "b200-sxm"},       {"l4", "l40s"},
    {"a10", "l40s"},          {"a40", "l40s"},          {"a6000", "l40s"},
    {"rtx", "l40s"},          {"t4", "l40s"},
};

const DeviceCurves& curves_of(std::string_view device) {
  for (const DeviceCurves& curves : device_curves())
    if (device == curves.device) return curves;
  return device_curves().front();
}

}  // namespace

// Fits of this project (least mean absolute log error) to the kernel times published in
// ai-dynamo/aiconfigurator at commit 095f58a51 (Apache-2.0), tables of vLLM 0.24.0 (a100: 0.14.0;
// h100 attention and all-reduce: 0.19.0), NCCL 2.27.3 for L40S. Ranges: GEMM n, k 1024 to 65536, m
// 1 to 32768 (a100: 8192); attention head size 128, decode context 16 to 131072, prompts 16 to
// 16384 with nothing cached; experts balanced, no expert parallelism; messages to 256 MiB. Median
// absolute error of each fit, in percent, in the order of the fields:
//   device    gemm16 gemm8  moe16 moe8  decode16 decode8  prefill16 prefill8  all-reduce 2/4/8
//   h100-sxm     4.9  10.1    5.3 10.2       6.0     6.1        4.9      6.4       1.1/1.6/1.9
//   h200-sxm     5.2  12.5    6.7 10.8       5.9     6.6        7.0      9.7       1.8/2.0/1.5
//   a100-80g     8.3     -      -    -      10.2       -        8.2        -       2.6/1.3/6.9
//   b200-sxm     6.1  10.6    9.7 10.0       7.6     8.7       11.7     16.9       2.8/1.9/2.9
//   l40s         8.0   8.9    6.9    -      16.4    16.1        9.6     12.2       2.6/1.2/4.0
// Shares are of the data-sheet peaks: h100 989 TFLOP/s and 3.35 TB/s, h200 4.8 TB/s, a100 312
// and 2.039, b200 2250 and 7.7, l40s 362 and 0.864; links 450 (h100, h200), 300, 900, 31.5 GB/s.
// Element-wise kernels: microsoft/vidur at 7d47513 (MIT), Llama-2-7B tables at 2048 and 4096
// tokens: activation 58 %, rotary 48 % and add 97 % of the H100's bandwidth; 50 %, 45 % and 90 % on
// the A100; 2 to 7 us at 8 tokens. Norms fused with the residual's add: 80 %, between rotary and
// add, what AIConfigurator takes for all element-wise kernels.
// NOLINTNEXTLINE(readability-function-size): a table
const std::vector<DeviceCurves>& device_curves() {
  static const std::vector<DeviceCurves> curves = [] {
    std::vector<DeviceCurves> list;
    DeviceCurves h100;
    h100.device = "h100-sxm";
    h100.title = "H100 SXM";
    h100.gemm16 = {3.86, 0.8124, 0.8853, 0};
    h100.gemm8 = {6.32, 0.6188, 0.7983, 10.94};
    h100.moe16 = {32.1, 0.4379, 0.8752, 0};
    h100.moe8 = {45.5, 0.1381, 0.1859, 0};
    h100.decode16 = {9.58, 1.0, 0.9158, 0.0195};
    h100.decode8 = {10.1, 0.2200, 0.8142, 0.0219};
    h100.prefill16 = {10.8, 0.7480, 0.8222, 850.5};
    h100.prefill8 = {11.7, 0.6729, 0.5127, 1001};
    h100.elementwise = {3.0, 0, 0.55, 0};
    h100.all_reduce = {{{2, 4.27, 0.6001, 0.818, 4.326e6},
                        {4, 4.58, 0.7170, 8.66, 1.594e6},
                        {8, 4.56, 0.8433, 6.88, 2.135e5}}};
    h100.has_elementwise = true;
    list.push_back(h100);

    DeviceCurves h200 = h100;
    h200.device = "h200-sxm";
    h200.title = "H200 SXM";
    h200.gemm16 = {4.23, 0.8075, 0.8436, 0};
    h200.gemm8 = {6.95, 0.6993, 0.7627, 16.49};
    h200.moe16 = {34.4, 0.4965, 0.8793, 0};
    h200.moe8 = {50.2, 0.1795, 0.1319, 0};
    h200.decode16 = {11.6, 0.2075, 0.8960, 0.0227};
    h200.decode8 = {14.0, 0.2253, 0.6311, 0.0246};
    h200.prefill16 = {13.0, 0.6230, 0.2743, 680.3};
    h200.prefill8 = {16.0, 0.6124, 0.1812, 1093};
    h200.all_reduce = {{{2, 4.41, 0.5797, 0.012, 3.859e7},
                        {4, 4.51, 0.7197, 4.84, 7.472e5},
                        {8, 4.70, 0.8459, 5.22, 1.54e5}}};
    h200.has_elementwise = false;
    list.push_back(h200);

    DeviceCurves a100 = h100;  // experts and fp8: the H100's, marked as borrowed
    a100.device = "a100-80g-sxm";
    a100.title = "A100 SXM";
    a100.gemm16 = {6.40, 0.7812, 0.7328, 0};
    a100.decode16 = {17.9, 0.1920, 0.7463, 0.0213};
    a100.prefill16 = {11.2, 0.5633, 0.2831, 360.1};
    a100.elementwise = {3.0, 0, 0.50, 0};
    a100.all_reduce = {{{2, 4.99, 0.5841, 0.043, 3.791e7},
                        {4, 5.20, 0.6354, 6.81, 4.107e5},
                        {8, 5.67, 0.6772, 10.5, 1.811e5}}};
    a100.has_moe = a100.has_fp8 = false;
    list.push_back(a100);

    DeviceCurves b200 = h200;
    b200.device = "b200-sxm";
    b200.title = "B200 SXM";
    b200.gemm16 = {3.84, 0.7104, 0.8125, 0};
    b200.gemm8 = {6.71, 0.6970, 0.7209, 20.52};
    b200.moe16 = {15.8, 0.3584, 0.8683, 0};
    b200.moe8 = {17.7, 0.3340, 0.8361, 0};
    b200.decode16 = {8.99, 0.1167, 0.9400, 0.0083};
    b200.decode8 = {9.93, 0.1607, 0.9350, 0.0069};
    b200.prefill16 = {12.1, 0.5483, 0.2060, 825.2};
    b200.prefill8 = {12.4, 0.5891, 0.1322, 1019};
    b200.all_reduce = {{{2, 6.78, 0.6019, 26.8, 5.341e6},
                        {4, 6.97, 0.6844, 20.1, 1.508e6},
                        {8, 7.41, 0.6807, 8.14, 2.377e5}}};
    list.push_back(b200);

    DeviceCurves l40s = h200;
    l40s.device = "l40s";
    l40s.title = "L40S";
    l40s.gemm16 = {0.5, 0.6129, 0.7635,
                   0};  // the fit's launch time is zero; half a microsecond keeps it positive
    l40s.gemm8 = {1.86, 0.5307, 0.7007, 4.06};
    l40s.moe16 = {1.0, 0.5103, 0.7638, 0};  // likewise
    l40s.moe8 = {1.0, 0.2552, 0.7638, 0};   // not fitted: half the bf16 share of twice the peak
    l40s.decode16 = {8.91, 1.0, 0.8562, 0.0067};
    l40s.decode8 = {10.6, 0.1595, 0.9556, 0.0070};
    l40s.prefill16 = {7.38, 0.5008, 0.7966, 315.9};
    l40s.prefill8 = {11.9, 0.4385, 1.0, 292.3};
    l40s.all_reduce = {{{2, 5.99, 0.6412, 22.2, 3.331e5},
                        {4, 11.6, 0.1632, 6.7, 2.389e5},
                        {8, 19.0, 0.0472, 134, 1.017e5}}};
    list.push_back(l40s);
    return list;
  }();
  return curves;
}

FoundCurves find_curves(const Device& device) {
  for (const DeviceCurves& curves : device_curves())
    if (device.name == curves.device) return {&curves, Evidence::interpolated};
  for (const Kin& kin : kKin)
    if (std::string_view(device.name).starts_with(kin.prefix))
      return {&curves_of(kin.device), Evidence::extrapolated};
  return {&device_curves().front(), Evidence::extrapolated};
}

}  // namespace headroom
