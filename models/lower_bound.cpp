#include "models/lower_bound.h"

#include <algorithm>
#include <cmath>

#include "sim/check.h"

namespace headroom {
namespace {

double real(std::int64_t value) { return static_cast<double>(value); }

/// Sum of 1 + 2 + ... + n.
double triangle(std::int64_t n) { return real(n) * real(n + 1) / 2; }

/// Sum over positions i in (from, to] of min(i, window); window 0: no clip.
double clipped_sum(std::int64_t from, std::int64_t to, std::int64_t window) {
  if (to <= from) return 0;
  const auto up_to = [window](std::int64_t n) {
    if (window == 0 || n <= window) return triangle(n);
    return triangle(window) + real(n - window) * real(window);
  };
  return up_to(to) - up_to(from);
}

/// Keys scored by the queries at positions (from, to], summed over layers.
double key_layers(const Architecture& model, std::int64_t from, std::int64_t to) {
  return real(model.layers - model.windowed_layers) * clipped_sum(from, to, 0) +
         real(model.windowed_layers) * clipped_sum(from, to, model.sliding_window);
}

double bytes_of(DataType type, double elements) { return elements * bits_per_weight(type) / 8; }

}  // namespace

LoadWork::LoadWork(const Architecture& model, const Precision& precision)
    : model_(model), precision_(precision) {
  const ParameterCounts counts = count_parameters(model);
  const double linear = real(counts.attention + counts.ffn);
  const double experts =
      model.is_moe() ? real(counts.experts / model.experts * model.experts_per_token) : 0;
  linear_per_token_ = Flops(2 * linear);
  expert_per_token_ = Flops(2 * experts);
  router_per_token_ = Flops(2 * real(counts.router));
  pass_bytes_ = bytes_of(precision.linear, linear) + bytes_of(precision.experts, experts) +
                bytes_of(precision.activations, real(model.vocab * model.hidden));
}

void LoadWork::add(Tokens prompt, Tokens output, Tokens shared) {
  SIM_CHECK(shared >= Tokens(0) && shared <= prompt && output >= Tokens(1),
            "a completed request has output, and shares no more than its prompt");
  ++requests_;
  longest_output_ = std::max(longest_output_, output);
  // Where the whole prompt is shared its last token is still computed once: its output is needed.
  const std::int64_t from = std::min(shared, prompt - Tokens(1)).value();
  const std::int64_t first = std::max<std::int64_t>(0, from);
  const std::int64_t last = (prompt + output).value() - 1;  // the last output is never an input
  const double computed = real(last - first);
  linear_ += linear_per_token_ * computed;
  expert_ += expert_per_token_ * computed;
  activation_ += router_per_token_ * computed;
  // Latent attention in its plain form: the absorbed one of decodes does more.
  activation_ +=
      Flops(real(model_.heads * model_.operations_per_key()) * key_layers(model_, first, last));
  activation_ += lm_head_flops(model_) * output.as_double();
  // Decode passes stand at positions prompt + 1 ... last. Of each layer's keys those of the shared
  // prefix may be read once for many requests, so they count for nothing; a window may have left
  // the prefix behind.
  const double own = key_layers(model_, prompt.value(), last) -
                     real(model_.layers) * real(shared.value()) * real(last - prompt.value());
  kv_bytes_ += std::max(0.0, bytes_of(precision_.kv_cache, real(model_.kv_elements()) * own));
}

double LoadWork::weight_read_bytes() const { return pass_bytes_ * longest_output_.as_double(); }

const char* to_string(BindingResource resource) {
  switch (resource) {
    case BindingResource::compute:
      return "compute";
    case BindingResource::bandwidth:
      return "memory bandwidth";
    case BindingResource::capacity:
      return "memory capacity";
  }
  return "?";
}

LowerBound lower_bound(const LoadWork& work, const Architecture& model, const Precision& precision,
                       const Device& device, Duration span, UsdPerHour price) {
  LowerBound bound;
  if (work.requests() == 0) return bound;
  SIM_CHECK(span > Duration(0), "a load that was served took time");
  const auto peak = [&](DataType weights) {
    return device.peak(compute_type(weights, precision.activations));
  };
  const double compute_seconds =
      work.linear_flops() / Flops(peak(precision.linear).value()) +
      work.expert_flops() / Flops(peak(precision.experts).value()) +
      work.activation_flops() / Flops(device.peak(precision.activations).value());
  const double bandwidth_seconds =
      (work.kv_read_bytes() + work.weight_read_bytes()) / device.memory_bandwidth.value();
  bound.compute_gpus = compute_seconds / seconds(span);
  bound.bandwidth_gpus = bandwidth_seconds / seconds(span);
  bound.capacity_gpus =
      weight_bytes(model, precision).as_double() / device.usable_memory.as_double();
  const double most = std::max({bound.compute_gpus, bound.bandwidth_gpus, bound.capacity_gpus});
  if (most == bound.bandwidth_gpus) bound.binding = BindingResource::bandwidth;
  if (most == bound.capacity_gpus) bound.binding = BindingResource::capacity;
  // A run that sits exactly on the bound must not be rounded past it by the last bits.
  bound.gpus = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(most * (1 - 1e-9))));
  bound.fleet = Usd(real(bound.gpus) * price.value() * seconds(span) / 3600);
  bound.elastic = Usd(std::max(compute_seconds, bandwidth_seconds) * price.value() / 3600);
  return bound;
}

}  // namespace headroom
