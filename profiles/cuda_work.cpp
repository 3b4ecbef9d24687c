#include "profiles/cuda_work.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "profiles/check.h"
#include "profiles/cuda_operand.h"
#include "profiles/cuda_work_elementwise.h"

namespace headroom::gpu {
namespace {

/// Terms of all references of one check: a fraction of a second.
constexpr std::int64_t kMostTerms = std::int64_t{1} << 24;

std::int64_t samples_for(std::int64_t terms) {
  return std::clamp<std::int64_t>(kMostTerms / std::max<std::int64_t>(terms, 1), 1, 64);
}
/// One of 0 to below - 1.
std::int64_t pick(std::uint64_t seed, std::int64_t sample, std::int64_t below) {
  return static_cast<std::int64_t>(random_bits(seed, static_cast<std::uint64_t>(sample)) %
                                   static_cast<std::uint64_t>(below));
}

/// fp64 sum of a row times a row, and the sum of its terms' sizes.
struct Dot {
  double sum = 0, size = 0;
};
Dot dot(const Operand& a, std::int64_t a_at, const Operand& w, std::int64_t w_at, std::int64_t k) {
  Dot dot;
  for (std::int64_t i = 0; i < k; ++i) {
    const double term = a.at(a_at + i) * w.at(w_at + i);
    dot.sum += term;
    dot.size += std::abs(term);
  }
  return dot;
}
/// Rounding of the result, and of float sums in whatever order the hardware likes. Tensor cores add
/// fp8 products with some 14 bits (DeepSeek-V3 report, section 3.3.2: errors of nearly 2 % of sums
/// of 4096 terms, which are a fiftieth of their terms' sizes).
double allowed(const Dot& dot, Element format) {
  return kBf16Error * std::abs(dot.sum) + (format == Element::e4m3 ? 1e-3 : 1e-4) * dot.size;
}

Element format_of(const std::string& name) {
  return name == "fp8" ? Element::e4m3 : name == "fp16" ? Element::fp16 : Element::bf16;
}

class GemmWork final : public GpuWork {
 public:
  GemmWork(Gpu& gpu, const KernelShape& shape, std::uint64_t seed)
      : gpu_(gpu),
        shape_(shape),
        seed_(seed),
        a_(gpu, format_of(shape.compute), shape.m * shape.k, seed),
        w_(gpu, format_of(shape.compute), shape.n * shape.k, seed + 1),
        out_(gpu, shape.compute == "fp16" ? Element::fp16 : Element::bf16, shape.m * shape.n) {}

  /// Empty, or why not.
  [[nodiscard]] std::string choose(std::int64_t processors) {
    VendorChoice choice = gpu_.gemm({a_.data(), w_.data(), out_.data(), shape_.m, shape_.n,
                                     shape_.k, format_of(shape_.compute), processors});
    call_ = std::move(choice.call);
    return choice.refusal;
  }
  void launch(Lane lane) override { call_->launch(lane); }
  [[nodiscard]] std::string check() override {
    out_.poison();
    launch({});
    gpu_.wait();
    std::string wrong = out_.unwritten();
    for (std::int64_t i = 0; i < samples_for(shape_.k) && wrong.empty(); ++i) {
      const std::int64_t at = pick(seed_, i, shape_.m * shape_.n);
      const Dot want = dot(a_, at / shape_.n * shape_.k, w_, at % shape_.n * shape_.k, shape_.k);
      wrong = differs(at, out_.at(at), want.sum, allowed(want, format_of(shape_.compute)));
    }
    return wrong;
  }

