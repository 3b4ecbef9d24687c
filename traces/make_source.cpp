#include "traces/make_source.h"

#include <algorithm>
#include <array>
#include <limits>

#include "sim/check.h"
#include "traces/generated_sources.h"
#include "traces/row_builder.h"
#include "traces/trace_source.h"

namespace headroom {
namespace {

constexpr std::array<GeneratorPreset, 3> kPresets{{
    {"w-lcg", "deterministic ShareGPT-like lengths, Poisson arrivals; does not depend on the seed"},
    {"w-lcg-512-64", "the same arrivals with 512 prompt and 64 output tokens"},
    {"burstgpt-like", "gamma arrivals with cv 2, lengths fitted to BurstGPT"},
}};

[[nodiscard]] std::uint64_t most_requests(const WorkloadSpec& spec) {
  constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t limit = spec.limit == 0 ? kAll : spec.limit;
  const std::uint64_t asked = spec.requests == 0 ? kAll : spec.requests;
  return std::min(limit, asked);
}

void refuse(bool when, const char* pointer, const char* problem) {
  if (when) throw InputError(pointer, problem);
}

std::unique_ptr<RequestSource> from_trace(const WorkloadSpec& spec, std::uint64_t seed) {
  refuse(spec.sessions.has_value(), "/workload/sessions",
         "expected no sessions beside a trace, got some; remove one of them");
  std::unique_ptr<TraceReader> reader = open_trace(spec.trace, spec.format);
  const bool windowed = spec.window_start || spec.window_end;
  if (spec.clients > 0) {
    refuse(windowed, "/workload/window_start",
           "expected no window in a closed loop, got one; clients decide when requests arrive");
    return std::make_unique<ClosedLoopSource>(
        spec, seed, std::make_unique<TraceLengths>(std::move(reader)), most_requests(spec));
  }
  if (reader->has_arrivals()) {
    refuse(spec.rate != PerSecond(1) || spec.arrivals != "poisson", "/workload/rate",
           "expected no arrivals beside a trace that has its own, got some; use rate_scale");
    return std::make_unique<TraceSource>(std::move(reader), spec);
  }
  refuse(windowed, "/workload/window_start",
         "expected no window on a trace without arrivals, got one; use limit");
  return std::make_unique<OpenSource>(ArrivalProcess(spec, seed),
                                      std::make_unique<TraceLengths>(std::move(reader)),
                                      most_requests(spec), spec.trace);
}

std::unique_ptr<RequestSource> w_lcg(const WorkloadSpec& spec, std::uint64_t seed) {
  const double rate = spec.rate.value() * spec.rate_scale;
  if (!(rate >= 1e-6) || !(rate <= 1e9)) {
    throw InputError("/workload/rate", "expected a rate from 1e-6 /s to 1e9 /s, got " +
                                           std::to_string(rate) + " /s; correct the rate");
  }
  const WLcg generator(
      spec.preset == "w-lcg" ? WLcg::Lengths::sharegpt : WLcg::Lengths::constant_512_64, rate);
  if (spec.clients > 0) {
    return std::make_unique<ClosedLoopSource>(spec, seed, std::make_unique<WLcgLengths>(generator),
                                              most_requests(spec));
  }
  return std::make_unique<WLcgSource>(generator, most_requests(spec));
}

std::unique_ptr<RequestSource> from_laws(const WorkloadSpec& spec, std::uint64_t seed) {
  if (spec.sessions) {
    refuse(spec.clients > 0, "/workload/clients",
           "expected either clients or sessions, got both; remove one of them");
    WorkloadSpec limited = spec;
    limited.requests = most_requests(spec);
    return std::make_unique<SessionSource>(limited, seed);
  }
  auto lengths = std::make_unique<DrawnLengths>(spec, seed);
  if (spec.clients > 0) {
    return std::make_unique<ClosedLoopSource>(spec, seed, std::move(lengths), most_requests(spec));
  }
  return std::make_unique<OpenSource>(ArrivalProcess(spec, seed), std::move(lengths),
                                      most_requests(spec), "/workload/requests");
}

}  // namespace

std::span<const GeneratorPreset> generator_presets() { return kPresets; }

WorkloadSpec burstgpt_like(const WorkloadSpec& spec) {
  WorkloadSpec filled = spec;
  filled.preset.clear();
  filled.arrivals = "gamma";
  filled.arrival_cv = 2;
  filled.prompt = DistributionSpec{};
  filled.prompt.kind = DistributionSpec::Kind::weibull;
  filled.prompt.mean = 541.46;  // shape 0.8746, scale 506.34
  filled.prompt.cv = 1.14664;
  filled.prompt.least = 1;
  filled.prompt.most = 25085;
  filled.output = filled.prompt;
  filled.output.mean = 220.14;  // shape 0.9711, scale 217.32
  filled.output.cv = 1.02994;
  filled.output.most = 2019;
  return filled;
}

std::unique_ptr<RequestSource> make_source(const WorkloadSpec& spec, std::uint64_t seed) {
  if (!spec.trace.empty()) return from_trace(spec, seed);
  refuse(spec.requests == 0, "/workload/requests",
         "expected at least 1 request, got 0; say how many to generate, or name a trace");
  refuse(spec.window_start || spec.window_end, "/workload/window_start",
         "expected no window without a trace, got one; use requests");
  if (spec.preset.empty()) return from_laws(spec, seed);
  if (spec.preset == "burstgpt-like") return from_laws(burstgpt_like(spec), seed);
  if (spec.preset == "w-lcg" || spec.preset == "w-lcg-512-64") {
    refuse(spec.sessions.has_value(), "/workload/sessions",
           "expected no sessions beside this preset, got some; remove one of them");
    return w_lcg(spec, seed);
  }
  throw InputError("/workload/preset", "expected w-lcg, w-lcg-512-64 or burstgpt-like, got " +
                                           shown(spec.preset) + "; correct the name");
}

}  // namespace headroom
