#include "profiles/cuda_operand.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <numeric>

namespace headroom::gpu {
namespace {

/// Fill kernels write, and counts of poison read, whole vectors.
std::size_t whole_vectors(Element element, std::int64_t count) {
  constexpr std::int64_t kStep = Fill::kElements;
  return static_cast<std::size_t>((count + kStep - 1) / kStep * kStep * bytes_of(element));
}

double value_of(Element element, const void* bytes) {
  if (element == Element::bf16) {
    Bf16 x{};
    std::memcpy(&x, bytes, sizeof x);
    return static_cast<double>(to_float(x));
  }
  if (element == Element::fp16) {
    Fp16 x{};
    std::memcpy(&x, bytes, sizeof x);
    return static_cast<double>(to_float(x));
  }
  if (element == Element::e4m3) {
    E4m3 x{};
    std::memcpy(&x, bytes, sizeof x);
    return static_cast<double>(to_float(x));
  }
  float x = 0;
  std::memcpy(&x, bytes, sizeof x);
  return static_cast<double>(x);
}

}  // namespace

Operand::Operand(Gpu& gpu, Element element, std::int64_t count, std::uint64_t seed)
    : memory_(gpu, whole_vectors(element, count)), element_(element), seed_(seed) {
  const auto filled = static_cast<std::int64_t>(memory_.bytes()) / bytes_of(element);
  gpu.run(Fill::Call{data(), filled, seed, element}, Lane{});
}

double Operand::at(std::int64_t index) const {
  const float x = random_float(seed_, static_cast<std::uint64_t>(index));
  switch (element_) {
    case Element::bf16:
      return static_cast<double>(to_float(to_bf16(x)));
    case Element::fp16:
      return static_cast<double>(to_float(to_fp16(x)));
    case Element::e4m3:
      return static_cast<double>(to_float(to_e4m3_by_bits(x)));
    case Element::fp32:
      break;
  }
  return static_cast<double>(x);
}

Output::Output(Gpu& gpu, Element element, std::int64_t count)
    : gpu_(&gpu), memory_(gpu, whole_vectors(element, count)), element_(element), count_(count) {}

void Output::poison() const { gpu_->set_bytes(data(), 0xff, memory_.bytes()); }

std::string Output::unwritten() const {
  const GpuMemory found(*gpu_, sizeof(unsigned long long));
  gpu_->set_bytes(found.data(), 0, found.bytes());
  // The last vector is judged with the rest: what lies beyond the output is written here.
  const auto used = static_cast<std::size_t>(count_ * bytes_of(element_));
  gpu_->set_bytes(static_cast<char*>(data()) + used, 0, memory_.bytes() - used);
  gpu_->run(CountPoison::Call{data(), static_cast<std::int64_t>(memory_.bytes() / 16),
                              found.as<unsigned long long>()},
            Lane{});
  unsigned long long words = 0;
  gpu_->download(&words, found.data(), sizeof words);
  return words == 0 ? std::string()
                    : fmt::format("{} words of 2 bytes of the output were never written", words);
}

double Output::at(std::int64_t index) const {
  std::array<char, 4> bytes{};
  const int size = bytes_of(element_);
  gpu_->download(bytes.data(), static_cast<const char*>(data()) + index * size,
                 static_cast<std::size_t>(size));
  return value_of(element_, bytes.data());
}

std::vector<std::int32_t> shuffled(std::int64_t count, std::uint64_t seed) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[random_bits(seed, i) % i]);
  return order;
}

std::string differs(std::int64_t index, double got, double expected, double allowed) {
  if (std::abs(got - expected) <= allowed) return {};
  return fmt::format("out[{}]: expected {:.6g}, got {:.6g}", index, expected, got);
}

}  // namespace headroom::gpu
