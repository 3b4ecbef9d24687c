// What the driver's management library (NVML) says about a GPU, found while the program runs.
//
// Law: where the library, a function or a right is missing, the value is absent, never guessed.
// Cost: one dlopen; microseconds a question. Not here: changing anything.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace headroom::gpu {

class Nvml {
 public:
  /// `bus_id`: "0000:3B:00.0". Empty where there is no NVML or no such GPU.
  [[nodiscard]] static std::optional<Nvml> open(const std::string& bus_id);
  Nvml(Nvml&&) noexcept;
  Nvml& operator=(Nvml&&) noexcept;
  ~Nvml();

  [[nodiscard]] std::string driver() const;  ///< "580.65"; empty: unknown
  [[nodiscard]] std::string uuid() const;
  [[nodiscard]] std::optional<unsigned> sm_mhz() const;
  [[nodiscard]] std::optional<unsigned> memory_mhz() const;
  [[nodiscard]] std::optional<unsigned> most_sm_mhz() const;
  [[nodiscard]] std::optional<unsigned> celsius() const;
  [[nodiscard]] std::optional<double> watts() const;
  [[nodiscard]] std::optional<double> watt_limit() const;  ///< enforced
  /// Mask of reasons why clocks are not at their highest.
  [[nodiscard]] std::optional<unsigned long long> slow_reasons() const;
  /// "ECC on, MIG off, persistence on", what is known of it.
  [[nodiscard]] std::string modes() const;

 private:
  struct Library;
  explicit Nvml(std::unique_ptr<Library> library);
  std::unique_ptr<Library> library_;
};

/// Power, heat and brakes, of the mask's bits: those that make a clock lower than the load needs.
[[nodiscard]] std::string slow_reason_text(unsigned long long mask);

}  // namespace headroom::gpu
