#include "profiles/measure_operands.h"

#include <algorithm>
#include <limits>
#include <new>

namespace headroom {
namespace {

// Lines of x86-64 and of most ARM processors; flushing by a smaller step than the line's is slower,
// never wrong.
constexpr std::size_t kLineBytes = 64;

#if defined(__x86_64__)
void flush_line(const char* line) { __builtin_ia32_clflush(line); }
void wait_for_flushes() { __builtin_ia32_mfence(); }
#elif defined(__aarch64__)
void flush_line(const char* line) { asm volatile("dc civac, %0" : : "r"(line) : "memory"); }
void wait_for_flushes() { asm volatile("dsb ish" : : : "memory"); }
#else
#error "no instruction known here that empties a cache line: add it for this processor"
#endif

}  // namespace

OperandArray::OperandArray(std::size_t count) : count_(count) {
  const std::size_t bytes = (count * sizeof(float) + kLineBytes) / kLineBytes * kLineBytes;
  floats_.reset(static_cast<float*>(std::aligned_alloc(kLineBytes, bytes)));
  if (floats_ == nullptr) throw std::bad_alloc();
  std::fill(floats_.get(), floats_.get() + count, 0.0F);
}

void OperandArray::fill(SplitMix& random) {
  std::generate(data(), data() + count_, [&random] { return random.signed_unit(); });
}

void OperandArray::poison() {
  std::fill(data(), data() + count_, std::numeric_limits<float>::quiet_NaN());
}

bool OperandArray::poisoned() const {
  return std::any_of(data(), data() + count_, [](float value) { return value != value; });
}

void OperandArray::evict() {
  const char* const bytes = reinterpret_cast<const char*>(data());
  for (std::size_t at = 0; at < count_ * sizeof(float); at += kLineBytes) flush_line(bytes + at);
  wait_for_flushes();
}

}  // namespace headroom