 private:
  Gpu& gpu_;
  KernelShape shape_;
  std::uint64_t seed_;
  Operand a_, w_;
  Output out_;
  std::unique_ptr<VendorCall> call_{};
};

/// One call over all sequences; pages in random order.
class AttentionWork final : public GpuWork {
 public:
  enum class Source : std::uint8_t { own, vendor };
  /// `processors`: that it may use.
  AttentionWork(Gpu& gpu, const KernelShape& shape, std::uint64_t seed, Source source,
                std::int64_t processors)
      : gpu_(gpu),
        seed_(seed),
        decode_(shape.op == "decode_attention"),
        head_dim_(shape.head_dim),
        queries_(decode_ ? 1 : shape.chunk),
        context_(decode_ ? shape.context : shape.cached + shape.chunk),
        pages_((context_ + kPageTokens - 1) / kPageTokens),
        row_(shape.kv_heads * shape.head_dim),
        table_(shuffled(shape.batch * pages_, seed)),
        q_(gpu, Element::bf16, shape.batch * queries_ * shape.heads * head_dim_, seed),
        k_(gpu, Element::bf16, shape.batch * pages_ * kPageTokens * row_, seed + 1),
        v_(gpu, Element::bf16, shape.batch * pages_ * kPageTokens * row_, seed + 2),
        out_(gpu, Element::bf16, shape.batch * queries_ * shape.heads * head_dim_),
        page_table_(uploaded(gpu, table_)) {
    call_.q = q_.as<Bf16>();
    call_.keys = k_.as<Bf16>();
    call_.values = v_.as<Bf16>();
    call_.pages = page_table_.as<std::int32_t>();
    call_.out = out_.as<Bf16>();
    call_.sequences = shape.batch;
    call_.heads = shape.heads;
    call_.kv_heads = shape.kv_heads;
    call_.queries = queries_;
    call_.context = context_;
    call_.pages_a_sequence = pages_;
    call_.splits = 1;
    if (source == Source::own) choose_splits(processors);
  }
  /// Empty, or why the vendor has no kernel for it.
  [[nodiscard]] std::string choose() {
    VendorChoice choice = gpu_.vendor_decode(call_, head_dim_);
    vendor_ = std::move(choice.call);
    return choice.refusal;
  }
  void launch(Lane lane) override {
    if (vendor_ != nullptr) {
      vendor_->launch(lane);
      return;
    }
    decode_ ? gpu_.decode(call_, head_dim_, lane) : gpu_.prefill(call_, head_dim_, lane);
  }
  [[nodiscard]] std::string check() override {
    out_.poison();
    launch({});
    gpu_.wait();
    std::string wrong = out_.unwritten();
    const std::int64_t rows = call_.sequences * queries_ * call_.heads;
    for (std::int64_t i = 0; i < samples_for(2 * context_ * head_dim_) && wrong.empty(); ++i)
      wrong = compare(pick(seed_, i, rows));
    // The last row sees every key.
    return wrong.empty() ? compare(rows - 1) : wrong;
  }

 private:
  void choose_splits(std::int64_t processors) {
    const bool wide = head_dim_ == 128;
    call_.splits = decode_ ? (wide ? splits_for<Attention<128, 1>>(call_, processors)
                                   : splits_for<Attention<64, 1>>(call_, processors))
                           : (wide ? splits_for<Attention<128, 2>>(call_, processors)
                                   : splits_for<Attention<64, 2>>(call_, processors));
    if (call_.splits == 1) return;
    const std::int64_t rows = call_.splits * call_.sequences * queries_ * call_.heads;
    partial_ = GpuMemory(gpu_, static_cast<std::size_t>(rows * head_dim_) * sizeof(float));
    weights_ = GpuMemory(gpu_, static_cast<std::size_t>(rows) * sizeof(float));
    call_.partial = partial_.as<float>();
    call_.weights = weights_.as<float>();
  }
  /// Where a key head's numbers of a token begin.
  [[nodiscard]] std::int64_t place(std::int64_t sequence, std::int64_t token,
                                   std::int64_t kv_head) const {
    const std::int64_t page =
        table_[static_cast<std::size_t>(sequence * pages_ + token / kPageTokens)];
    return (page * kPageTokens + token % kPageTokens) * row_ + kv_head * head_dim_;
  }
  [[nodiscard]] std::string compare(std::int64_t row) const {
    const std::int64_t head = row % call_.heads, query = row / call_.heads % queries_;
    const std::int64_t sequence = row / call_.heads / queries_;
    const std::int64_t kv_head = head / (call_.heads / call_.kv_heads);
    const std::int64_t seen = context_ - queries_ + query + 1;
    std::vector<double> weights;
    double top = -1e300, total = 0;
    for (std::int64_t key = 0; key < seen; ++key) {
      const Dot score = dot(q_, row * head_dim_, k_, place(sequence, key, kv_head), head_dim_);
      weights.push_back(score.sum / std::sqrt(static_cast<double>(head_dim_)));
      top = std::max(top, weights.back());
    }
    for (double& weight : weights) total += weight = std::exp(weight - top);
    std::vector<double> want(static_cast<std::size_t>(head_dim_)), size(want), squares(want);
    for (std::int64_t key = 0; key < seen; ++key)
      for (std::size_t i = 0; i < want.size(); ++i) {
        const double term = weights[static_cast<std::size_t>(key)] / total *
                            v_.at(place(sequence, key, kv_head) + static_cast<std::int64_t>(i));
        want[i] += term;
        size[i] += std::abs(term);
        squares[i] += term * term;
      }
    std::string wrong;
    for (std::size_t i = 0; i < want.size() && wrong.empty(); ++i) {
      const std::int64_t at = row * head_dim_ + static_cast<std::int64_t>(i);
      // Probabilities are rounded to bf16 too; errors of either sign add up like their squares, and
      // three times the sum of the largest is never reached.
      const double rounded = kBf16Error * std::min(size[i], 3 * std::sqrt(squares[i]));
      wrong = differs(at, out_.at(at), want[i], kBf16Error * std::abs(want[i]) + rounded + 1e-5);
    }
    return wrong;
  }

