#include "profiles/measure_plan.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "sim/check.h"

namespace headroom {
namespace {

using Sizes = std::vector<std::int64_t>;

constexpr std::int64_t kPageTokens = 16;  // vLLM's default block size

/// Grows a plan shape by shape.
class PlanWriter {
 public:
  PlanWriter(PlanFor device, std::string name) : device_(device) { plan_.name = std::move(name); }

  void gemm(const Sizes& rows, std::int64_t n, std::int64_t k) {
    for (const std::string& format : formats())
      for (const std::int64_t m : rows) {
        KernelShape shape = shape_of("gemm", format);
        shape.m = m;
        shape.n = n;
        shape.k = k;
        both(shape);
      }
  }
  void decode(const PlanModel& model, const Sizes& batches, const Sizes& contexts) {
    for (const std::int64_t batch : batches)
      for (const std::int64_t context : contexts) {
        if (batch * context > kMostKeys) continue;
        KernelShape shape = attention_of("decode_attention", model);
        shape.batch = batch;
        shape.context = context;
        both(shape);
        if (device_ == PlanFor::cpu) continue;
        // Beside our kernel, which answers: an engine's is near the better of the two.
        shape.variant = "cudnn";
        cold(shape);
      }
  }
  void prefill(const PlanModel& model, const Sizes& chunks, const Sizes& cached) {
    for (const std::int64_t chunk : chunks)
      for (const std::int64_t past : cached) {
        KernelShape shape = attention_of("prefill_attention", model);
        shape.batch = 1;
        shape.chunk = chunk;
        shape.cached = past;
        cold(shape);
      }
  }
  /// Norm, activation, positions and KV pages of `model` for so many tokens at once.
  void elementwise(const PlanModel& model, const Sizes& tokens) {
    const std::int64_t kv = 2 * model.kv_heads * model.head_dim;
    for (const std::int64_t m : tokens) {
      element("rms_norm", m, model.hidden, 2 * m * model.hidden);
      if (device_ == PlanFor::gpu) element("add_rms_norm", m, model.hidden, 4 * m * model.hidden);
      const std::int64_t width = activated(model);
      element("silu_mul", m, width, 3 * m * width);
      const std::int64_t rotated = (model.heads + model.kv_heads) * model.head_dim;
      element("rope", m, rotated, 2 * m * rotated);
      element("kv_append", m, kv, 2 * m * kv);
      const std::int64_t whole = (m + kPageTokens - 1) / kPageTokens * kPageTokens;
      element("kv_gather", whole, kv, 2 * whole * kv);
      if (device_ == PlanFor::gpu) element("quantize_fp8", m, model.hidden, 3 * m * model.hidden);
    }
  }
  void copies(const std::string& kernel, const Sizes& bytes) {
    for (const std::int64_t size : bytes) {
      KernelShape shape = shape_of("elementwise", "");
      shape.bytes = 2 * size;
      shape.variant = kernel;
      device_ == PlanFor::gpu&& kernel != "copy" ? as_is(shape, " hot") : both(shape);
    }
  }
  /// Products in half precision, which a GPU runs beside bf16.
  void half_gemm(const Sizes& rows, std::int64_t n, std::int64_t k) {
    if (device_ == PlanFor::cpu) return;
    for (const std::int64_t m : rows) {
      KernelShape shape = shape_of("gemm", "fp16");
      shape.m = m;
      shape.n = n;
      shape.k = k;
      cold(shape);
    }
  }
  /// Expert layers with evenly shared tokens: hidden, width of an expert, experts, chosen.
  void experts(const Sizes& tokens, const std::array<std::int64_t, 4>& layer) {
    if (device_ == PlanFor::cpu) return;
    for (const std::int64_t m : tokens) {
      KernelShape shape = shape_of("moe", "bf16");
      shape.m = m;
      shape.n = layer[0];
      shape.k = layer[1];
      shape.experts = layer[2];
      shape.topk = layer[3];
      shape.ranks = 1;
      shape.variant = "balanced";
      as_is(shape, " cold");
    }
  }
  /// Messages between `ranks` GPUs of one node; between two also copies without NCCL.
  void collectives(const Sizes& ranks, const Sizes& bytes) {
    if (device_ == PlanFor::cpu) return;
    for (const std::int64_t size : bytes)
      for (const std::int64_t rank : ranks) {
        if (rank < 2) continue;
        for (const char* op : {"all_reduce", "all_gather", "reduce_scatter", "all_to_all", "p2p"}) {
          KernelShape shape = shape_of(op, "bf16");
          shape.bytes = size;
          shape.ranks = op == std::string("p2p") ? 2 : rank;
          shape.variant = "nccl";
          as_is(shape, " hot");
          if (op != std::string("p2p")) continue;
          shape.variant = "copy";
          as_is(shape, " hot");
        }
      }
  }
  /// Each two of a product, decode attention and a copy beside each other, with shares of the
  /// multiprocessors in eighths and undivided, and each alone with its share.
  void pairs(const PlanModel& model, std::int64_t rows, const Sizes& eighths) {
    if (device_ == PlanFor::cpu) return;
    KernelShape shape = attention_of("pair", model);
    shape.m = rows;
    shape.n = (model.gated ? 2 : 1) * activated(model);
    shape.k = model.hidden;
    shape.batch = 64;
    shape.context = 2048;
    shape.bytes = std::int64_t{1} << 28;
    const auto share = [](std::int64_t eighth) {
      std::int64_t of = 8;
      for (; eighth % 2 == 0 && of > 1; of /= 2) eighth /= 2;
      return std::to_string(eighth) + "/" + std::to_string(of) + " hot";
    };
    for (const std::string own : {"gemm", "decode_attention", "copy"})
      for (const std::int64_t eighth : eighths) {
        shape.variant = own + " alone " + share(eighth);
        plan_.points.push_back(shape);
        for (const std::string other : {"gemm", "decode_attention", "copy"}) {
          if (other == own) continue;
          shape.variant = own;
          shape.variant.append(" beside ").append(other).append(" ").append(share(eighth));
          plan_.points.push_back(shape);
        }
      }
  }
  /// Launch of `m` empty kernels; of a graph of as many nodes.
  void launches(const Sizes& nodes) {
    for (const std::int64_t m : nodes)
      for (const std::string kernel : {"launch_stream", "launch_graph"}) {
        KernelShape shape = shape_of("elementwise", "");
        shape.m = m;
        shape.variant = kernel;
        as_is(shape, " hot");
      }
  }
  [[nodiscard]] MeasurePlan finish();

