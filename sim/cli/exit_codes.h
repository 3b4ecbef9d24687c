// What the program's exit code says (`headroom help exit-codes`).
#pragma once

namespace headroom {

constexpr int kExitYes = 0;       ///< done; service levels held
constexpr int kExitNo = 1;        ///< the answer is no: service level missed, model does not fit
constexpr int kExitBadInput = 2;  ///< bad input or usage
constexpr int kExitNoAnswer = 3;  ///< no answer: nothing finished, something missing or unlike
constexpr int kExitInterrupted = 130;  ///< Ctrl-C; 128 + SIGINT as shells have it

}  // namespace headroom