  Gpu& gpu_;
  std::uint64_t seed_;
  bool decode_;
  std::int64_t head_dim_, queries_, context_, pages_, row_;
  std::vector<std::int32_t> table_;
  Operand q_, k_, v_;
  Output out_;
  GpuMemory page_table_, partial_{}, weights_{};
  AttentionCall call_{};
  std::unique_ptr<VendorCall> vendor_{};
};

/// Tokens to their experts, gate and up, activation, down, and each token's weighted sum.
class MoeWork final : public GpuWork {
 public:
  MoeWork(Gpu& gpu, const KernelShape& s, std::uint64_t seed)
      : gpu_(gpu),
        shape_(s),
        seed_(seed),
        pairs_(s.m * s.topk),
        rows_(balanced_rows(pairs_, s.experts)),
        places_(shuffled(pairs_, seed)),
        x_(gpu, Element::bf16, s.m * s.n, seed),
        up_(gpu, Element::bf16, s.experts * 2 * s.k * s.n, seed + 1),
        down_(gpu, Element::bf16, s.experts * s.n * s.k, seed + 2),
        weights_(gpu, Element::fp32, pairs_, seed + 3),
        sorted_(gpu, Element::bf16, pairs_ * s.n),
        wide_(gpu, Element::bf16, pairs_ * 2 * s.k),
        active_(gpu, Element::bf16, pairs_ * s.k),
        narrow_(gpu, Element::bf16, pairs_ * s.n),
        out_(gpu, Element::bf16, s.m * s.n) {
    // Pair p of the tokens' order stands at places_[p] of the experts'.
    std::vector<std::int32_t> tokens(places_.size());
    for (std::size_t pair = 0; pair < places_.size(); ++pair)
      tokens[static_cast<std::size_t>(places_[pair])] =
          static_cast<std::int32_t>(static_cast<std::int64_t>(pair) / s.topk);
    tokens_ = uploaded(gpu, tokens);
    back_ = uploaded(gpu, places_);
  }
  /// Empty, or why not.
  [[nodiscard]] std::string choose() {
    VendorChoice first =
        gpu_.grouped({sorted_.data(), up_.data(), wide_.data(), rows_, 2 * shape_.k, shape_.n});
    VendorChoice second =
        gpu_.grouped({active_.data(), down_.data(), narrow_.data(), rows_, shape_.n, shape_.k});
    up_call_ = std::move(first.call);
    down_call_ = std::move(second.call);
    return first.refusal.empty() ? second.refusal : first.refusal;
  }
  void launch(Lane lane) override {
    gpu_.run(MoveRows::Call{x_.data(), sorted_.data(), tokens_.as<std::int32_t>(), pairs_,
                            2 * shape_.n, MoveRows::Way::gather},
             lane);
    up_call_->launch(lane);
    gpu_.run(SiluMul::Call{wide_.as<Bf16>(), active_.as<Bf16>(), pairs_, shape_.k}, lane);
    down_call_->launch(lane);
    gpu_.run(WeightedSum::Call{narrow_.as<Bf16>(), weights_.as<float>(), back_.as<std::int32_t>(),
                               out_.as<Bf16>(), shape_.m, shape_.n, shape_.topk},
             lane);
  }
  [[nodiscard]] std::string check() override {
    for (const Output* output : {&sorted_, &wide_, &active_, &narrow_, &out_}) output->poison();
    launch({});
    gpu_.wait();
    std::string wrong = out_.unwritten();
    // One output needs every column of the first product: topk 2 k n terms.
    const std::int64_t terms = shape_.topk * 2 * shape_.k * shape_.n;
    for (std::int64_t i = 0; i < std::min<std::int64_t>(samples_for(terms), 4) && wrong.empty();
         ++i)
      wrong = compare(pick(seed_, i, shape_.m * shape_.n));
    return wrong;
  }

