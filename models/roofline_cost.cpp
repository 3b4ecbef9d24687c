#include "models/roofline_cost.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "sim/check.h"

namespace headroom {
namespace {

constexpr double kMicro = 1e-6;

bool within(std::int64_t value, std::int64_t least, std::int64_t most) {
  return value >= least && value <= most;
}

/// Formats the fits were made on.
bool is_16_bit(DataType type) { return type == DataType::bf16 || type == DataType::fp16; }

/// Formats of eight bits and fewer that multiply as such.
bool is_narrow(DataType type) {
  return type == DataType::fp8 || type == DataType::fp8_static || type == DataType::fp8_block ||
         type == DataType::int8 || type == DataType::nvfp4;
}

/// Fourth root of a^4 + b^4: a maximum without a corner.
double smooth_max(double a, double b) {
  const double a2 = a * a, b2 = b * b;
  return std::sqrt(std::sqrt(a2 * a2 + b2 * b2));
}

}  // namespace

RooflineTimes::RooflineTimes(Device device)
    : device_(std::move(device)), found_(find_curves(device_)) {
  SIM_CHECK(device_.memory_bandwidth.value() > 0 && device_.fp16.value() > 0,
            "a device has bandwidth and compute");
}

Evidence RooflineTimes::evidence(bool in_range) const {
  return in_range ? found_.evidence : Evidence::extrapolated;
}

OperatorTime RooflineTimes::priced(const KernelCurve& curve, double flops, double peak,
                                   double bytes) const {
  const double compute = curve.compute > 0 ? flops / (peak * curve.compute) : 0;
  const double memory = bytes / (device_.memory_bandwidth.value() * curve.memory);
  OperatorTime time;
  time.launch = curve.launch_us * kMicro;
  time.seconds = time.launch + smooth_max(compute, memory);
  return time;
}

OperatorTime RooflineTimes::gemm(const Operator& op) const {
  const DeviceCurves& curves = *found_.curves;
  const bool eight_bit = is_narrow(op.compute);
  const KernelCurve& curve = eight_bit ? curves.gemm8 : curves.gemm16;
  const auto m = static_cast<double>(op.m), n = static_cast<double>(op.n),
             k = static_cast<double>(op.k);
  const double activations = eight_bit ? m * k + 2 * m * n : op.activation_bytes.as_double();
  OperatorTime time = priced(curve, op.flops.value(), device_.peak(op.compute).value(),
                             op.weight_bytes.as_double() + activations);
  if (eight_bit) time.seconds += curve.extra * m * k / device_.memory_bandwidth.value();
  const bool same_format =
      is_16_bit(op.compute) ? is_16_bit(op.stored) : op.compute == DataType::fp8 && curves.has_fp8;
  time.evidence = evidence(same_format && within(op.m, 1, 32768) && within(op.n, 1024, 65536) &&
                           within(op.k, 1024, 65536));
  return time;
}

OperatorTime RooflineTimes::experts(const Operator& op) const {
  const DeviceCurves& curves = *found_.curves;
  const bool eight_bit = is_narrow(op.compute);
  const KernelCurve& curve = eight_bit ? curves.moe8 : curves.moe16;
  OperatorTime time =
      priced(curve, op.flops.value(), device_.peak(op.compute).value(), op.bytes().as_double());
  const bool same_format =
      is_16_bit(op.compute) ? is_16_bit(op.stored) : op.compute == DataType::fp8 && curves.has_fp8;
  time.evidence =
      evidence(same_format && curves.has_moe && op.ranks == 1 && within(op.m, 1, 16384));
  return time;
}

OperatorTime RooflineTimes::decode(const Operator& op) const {
  const DeviceCurves& curves = *found_.curves;
  const bool eight_bit = op.stored == DataType::fp8 || op.stored == DataType::int8;
  const KernelCurve& curve = eight_bit ? curves.decode8 : curves.decode16;
  OperatorTime time = priced(curve, op.flops.value(), device_.fp16.value(), op.bytes().as_double());
  time.seconds +=
      curve.extra * kMicro * static_cast<double>(op.m) * static_cast<double>(op.kv_heads);
  const std::int64_t context = op.m > 0 ? op.context / op.m : 0;
  const bool format = is_16_bit(op.stored) || (op.stored == DataType::fp8 && curves.has_fp8);
  time.evidence =
      evidence(format && op.k == 128 && within(op.m, 1, 2048) && within(context, 1, 131072));
  return time;
}

OperatorTime RooflineTimes::prefill(const Operator& op) const {
  const DeviceCurves& curves = *found_.curves;
  const bool eight_bit = op.stored == DataType::fp8 || op.stored == DataType::int8;
  const KernelCurve& curve = eight_bit ? curves.prefill8 : curves.prefill16;
  // Half-filled tiles: each query pays for `extra` / 2 keys more than it attends to.
  const std::int64_t values = op.value_dim > 0 ? op.value_dim : op.k;
  const double tiles = 2.0 * static_cast<double>(op.heads) * static_cast<double>(op.k + values) *
                       static_cast<double>(op.m) * curve.extra / 2;
  OperatorTime time =
      priced(curve, op.flops.value() + tiles, device_.fp16.value(), op.bytes().as_double());
  const bool format = is_16_bit(op.stored) || (op.stored == DataType::fp8 && curves.has_fp8);
  // Nothing was measured with cached tokens in front of the chunk.
  time.evidence = evidence(format && op.k == 128 && op.context == op.m && within(op.m, 1, 16384));
  return time;
}

OperatorTime RooflineTimes::elementwise(const Operator& op) const {
  KernelCurve curve = found_.curves->elementwise;
  if (op.kind == OperatorKind::norm) curve.memory = found_.curves->norm_memory;
  OperatorTime time = priced(curve, 0, 1, op.bytes().as_double());
  time.evidence = evidence(found_.curves->has_elementwise);
  return time;
}

OperatorTime RooflineTimes::collective(const Operator& op) const {
  const auto& curves = found_.curves->all_reduce;
  const auto nearest = std::min_element(
      curves.begin(), curves.end(), [&op](const AllReduceCurve& a, const AllReduceCurve& b) {
        return std::abs(a.ranks - op.ranks) < std::abs(b.ranks - op.ranks);
      });
  const double message = op.message.as_double();
  const double link = device_.link_bandwidth.value() > 0 ? device_.link_bandwidth.value()
                                                         : device_.pcie_bandwidth.value();
  SIM_CHECK(link > 0, "a device of a group has a link to its peers");
  OperatorTime time;
  time.launch = nearest->launch_us * kMicro;
  time.seconds = time.launch + op.wire_bytes.as_double() / (link * nearest->link);
  if (op.kind == OperatorKind::all_reduce)
    time.seconds += nearest->ramp_us * kMicro * message / (message + nearest->ramp_bytes);
  time.evidence = evidence(op.kind == OperatorKind::all_reduce && nearest->ranks == op.ranks &&
                           message <= 268435456.0);
  return time;
}

OperatorTime RooflineTimes::time(const Operator& op) const {
  switch (op.kind) {
    case OperatorKind::qkv_gemm:
    case OperatorKind::latent_gemm:
    case OperatorKind::out_gemm:
    case OperatorKind::gate_up_gemm:
    case OperatorKind::down_gemm:
    case OperatorKind::router:
    case OperatorKind::lm_head:
      return gemm(op);
    case OperatorKind::moe_experts:
      return experts(op);
    case OperatorKind::decode_attention:
      return decode(op);
    case OperatorKind::prefill_attention:
      return prefill(op);
    case OperatorKind::all_reduce:
    case OperatorKind::all_gather:
    case OperatorKind::reduce_scatter:
    case OperatorKind::p2p:
      return collective(op);
    default:
      return elementwise(op);
  }
}

double RooflineTimes::bound(const Operator& op) const {
  const double peak = device_.peak(op.compute).value();
  const double compute = peak > 0 ? op.flops.value() / peak : 0;
  double bound = std::max(compute, op.bytes().as_double() / device_.memory_bandwidth.value());
  if (op.wire_bytes.value() > 0) {
    const double link = device_.link_bandwidth.value() > 0 ? device_.link_bandwidth.value()
                                                           : device_.pcie_bandwidth.value();
    bound = std::max(bound, op.wire_bytes.as_double() / link);
  }
  return bound;
}

}  // namespace headroom
