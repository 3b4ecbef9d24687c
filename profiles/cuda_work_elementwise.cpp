#include "profiles/cuda_work_elementwise.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>

#include "profiles/check.h"
#include "profiles/cuda_operand.h"
#include "profiles/measure_plan.h"

namespace headroom::gpu {
namespace {

/// Spread over an output, and its last element.
constexpr std::int64_t kSamples = 256;

/// Expected value of an output's element.
using Expected = std::function<double(std::int64_t)>;

std::string compare_samples(const Output& out, std::int64_t count, double relative,
                            const Expected& expected) {
  std::string wrong = out.unwritten();
  const std::int64_t step = count / kSamples + 1;
  for (std::int64_t i = 0; i < count && wrong.empty(); i += step) {
    const std::int64_t at = std::min(i + i / step % 8, count - 1);
    const double want = expected(at);
    wrong = differs(at, out.at(at), want, relative * std::abs(want) + 1e-6);
  }
  return wrong.empty() ? differs(count - 1, out.at(count - 1), expected(count - 1),
                                 relative * std::abs(expected(count - 1)) + 1e-6)
                       : wrong;
}

class NormWork final : public GpuWork {
 public:
  enum class Residual : std::uint8_t { none, added };
  NormWork(Gpu& gpu, const KernelShape& s, std::uint64_t seed, Residual residual)
      : gpu_(gpu),
        rows_(s.m),
        width_(s.k),
        added_(residual == Residual::added),
        x_(gpu, Element::bf16, s.m * s.k, seed),
        residual_(gpu, Element::bf16, s.m * s.k, seed + 1),
        weight_(gpu, Element::bf16, s.k, seed + 2),
        sum_(gpu, Element::bf16, s.m * s.k),
        out_(gpu, Element::bf16, s.m * s.k) {}
  void launch(Lane lane) override {
    gpu_.run(RmsNorm::Call{x_.as<Bf16>(), added_ ? residual_.as<Bf16>() : nullptr,
                           added_ ? sum_.as<Bf16>() : nullptr, weight_.as<Bf16>(), out_.as<Bf16>(),
                           rows_, width_},
             lane);
  }
  [[nodiscard]] std::string check() override {
    out_.poison();
    sum_.poison();
    launch({});
    gpu_.wait();
    std::string wrong;
    if (added_)
      wrong = compare_samples(sum_, rows_ * width_, kBf16Error,
                              [&](std::int64_t at) { return input(at); });
    if (!wrong.empty()) return wrong;
    std::int64_t row = -1;
    double squares = 0;
    return compare_samples(out_, rows_ * width_, kBf16Error, [&](std::int64_t at) {
      if (row != at / width_) {
        row = at / width_;
        squares = 0;
        for (std::int64_t i = 0; i < width_; ++i)
          squares += input(row * width_ + i) * input(row * width_ + i);
      }
      return input(at) * weight_.at(at % width_) /
             std::sqrt(squares / static_cast<double>(width_) + 1e-5);
    });
  }

 private:
  [[nodiscard]] double input(std::int64_t at) const {
    if (!added_) return x_.at(at);
    return static_cast<double>(to_float(to_bf16(static_cast<float>(x_.at(at) + residual_.at(at)))));
  }
  Gpu& gpu_;
  std::int64_t rows_, width_;
  bool added_;
  Operand x_, residual_, weight_;
  Output sum_, out_;
};

class SiluWork final : public GpuWork {
 public:
  SiluWork(Gpu& gpu, const KernelShape& s, std::uint64_t seed)
      : gpu_(gpu),
        rows_(s.m),
        width_(s.k),
        x_(gpu, Element::bf16, 2 * s.m * s.k, seed),
        out_(gpu, Element::bf16, s.m * s.k) {}
  void launch(Lane lane) override {
    gpu_.run(SiluMul::Call{x_.as<Bf16>(), out_.as<Bf16>(), rows_, width_}, lane);
  }
  [[nodiscard]] std::string check() override {
    out_.poison();
    launch({});
    gpu_.wait();
    return compare_samples(out_, rows_ * width_, kBf16Error, [&](std::int64_t at) {
      const std::int64_t from = at + at / width_ * width_;
      const double gate = x_.at(from);
      return gate / (1 + std::exp(-gate)) * x_.at(from + width_);
    });
  }

