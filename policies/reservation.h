// KV reserved once, at admission, for a request's whole life: what schedulers without paging do.
//
// Source of the three variants: Kwon et al., "Efficient Memory Management for Large Language Model
// Serving with PagedAttention", SOSP 2023, section 6.1 (its Orca baselines).
// Law: for one request, oracle <= pow2 <= max, as long as predictions hold.
// Cost: O(1).
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>

#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {

class Reservation {
 public:
  enum class Kind : std::uint8_t {
    oracle,  ///< prompt + output, exactly
    pow2,    ///< prompt + next power of two of the output: at most twice what is needed
    max,     ///< the longest sequence the model takes
  };
  /// What a reservation occupies.
  enum class Allocation : std::uint8_t {
    exact,  ///< what was asked for
    buddy,  ///< the next power of two, as a buddy allocator hands out
  };
  Reservation(Kind kind, Tokens max_length, Allocation allocation)
      : kind_(kind), max_length_(max_length), allocation_(allocation) {}

  /// Reads the parameters that `specs` declares.
  explicit Reservation(const Parameters& parameters)
      : Reservation(kind_of(parameters.choice("reservation")),
                    Tokens(parameters.integer("max_length")),
                    parameters.has("allocation") && parameters.choice("allocation") == "buddy"
                        ? Allocation::buddy
                        : Allocation::exact) {}

  /// Declarations of `reservation` and `max_length`.
  [[nodiscard]] static ParameterSpec kind_spec() {
    return {"reservation",
            ParameterSpec::Kind::choice,
            0,
            0,
            "max",
            {"oracle", "pow2", "max"},
            "KV set aside at admission: prompt + predicted output (oracle), prompt + its next "
            "power of two (pow2), or "
            "the longest sequence (max)"};
  }
  [[nodiscard]] static ParameterSpec length_spec() {
    return {"max_length",
            ParameterSpec::Kind::integer,
            0,
            double{1 << 28},
            "0",
            {},
            "tokens that `max` reserves; 0: the model's maximum length"};
  }

  [[nodiscard]] static ParameterSpec allocation_spec() {
    return {"allocation",
            ParameterSpec::Kind::choice,
            0,
            0,
            "exact",
            {"exact", "buddy"},
            "room a reservation takes: exact, or the next power of two (buddy), as in the vLLM "
            "paper's Orca baselines"};
  }

  /// Tokens to reserve for a request, room for one output token more than exist at least. A
  /// prediction that has proved too short (the request was preempted after more tokens) is replaced
  /// by what is known.
  [[nodiscard]] Tokens tokens(const RequestView& request, Tokens max_model_len) const {
    const std::int64_t prompt = request.prompt().value();
    const std::int64_t output =
        std::max(request.predicted_output().value(), request.generated().value() + 1);
    const std::int64_t bounded =
        std::max(std::min(wanted(prompt, output, max_model_len), max_model_len.value()),
                 request.missing().value());
    if (allocation_ == Allocation::exact) return Tokens(bounded);
    return Tokens(static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(bounded))));
  }

 private:
  [[nodiscard]] static Kind kind_of(const std::string& name) {
    if (name == "oracle") return Kind::oracle;
    return name == "pow2" ? Kind::pow2 : Kind::max;
  }
  [[nodiscard]] std::int64_t wanted(std::int64_t prompt, std::int64_t output,
                                    Tokens max_model_len) const {
    switch (kind_) {
      case Kind::oracle:
        return prompt + output;
      case Kind::pow2:
        return prompt +
               static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(output)));
      case Kind::max:
        break;
    }
    const Tokens longest = max_length_ == Tokens(0) ? max_model_len : max_length_;
    return std::max(longest.value(), prompt + output);
  }

  Kind kind_;
  Tokens max_length_;
  Allocation allocation_;
};

}  // namespace headroom