 private:
  [[nodiscard]] std::int64_t expert_of(std::int64_t row) const {
    std::int64_t expert = 0;
    while (row >= rows_[static_cast<std::size_t>(expert)])
      row -= rows_[static_cast<std::size_t>(expert++)];
    return expert;
  }
  [[nodiscard]] std::string compare(std::int64_t at) const {
    const std::int64_t token = at / shape_.n, column = at % shape_.n;
    double want = 0, size = 0;
    for (std::int64_t j = 0; j < shape_.topk; ++j) {
      const std::int64_t pair = token * shape_.topk + j;
      const std::int64_t expert = expert_of(places_[static_cast<std::size_t>(pair)]);
      const std::int64_t matrix = expert * 2 * shape_.k * shape_.n;
      for (std::int64_t i = 0; i < shape_.k; ++i) {
        const double gate = dot(x_, token * shape_.n, up_, matrix + i * shape_.n, shape_.n).sum;
        const double up =
            dot(x_, token * shape_.n, up_, matrix + (shape_.k + i) * shape_.n, shape_.n).sum;
        const double term = gate / (1 + std::exp(-gate)) * up * weights_.at(pair) *
                            down_.at((expert * shape_.n + column) * shape_.k + i);
        want += term;
        size += std::abs(term);
      }
    }
    // Four roundings to bf16 on the way, of terms that are independent.
    return differs(at, out_.at(at), want, kBf16Error * (2 * std::abs(want) + size / 4));
  }

  Gpu& gpu_;
  KernelShape shape_;
  std::uint64_t seed_;
  std::int64_t pairs_;
  std::vector<std::int64_t> rows_;
  std::vector<std::int32_t> places_;
  Operand x_, up_, down_, weights_;
  Output sorted_, wide_, active_, narrow_, out_;
  GpuMemory tokens_{}, back_{};
  std::unique_ptr<VendorCall> up_call_{}, down_call_{};
};

bool has_attention(const KernelShape& s) {
  return s.compute == "bf16" && s.stored == "bf16" && s.window == 0 && s.kv_heads > 0 &&
         s.heads % s.kv_heads == 0 && (s.head_dim == 64 || s.head_dim == 128);
}

template <class Work>
PreparedWork chosen(std::unique_ptr<Work> work, const std::string& refusal) {
  if (!refusal.empty()) return {nullptr, refusal};
  return {std::move(work), {}};
}

}  // namespace

std::vector<std::int64_t> balanced_rows(std::int64_t pairs, std::int64_t experts) {
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < experts; ++i)
    rows.push_back(pairs * (i + 1) / experts - pairs * i / experts);
  return rows;
}

PreparedWork make_work(Gpu& gpu, const KernelShape& shape, std::uint64_t seed,
                       std::int64_t processors) {
  const std::int64_t all = processors > 0 ? processors : gpu.processors();
  if (shape.op == "gemm" && shape.compute == shape.stored &&
      (shape.compute == "bf16" || shape.compute == "fp16" || shape.compute == "fp8")) {
    auto work = std::make_unique<GemmWork>(gpu, shape, seed);
    const std::string refusal = work->choose(processors);
    return chosen(std::move(work), refusal);
  }
  if (shape.op == "decode_attention" && shape.variant.starts_with("cudnn") &&
      has_attention(shape)) {
    auto work =
        std::make_unique<AttentionWork>(gpu, shape, seed, AttentionWork::Source::vendor, all);
    const std::string refusal = work->choose();
    return chosen(std::move(work), refusal);
  }
  if ((shape.op == "decode_attention" || shape.op == "prefill_attention") && has_attention(shape))
    return {std::make_unique<AttentionWork>(gpu, shape, seed, AttentionWork::Source::own, all), {}};
  if (shape.op == "moe" && shape.compute == "bf16" && shape.stored == "bf16" && shape.ranks <= 1 &&
      shape.n % kVector == 0 && shape.k % kVector == 0) {
    auto work = std::make_unique<MoeWork>(gpu, shape, seed);
    const std::string refusal = work->choose();
    return chosen(std::move(work), refusal);
  }
  if (shape.op == "elementwise") return make_elementwise_work(gpu, shape, seed);
  return {nullptr, "no kernel here for " + describe(shape)};
}

}  // namespace headroom::gpu
