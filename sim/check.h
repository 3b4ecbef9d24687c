// The two ways something can be wrong.
//
// `InputError`: the user's input is at fault. Thrown while loading only, never inside a simulation.
// `SIM_CHECK`: Headroom or a policy is at fault. Always on; prints the broken law and where the
// simulation stood, then aborts (exit 134). Cost when it holds: one predictable branch. A third
// kind, "the answer is no", is an ordinary value and has nothing to do with this file.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace headroom {

/// The user's input is wrong. `where` names the place (file:line:column or file: /json/pointer);
/// `what()` is the whole line: place, expectation, finding, remedy.
class InputError : public std::runtime_error {
 public:
  InputError(std::string where, const std::string& message)
      : std::runtime_error(where.empty() ? message : where + ": " + message),
        where_(std::move(where)) {}
  [[nodiscard]] const std::string& where() const noexcept { return where_; }

 private:
  std::string where_;
};

/// Where the simulation on this thread stands; printed by a failing SIM_CHECK.
struct CheckContext {
  const char* policy = "none";     ///< name of the policy whose answer is being applied
  std::uint64_t seed = 0;          ///< seed of the running scenario
  std::uint64_t event_number = 0;  ///< events processed so far
  std::int64_t now_ns = 0;         ///< simulated time
  std::int64_t request = -1;       ///< request under discussion, -1 for none
};

/// The context of this thread's simulation.
[[nodiscard]] CheckContext& check_context() noexcept;

/// Reports a broken law on stderr and aborts.
[[noreturn]] void law_broken(const char* law, const char* condition, const char* file, int line);

}  // namespace headroom

/// Aborts unless `condition` holds; `law` is the sentence that was broken.
#define SIM_CHECK(condition, law)                                    \
  do {                                                               \
    if (!(condition)) [[unlikely]]                                   \
      ::headroom::law_broken((law), #condition, __FILE__, __LINE__); \
  } while (false)
