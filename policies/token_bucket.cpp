// Token bucket: requests, or their prompt tokens, enter at a bounded rate with bounded bursts.
//
// Turner, "New directions in communications (or which way to the information age?)", IEEE
// Communications 24(10), 1986. The bucket fills with `rate` a second up to `burst`; each request
// takes 1 or its prompt length. When it does not hold enough, the request is rejected, or held
// until it does: held requests book the tokens to come, so they enter in order of arrival and each
// is asked about once more. Law: over any span t no more than burst + rate * t enters (one prompt
// longer than the burst, when held, counts as it is). Cost: O(1) a request; memory for the requests
// held.
#include <algorithm>
#include <deque>

#include "sim/policy.h"
#include "sim/registry.h"

namespace headroom {
namespace {

const std::vector<ParameterSpec> kParameters{
    {"rate", ParameterSpec::Kind::number, 1e-6, 1e12, "10", {}, "units a second"},
    {"burst", ParameterSpec::Kind::number, 1, 1e12, "10", {}, "units that a full bucket holds"},
    {"unit",
     ParameterSpec::Kind::choice,
     0,
     0,
     "requests",
     {"requests", "tokens"},
     "what is counted: requests, or tokens of their prompts"},
    {"when_empty",
     ParameterSpec::Kind::choice,
     0,
     0,
     "reject",
     {"reject", "hold"},
     "what happens to a request that finds too little"},
};

class TokenBucket final : public AdmissionPolicy {
 public:
  explicit TokenBucket(const Parameters& parameters)
      : rate_per_ns_(parameters.number("rate") * 1e-9),
        burst_(parameters.number("burst")),
        counts_tokens_(parameters.choice("unit") == "tokens"),
        holds_(parameters.choice("when_empty") == "hold"),
        level_(burst_) {}

  AdmissionDecision admit(const RequestView& request, const ClusterView& cluster) override {
    if (take_booking(request.id(), cluster.now())) return AdmissionDecision::accept();
    const double cost = counts_tokens_ ? request.prompt().as_double() : 1.0;
    fill(cluster.now());
    if (level_ >= cost - kRounding) {
      level_ -= cost;
      return AdmissionDecision::accept();
    }
    if (!holds_) return AdmissionDecision::reject();
    level_ -= cost;
    return book(request.id(), cluster.now());
  }

 private:
  struct Booking {
    RequestId request;
    Instant when;
  };
  /// Waits beyond this are cut, so that an instant cannot overflow: 100 years.
  static constexpr double kLongestWait = 3.2e18;
  /// Sums of products of the rate with whole nanoseconds are off by less, in units and in ns.
  static constexpr double kRounding = 1e-6;

  void fill(Instant now) {
    level_ = std::min(burst_, level_ + rate_per_ns_ * (now - filled_).as_double());
    filled_ = now;
  }

  /// Requires level_ < 0: the request enters when the bucket is back at 0, rounded up to a
  /// nanosecond.
  [[nodiscard]] AdmissionDecision book(RequestId request, Instant now) {
    const double wait = std::min(-level_ / rate_per_ns_, kLongestWait);
    const auto whole = static_cast<std::int64_t>(wait);
    const Duration rounded_up(whole + (wait - static_cast<double>(whole) > kRounding ? 1 : 0));
    const Instant when = now + std::max(rounded_up, kNanosecond);
    bookings_.push_back({request, when});
    return AdmissionDecision::hold_until(when);
  }

  /// Bookings are due in the order they were made, so the one asked about is at or next to the
  /// front.
  [[nodiscard]] bool take_booking(RequestId request, Instant now) {
    for (auto it = bookings_.begin(); it != bookings_.end() && it->when <= now; ++it) {
      if (it->request != request) continue;
      bookings_.erase(it);
      return true;
    }
    return false;
  }

  double rate_per_ns_;
  double burst_;
  bool counts_tokens_;
  bool holds_;
  double
      level_;  ///< units in the bucket; below 0 when held requests have booked more than there is
  Instant filled_;
  std::deque<Booking> bookings_;
};

const RegisterAdmissionPolicy kRegistered{
    "token-bucket", "a bounded rate of requests or prompt tokens with bounded bursts", kParameters,
    [](const Parameters& p) { return std::make_unique<TokenBucket>(p); }};

}  // namespace
}  // namespace headroom
