// Strong types for every quantity that crosses an interface.
//
// Law: quantities of different kinds never mix; adding two instants, or bytes to tokens, does not
// compile (tests/compile_fail). All operations are constexpr and cost what the bare integer or
// double costs.
// Not here: text parsing ("200 ms"), which belongs to sim/quantity_text.h.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <limits>

namespace headroom {

__extension__ typedef __int128 Int128;  ///< for sums that must stay exact

/// An integer amount of one kind.
template <class Tag>
class Count {
 public:
  constexpr Count() = default;
  constexpr explicit Count(std::int64_t value) : value_(value) {}
  [[nodiscard]] constexpr std::int64_t value() const { return value_; }
  [[nodiscard]] constexpr double as_double() const { return static_cast<double>(value_); }

  friend constexpr auto operator<=>(Count, Count) = default;
  friend constexpr Count operator+(Count a, Count b) { return Count(a.value_ + b.value_); }
  friend constexpr Count operator-(Count a, Count b) { return Count(a.value_ - b.value_); }
  friend constexpr Count operator*(Count a, std::int64_t k) { return Count(a.value_ * k); }
  friend constexpr Count operator*(std::int64_t k, Count a) { return Count(a.value_ * k); }
  friend constexpr Count operator/(Count a, std::int64_t k) { return Count(a.value_ / k); }
  /// How many times `b` goes into `a`, rounded towards zero.
  friend constexpr std::int64_t operator/(Count a, Count b) { return a.value_ / b.value_; }
  constexpr Count operator-() const { return Count(-value_); }
  constexpr Count& operator+=(Count b) {
    value_ += b.value_;
    return *this;
  }
  constexpr Count& operator-=(Count b) {
    value_ -= b.value_;
    return *this;
  }
  constexpr Count& operator++() {
    ++value_;
    return *this;
  }
  constexpr Count& operator--() {
    --value_;
    return *this;
  }

 private:
  std::int64_t value_ = 0;
};

using Tokens = Count<struct TokensTag>;
using Blocks = Count<struct BlocksTag>;  ///< KV blocks
using Bytes = Count<struct BytesTag>;
using Duration = Count<struct DurationTag>;  ///< nanoseconds

constexpr Duration kNanosecond{1};
constexpr Duration kMicrosecond{1'000};
constexpr Duration kMillisecond{1'000'000};
constexpr Duration kSecond{1'000'000'000};
constexpr Duration kHour = kSecond * 3600;

/// A point of simulated time: nanoseconds since the start of the simulation.
class Instant {
 public:
  constexpr Instant() = default;
  constexpr explicit Instant(std::int64_t ns) : ns_(ns) {}
  /// Later than anything that happens.
  [[nodiscard]] static constexpr Instant never() {
    return Instant(std::numeric_limits<std::int64_t>::max());
  }
  [[nodiscard]] constexpr std::int64_t ns() const { return ns_; }

  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant t, Duration d) { return Instant(t.ns_ + d.value()); }
  friend constexpr Instant operator-(Instant t, Duration d) { return Instant(t.ns_ - d.value()); }
  friend constexpr Duration operator-(Instant a, Instant b) { return Duration(a.ns_ - b.ns_); }

 private:
  std::int64_t ns_ = 0;
};

[[nodiscard]] constexpr double seconds(Duration d) { return d.as_double() * 1e-9; }
[[nodiscard]] constexpr double milliseconds(Duration d) { return d.as_double() * 1e-6; }

/// A real amount of one kind.
template <class Tag>
class Real {
 public:
  constexpr Real() = default;
  constexpr explicit Real(double value) : value_(value) {}
  [[nodiscard]] constexpr double value() const { return value_; }

  friend constexpr auto operator<=>(Real, Real) = default;
  friend constexpr Real operator+(Real a, Real b) { return Real(a.value_ + b.value_); }
  friend constexpr Real operator-(Real a, Real b) { return Real(a.value_ - b.value_); }
  friend constexpr Real operator*(Real a, double k) { return Real(a.value_ * k); }
  friend constexpr Real operator*(double k, Real a) { return Real(a.value_ * k); }
  friend constexpr Real operator/(Real a, double k) { return Real(a.value_ / k); }
  friend constexpr double operator/(Real a, Real b) { return a.value_ / b.value_; }
  constexpr Real& operator+=(Real b) {
    value_ += b.value_;
    return *this;
  }

 private:
  double value_ = 0.0;
};

using Flops = Real<struct FlopsTag>;  ///< floating-point operations
using FlopsPerSecond = Real<struct FlopsPerSecondTag>;
using BytesPerSecond = Real<struct BytesPerSecondTag>;
using PerSecond = Real<struct PerSecondTag>;  ///< a rate of requests
using Usd = Real<struct UsdTag>;
using UsdPerHour = Real<struct UsdPerHourTag>;
using Watts = Real<struct WattsTag>;
using Joules = Real<struct JoulesTag>;

/// The one place where computed real seconds become integer nanoseconds: nearest, halves up.
/// Requires 0 <= s < 2^33.
[[nodiscard]] constexpr Duration duration_from_seconds(double s) {
  return Duration(static_cast<std::int64_t>(s * 1e9 + 0.5));
}

/// Blocks that hold `tokens`, rounded up. Requires block_tokens > 0.
[[nodiscard]] constexpr Blocks blocks_for(Tokens tokens, Tokens block_tokens) {
  return Blocks((tokens.value() + block_tokens.value() - 1) / block_tokens.value());
}

/// A dense index of one kind of thing.
template <class Tag>
class Id {
 public:
  constexpr Id() = default;
  constexpr explicit Id(std::uint32_t index) : index_(index) {}
  [[nodiscard]] constexpr std::uint32_t index() const { return index_; }
  [[nodiscard]] static constexpr Id none() { return Id(~std::uint32_t{0}); }
  friend constexpr auto operator<=>(Id, Id) = default;

 private:
  std::uint32_t index_ = ~std::uint32_t{0};
};

using RequestId = Id<struct RequestIdTag>;      ///< order of arrival, from 0
using RequestSlot = Id<struct RequestSlotTag>;  ///< place in the table of live requests, reused
using ReplicaId = Id<struct ReplicaIdTag>;
using NodeId = Id<struct NodeIdTag>;
using DeviceId = Id<struct DeviceIdTag>;
using LinkId = Id<struct LinkIdTag>;
using FlowId = Id<struct FlowIdTag>;

}  // namespace headroom