 private:
  /// Width of a token's FFN: dense, or all experts that it visits.
  [[nodiscard]] static std::int64_t activated(const PlanModel& model) {
    if (model.ffn > 0) return model.ffn;
    return model.experts_per_token * model.expert_ffn + model.shared_ffn;
  }

  // 16.8 million keys: what AIConfigurator's grid of decode attention ends at.
  static constexpr std::int64_t kMostKeys = std::int64_t{1} << 24;

  [[nodiscard]] std::vector<std::string> formats() const {
    return device_ == PlanFor::cpu ? std::vector<std::string>{"fp32"}
                                   : std::vector<std::string>{"bf16", "fp8"};
  }
  [[nodiscard]] static KernelShape shape_of(const std::string& op, const std::string& format) {
    KernelShape shape;
    shape.op = op;
    shape.compute = shape.stored = format;
    return shape;
  }
  [[nodiscard]] KernelShape attention_of(const std::string& op, const PlanModel& model) const {
    KernelShape shape = shape_of(op, device_ == PlanFor::cpu ? "fp32" : "bf16");
    shape.heads = model.heads;
    shape.kv_heads = model.kv_heads;
    shape.head_dim = model.head_dim;
    return shape;
  }
  void element(const std::string& kernel, std::int64_t m, std::int64_t k, std::int64_t elements) {
    KernelShape shape = shape_of("elementwise", device_ == PlanFor::cpu ? "fp32" : "bf16");
    shape.m = m;
    shape.k = k;
    // fp8's output has half the width of its bf16 input: three bytes an element.
    shape.bytes =
        kernel == "quantize_fp8" ? elements : elements * (device_ == PlanFor::cpu ? 4 : 2);
    shape.variant = kernel;
    both(shape);
  }
  void as_is(KernelShape shape, const std::string& state) {
    shape.variant = shape.variant.empty() ? state.substr(1) : shape.variant + state;
    plan_.points.push_back(std::move(shape));
  }
  void cold(const KernelShape& shape) { as_is(shape, " cold"); }
  void both(const KernelShape& shape) {
    as_is(shape, " cold");
    as_is(shape, " hot");
  }

