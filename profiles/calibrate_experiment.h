// What a calibration asks of a server, and what it sees: requests and the times of their tokens.
//
// Law: plain data. Times are seconds on one clock of the client; token counts are the server's
// where it states them.
// Not here: which experiments there are (profiles/calibrate_plan.h), how requests travel
// (profiles/calibrate_http.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace headroom {

struct PlannedRequest {
  std::int64_t prompt_tokens = 1;
  std::int64_t output_tokens = 1;
  /// Sent when this earlier request of the experiment has `after_tokens` tokens, and `delay_s` more
  /// have passed; at once when there is none.
  std::optional<std::size_t> after{};
  std::size_t after_tokens = 0;
  double delay_s = 0;
};

enum class ExperimentKind : std::uint8_t {
  lone,  ///< one request in an empty server: how long prompts take
  wave,  ///< several at once: how long steps of so many decodes take
  late,  ///< one request into a running decode: what it stalls, and when it is taken in
};

struct Experiment {
  ExperimentKind kind = ExperimentKind::lone;
  std::vector<PlannedRequest> requests{};
  bool held_out = false;  ///< checks the fit, takes no part in it
};

struct ServedRequest {
  double sent_s = 0;     ///< the connection stood and the request went out
  double connect_s = 0;  ///< time that connecting took: a round trip of the network
  std::vector<double> token_s{};
  std::int64_t prompt_tokens = 0;      ///< as the server counts; as planned where it does not
  std::int64_t completion_tokens = 0;  ///< as the server counts; 0: it does not
};

}  // namespace headroom