 private:
  Gpu& gpu_;
  std::int64_t rows_, width_;
  Operand x_;
  Output out_;
};

/// Angles are numbers like any other for the kernel's time.
class RopeWork final : public GpuWork {
 public:
  RopeWork(Gpu& gpu, const KernelShape& s, std::uint64_t seed)
      : gpu_(gpu),
        rows_(s.m),
        width_(s.k),
        head_dim_(s.k % 128 == 0 ? 128 : 64),
        x_(gpu, Element::bf16, s.m * s.k, seed),
        cosines_(gpu, Element::fp32, s.m * head_dim_ / 2, seed + 1),
        sines_(gpu, Element::fp32, s.m * head_dim_ / 2, seed + 2),
        out_(gpu, Element::bf16, s.m * s.k) {}
  void launch(Lane lane) override {
    gpu_.run(Rope::Call{x_.as<Bf16>(), cosines_.as<float>(), sines_.as<float>(), out_.as<Bf16>(),
                        rows_, width_, head_dim_},
             lane);
  }
  [[nodiscard]] std::string check() override {
    out_.poison();
    launch({});
    gpu_.wait();
    const std::int64_t half = head_dim_ / 2;
    return compare_samples(out_, rows_ * width_, kBf16Error, [&](std::int64_t at) {
      const std::int64_t in = at % head_dim_, angle = at / width_ * half + in % half;
      const double other = x_.at(in < half ? at + half : at - half);
      return x_.at(at) * cosines_.at(angle) + (in < half ? -other : other) * sines_.at(angle);
    });
  }

 private:
  Gpu& gpu_;
  std::int64_t rows_, width_, head_dim_;
  Operand x_, cosines_, sines_;
  Output out_;
};

/// Rows between one block and pages in random order, twice as many pages as needed.
class MoveWork final : public GpuWork {
 public:
  MoveWork(Gpu& gpu, const KernelShape& s, std::uint64_t seed, MoveRows::Way way)
      : gpu_(gpu),
        rows_(s.m),
        width_(s.k),
        way_(way),
        places_(slots(s.m, seed)),
        from_(gpu, Element::bf16, (way == MoveRows::Way::gather ? paged(s.m) : s.m) * s.k, seed),
        to_(gpu, Element::bf16, (way == MoveRows::Way::gather ? s.m : paged(s.m)) * s.k),
        table_(uploaded(gpu, places_)) {}
  void launch(Lane lane) override {
    gpu_.run(MoveRows::Call{from_.data(), to_.data(), table_.as<std::int32_t>(), rows_, 2 * width_,
                            way_},
             lane);
  }
  [[nodiscard]] std::string check() override {
    to_.poison();
    launch({});
    gpu_.wait();
    if (way_ == MoveRows::Way::gather)
      return compare_samples(to_, rows_ * width_, 0, [&](std::int64_t at) {
        return from_.at(place(at / width_) * width_ + at % width_);
      });
    std::string wrong;
    const std::int64_t count = rows_ * width_, step = count / kSamples + 1;
    for (std::int64_t at = 0; at < count && wrong.empty(); at += step) {
      const std::int64_t to = place(at / width_) * width_ + at % width_;
      wrong = differs(to, to_.at(to), from_.at(at), 0);
    }
    return wrong;
  }

 private:
  static std::int64_t paged(std::int64_t rows) {
    return 2 * (rows / kPageTokens + 1) * kPageTokens;
  }
  static std::vector<std::int32_t> slots(std::int64_t rows, std::uint64_t seed) {
    const std::vector<std::int32_t> pages = shuffled(paged(rows) / kPageTokens, seed);
    std::vector<std::int32_t> slots(static_cast<std::size_t>(rows));
    for (std::size_t i = 0; i < slots.size(); ++i)
      slots[i] = pages[i / kPageTokens] * kPageTokens + static_cast<std::int32_t>(i % kPageTokens);
    return slots;
  }
  [[nodiscard]] std::int64_t place(std::int64_t row) const {
    return places_[static_cast<std::size_t>(row)];
  }
  Gpu& gpu_;
  std::int64_t rows_, width_;
  MoveRows::Way way_;
  std::vector<std::int32_t> places_;
  Operand from_;
  Output to_;
  GpuMemory table_;
};

class QuantizeWork final : public GpuWork {
 public:
  QuantizeWork(Gpu& gpu, const KernelShape& s, std::uint64_t seed)
      : gpu_(gpu),
        rows_(s.m),
        width_(s.k),
        x_(gpu, Element::bf16, s.m * s.k, seed),
        out_(gpu, Element::e4m3, s.m * s.k),
        scales_(gpu, Element::fp32, s.m) {}
  void launch(Lane lane) override {
    gpu_.run(QuantizeRows::Call{x_.as<Bf16>(), out_.as<E4m3>(), scales_.as<float>(), rows_, width_},
             lane);
  }
  [[nodiscard]] std::string check() override {
    out_.poison();
    scales_.poison();
    launch({});
    gpu_.wait();
    std::int64_t row = -1;
    double most = 0;
    const auto value = [&](std::int64_t at) {
      if (row != at / width_) {
        row = at / width_;
        most = 0;
        for (std::int64_t i = 0; i < width_; ++i)
          most = std::max(most, std::abs(x_.at(row * width_ + i)));
      }
      return x_.at(at) * 448 / most;
    };
    // Half a step of three bits; the steps of subnormals, 2^-9, are below what 2^-7 of the largest
    // number (random_float) becomes.
    std::string wrong = compare_samples(out_, rows_ * width_, 1.0 / 15, value);
    if (!wrong.empty()) return wrong;
    static_cast<void>(value((rows_ - 1) * width_));
    return differs(rows_ - 1, scales_.at(rows_ - 1), most / 448, 1e-6);
  }