  PlanFor device_;
  MeasurePlan plan_{};
};

/// Sorted, each shape once; anchors: of each operator the shapes at the quarters of its list.
MeasurePlan PlanWriter::finish() {
  std::sort(plan_.points.begin(), plan_.points.end());
  plan_.points.erase(std::unique(plan_.points.begin(), plan_.points.end()), plan_.points.end());
  std::map<std::string, std::vector<std::size_t>> by_op;
  for (std::size_t i = 0; i < plan_.points.size(); ++i) by_op[plan_.points[i].op].push_back(i);
  for (const auto& [op, list] : by_op)
    for (const std::size_t quarter : {std::size_t{1}, std::size_t{3}}) {
      const std::size_t at = list[quarter * (list.size() - 1) / 4];
      if (plan_.anchors.empty() || plan_.anchors.back() != at) plan_.anchors.push_back(at);
    }
  return std::move(plan_);
}

// A model of 58 million parameters, small enough that a CPU measures its kernels in a minute.
PlanModel small_model() {
  PlanModel model;
  model.name = "small";
  model.hidden = 512;
  model.heads = 8;
  model.kv_heads = 4;
  model.head_dim = 64;
  model.ffn = 1536;
  model.vocab = 32000;
  return model;
}

/// Sizes of Llama 3.1 8B (its config.json), a tensor degree of one.
PlanModel eight_billion() {
  PlanModel model;
  model.name = "llama-3.1-8b";
  model.hidden = 4096;
  model.heads = 32;
  model.kv_heads = 8;
  model.head_dim = 128;
  model.ffn = 14336;
  model.vocab = 128256;
  return model;
}

void model_gemms(PlanWriter& plan, const PlanModel& model, const Sizes& rows,
                 const Sizes& head_rows) {
  plan.gemm(rows, (model.heads + 2 * model.kv_heads) * model.head_dim, model.hidden);
  plan.gemm(rows, model.hidden, model.heads * model.head_dim);
  for (const std::int64_t width : {model.ffn, model.shared_ffn}) {
    if (width == 0) continue;
    plan.gemm(rows, (model.gated ? 2 : 1) * width, model.hidden);
    plan.gemm(rows, model.hidden, width);
  }
  if (model.experts > 0) plan.gemm(rows, model.experts, model.hidden);  // the router
  if (model.vocab > 0) plan.gemm(head_rows, model.vocab, model.hidden);
}

void require_sizes(PlanFor device, const PlanModel& model) {
  if (device == PlanFor::cpu && model.experts > 0)
    throw InputError("--model",
                     "expected a dense model on a CPU, which has no kernel of experts, got " +
                         model.name + "; choose another model or --device cuda:0");
  std::vector<std::int64_t> sizes{model.hidden, model.heads, model.kv_heads, model.head_dim};
  if (model.experts > 0)
    sizes.insert(sizes.end(), {model.experts_per_token, model.expert_ffn});
  else
    sizes.push_back(model.ffn);
  if (std::any_of(sizes.begin(), sizes.end(), [](std::int64_t size) { return size <= 0; }))
    throw InputError("--model",
                     "expected a model with plain attention whose heads each GPU holds whole, "
                     "got " +
                         model.name + "; choose another model or a smaller --tp");
}

/// 4 KiB to 256 MiB, each four times the one before.
Sizes message_sizes() {
  Sizes sizes;
  for (std::int64_t size = 4096; size <= std::int64_t{1} << 28; size *= 4) sizes.push_back(size);
  return sizes;
}

void host_copies(PlanWriter& plan, PlanFor device, const Sizes& sizes) {
  plan.copies("copy", sizes);
  if (device == PlanFor::cpu) return;
  plan.copies("copy_h2d_pinned", sizes);
  plan.copies("copy_d2h_pinned", sizes);
  plan.launches({1, 20, 200});
}

}  // namespace

std::string MeasurePlan::hash() const {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  const auto byte = [&hash](unsigned char value) { hash = (hash ^ value) * 0x100000001b3ULL; };
  for (const KernelShape& shape : points) {
    for (const std::string* text : {&shape.op, &shape.compute, &shape.stored, &shape.variant}) {
      for (const char c : *text) byte(static_cast<unsigned char>(c));
      byte(0);
    }
    for (const std::int64_t value :
         {shape.m, shape.n, shape.k, shape.batch, shape.heads, shape.kv_heads, shape.head_dim,
          shape.chunk, shape.cached, shape.context, shape.window, shape.experts, shape.topk,
          shape.bytes, shape.ranks})
      for (unsigned shift = 0; shift < 64; shift += 8)
        byte(static_cast<unsigned char>(static_cast<std::uint64_t>(value) >> shift));
  }
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (int shift = 60; shift >= 0; shift -= 4)
    text += kDigits[(hash >> static_cast<unsigned>(shift)) & 15U];
  return text;
}

MeasurePlan quick_plan(PlanFor device) {
  PlanWriter plan(device, "quick");
  if (device == PlanFor::cpu) {
    const PlanModel model = small_model();
    const Sizes rows{1, 2, 4, 8, 16, 64, 256};
    plan.gemm(rows, 2 * model.ffn, model.hidden);
    plan.gemm(rows, model.hidden, model.ffn);
    plan.decode(model, {1, 4, 8}, {16, 256, 1024});
    plan.prefill(model, {16, 64, 256}, {0, 512});
    plan.elementwise(model, {1, 128});
    host_copies(plan, device, {4096, std::int64_t{1} << 20, std::int64_t{1} << 24});
    return plan.finish();
  }
  const PlanModel model = eight_billion();
  model_gemms(plan, model, {1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096}, {1, 64, 256});
  plan.decode(model, {1, 8, 32, 128}, {256, 1024, 4096, 16384});
  plan.prefill(model, {128, 512, 2048}, {0, 2048});
  plan.elementwise(model, {1, 64, 1024});
  host_copies(plan, device, {4096, std::int64_t{1} << 20, std::int64_t{1} << 26});
  plan.half_gemm({16, 256, 4096}, model.hidden, model.hidden);
  // Qwen3-30B-A3B's experts (its config.json).
  plan.experts({16, 256, 4096}, {2048, 768, 128, 8});
  plan.pairs(model, 1024, {2, 4, 6, 8});
  return plan.finish();
}

MeasurePlan model_plan(PlanFor device, const PlanModel& model) {
  require_sizes(device, model);
  PlanWriter plan(device, "model " + model.name + " tp " + std::to_string(model.tensor_ranks));
  if (device == PlanFor::cpu) {
    model_gemms(plan, model, {1, 2, 3, 4, 6, 8, 16, 32, 64, 128}, {1, 2, 4, 8});
    plan.decode(model, {1, 2, 4, 8}, {16, 128, 512, 1024, 2048});
    plan.prefill(model, {8, 16, 32, 64, 128, 256}, {0, 256, 1024});
    plan.elementwise(model, {1, 4, 16, 128});
  } else {
    // Tile edges and one beyond: steps of tiles and waves show.
    model_gemms(plan, model,
                {1,   2,   4,   8,   16,  17,  32,   33,   48,   64,   65,   96,   128,  129,
                 192, 256, 257, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192, 16384},
                {1, 8, 16, 32, 64, 128, 256});
    plan.decode(model, {1, 2, 4, 8, 16, 32, 64, 128, 256, 512},
                {16, 64, 256, 1024, 2048, 4096, 8192, 16384, 32768, 131072});
    plan.prefill(model, {16, 64, 128, 256, 512, 1024, 2048, 4096, 8192},
                 {0, 512, 2048, 8192, 32768});
    if (model.experts > 0)
      plan.experts({1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384},
                   {model.hidden, model.expert_ffn, model.experts, model.experts_per_token});
    plan.elementwise(model, {1, 8, 64, 256, 1024, 4096, 16384});
    // Two bytes a number: messages of one token to a chunk of eight thousand.
    plan.collectives({model.tensor_ranks}, message_sizes());
    plan.pairs(model, 512, {1, 2, 3, 4, 5, 6, 7, 8});
    plan.pairs(model, 2048, {1, 2, 3, 4, 5, 6, 7, 8});
  }
  host_copies(plan, device, {4096, 65536, std::int64_t{1} << 20, std::int64_t{1} << 24});
  return plan.finish();
}

MeasurePlan full_plan(PlanFor device) {
  PlanWriter plan(device, "full");
  const bool cpu = device == PlanFor::cpu;
  const Sizes widths = cpu ? Sizes{256, 512, 1024, 2048}
                           : Sizes{512, 1024, 2048, 4096, 5120, 8192, 14336, 16384, 28672};
  const Sizes rows =
      cpu ? Sizes{1, 2, 3, 4, 6, 8, 12, 16, 32, 64, 128, 256}
          : Sizes{1,   2,   4,   8,   16,  17,  32,   33,   48,   64,   65,   96,   128,
                  129, 192, 256, 257, 384, 512, 1024, 1536, 2048, 3072, 4096, 8192, 16384};
  for (const std::int64_t n : widths)
    for (const std::int64_t k : widths) plan.gemm(rows, n, k);
  for (const std::int64_t kv_heads : cpu ? Sizes{1, 4} : Sizes{1, 2, 4, 8})
    for (const std::int64_t group : cpu ? Sizes{1, 2} : Sizes{1, 4, 8})
      for (const std::int64_t head_dim : cpu ? Sizes{64} : Sizes{64, 128}) {
        PlanModel model = cpu ? small_model() : eight_billion();
        model.kv_heads = kv_heads;
        model.heads = kv_heads * group;
        model.head_dim = head_dim;
        plan.decode(
            model, cpu ? Sizes{1, 2, 4, 8} : Sizes{1, 2, 4, 8, 16, 32, 64, 128, 256, 512},
            cpu ? Sizes{16, 128, 512, 2048} : Sizes{16, 64, 256, 1024, 4096, 16384, 32768, 131072});
        plan.prefill(model, cpu ? Sizes{16, 64, 256} : Sizes{16, 64, 256, 1024, 2048, 4096, 8192},
                     cpu ? Sizes{0, 512} : Sizes{0, 1024, 4096, 16384});
      }
  plan.elementwise(cpu ? small_model() : eight_billion(),
                   cpu ? Sizes{1, 16, 256} : Sizes{1, 8, 64, 512, 4096, 16384});
  host_copies(plan, device,
              {4096, 65536, std::int64_t{1} << 20, std::int64_t{1} << 24, std::int64_t{1} << 26});
  for (const std::int64_t n : {4096, 8192})
    for (const std::int64_t k : {4096, 8192}) plan.half_gemm(rows, n, k);
  // Experts of Mixtral 8x7B, Qwen3-30B-A3B and gpt-oss-120b (their config.json).
  for (const auto& layer : {std::array<std::int64_t, 4>{4096, 14336, 8, 2},
                            std::array<std::int64_t, 4>{2048, 768, 128, 8},
                            std::array<std::int64_t, 4>{2880, 2880, 128, 4}})
    plan.experts({1, 8, 32, 128, 512, 2048, 8192}, layer);
  plan.collectives({2, 4, 8}, message_sizes());
  for (const std::int64_t m : {128, 512, 2048})
    plan.pairs(eight_billion(), m, {1, 2, 3, 4, 5, 6, 7, 8});
  return plan.finish();
}

std::vector<std::size_t> pass_order(const MeasurePlan& plan, std::uint64_t seed, int pass) {
  std::vector<std::size_t> order(plan.points.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  SplitMix random(seed * 1000003U + static_cast<std::uint64_t>(pass));
  // Fisher-Yates; the modulo's bias is below 2^-40 for any plan.
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.next() % i]);
  return order;
}

bool starts_cold(const KernelShape& shape) { return shape.variant.ends_with("cold"); }

std::string elementwise_kernel(const KernelShape& shape) {
  return shape.variant.substr(0, shape.variant.find(' '));
}

}  // namespace headroom