 private:
  Gpu& gpu_;
  std::int64_t rows_, width_;
  Operand x_;
  Output out_, scales_;
};

/// From one place of the GPU's memory to another, or between it and pinned memory of the host.
class CopyWork final : public GpuWork {
 public:
  CopyWork(Gpu& gpu, std::int64_t bytes, std::uint64_t seed, CopyWay way)
      : gpu_(gpu),
        bytes_(bytes),
        way_(way),
        from_(gpu, Element::bf16, bytes / 2, seed),
        to_(gpu, Element::bf16, bytes / 2),
        host_(gpu, way == CopyWay::on_device ? 16 : static_cast<std::size_t>(bytes),
              GpuMemory::Side::host) {}
  void launch(Lane lane) override {
    void* const to = way_ == CopyWay::from_device ? host_.data() : to_.data();
    const void* const from = way_ == CopyWay::to_device ? host_.data() : from_.data();
    gpu_.copy(to, from, static_cast<std::size_t>(bytes_), way_, lane);
  }
  [[nodiscard]] std::string check() override {
    to_.poison();
    const auto bytes = static_cast<std::size_t>(bytes_);
    if (way_ == CopyWay::to_device) gpu_.download(host_.data(), from_.data(), bytes);
    launch({});
    gpu_.wait();
    if (way_ == CopyWay::from_device) gpu_.upload(to_.data(), host_.data(), bytes);
    return compare_samples(to_, bytes_ / 2, 0, [&](std::int64_t at) { return from_.at(at); });
  }

 private:
  Gpu& gpu_;
  std::int64_t bytes_;
  CopyWay way_;
  Operand from_;
  Output to_;
  GpuMemory host_;
};

}  // namespace

PreparedWork make_elementwise_work(Gpu& gpu, const KernelShape& s, std::uint64_t seed) {
  const std::string kernel = elementwise_kernel(s);
  // Read plus written: half of the bytes are copied.
  const std::int64_t bytes = s.bytes / 2;
  if (kernel.starts_with("copy") && bytes >= 2 && bytes % 2 == 0) {
    if (kernel == "copy")
      return {std::make_unique<CopyWork>(gpu, bytes, seed, CopyWay::on_device), {}};
    if (kernel == "copy_h2d_pinned")
      return {std::make_unique<CopyWork>(gpu, bytes, seed, CopyWay::to_device), {}};
    if (kernel == "copy_d2h_pinned")
      return {std::make_unique<CopyWork>(gpu, bytes, seed, CopyWay::from_device), {}};
  }
  if (s.compute == "bf16" && s.m > 0 && s.k > 0 && s.k % 16 == 0) {
    if (kernel == "rms_norm")
      return {std::make_unique<NormWork>(gpu, s, seed, NormWork::Residual::none), {}};
    if (kernel == "add_rms_norm")
      return {std::make_unique<NormWork>(gpu, s, seed, NormWork::Residual::added), {}};
    if (kernel == "silu_mul") return {std::make_unique<SiluWork>(gpu, s, seed), {}};
    if (kernel == "rope" && s.k % 64 == 0) return {std::make_unique<RopeWork>(gpu, s, seed), {}};
    if (kernel == "kv_append")
      return {std::make_unique<MoveWork>(gpu, s, seed, MoveRows::Way::scatter), {}};
    if (kernel == "kv_gather")
      return {std::make_unique<MoveWork>(gpu, s, seed, MoveRows::Way::gather), {}};
    if (kernel == "quantize_fp8") return {std::make_unique<QuantizeWork>(gpu, s, seed), {}};
  }
  return {nullptr, "no kernel here for " + describe(s)};
}

}  // namespace headroom::gpu
