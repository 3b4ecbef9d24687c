// What a measurement has done so far, on disk: one line a step, each durable before the next
// begins.
//
// Law: that of profiles/line_journal.h; a step that is not understood ends the journal before it.
// Cost: one write and one fdatasync a step.
// Not here: what the steps mean (profiles/measure.h). The profile store is written once, at the
// end, so that its readers never see half a measurement.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "profiles/line_journal.h"

namespace headroom {

enum class StepState : std::uint8_t {
  settled,    ///< sampled until the median was sure enough
  noisy,      ///< sampled until the time was up
  throttled,  ///< the device slowed down during every attempt
  wrong,      ///< the kernel's result is not the reference's
  refused,    ///< the device has no such kernel
};
constexpr int kStepStates = 5;
[[nodiscard]] const char* to_string(StepState state);

struct StepRecord {
  std::int64_t step = 0;  ///< index in the measurement's schedule
  StepState state = StepState::settled;
  std::int64_t launches = 1;        ///< of one sample
  double clock = 0;                 ///< of the device while it sampled; 0: unknown
  std::string note{};               ///< why it is wrong or refused; else `ReadyKernel::about`
  std::vector<double> device_ns{};  ///< samples in the order of measurement, of one launch
  std::vector<double> wall_ns{};    ///< empty, or as many
};

class MeasureJournal {
 public:
  /// Throws InputError as LineJournal does.
  MeasureJournal(std::string path, const std::string& identity);

  /// Steps of this and earlier processes, in the order of measurement.
  [[nodiscard]] const std::vector<StepRecord>& records() const { return records_; }
  /// Durable when it returns. Throws InputError when the system refuses; the file is as before.
  void append(StepRecord record);
  /// Deletes the file: the measurement is in the store.
  void remove() { file_.remove(); }
  [[nodiscard]] const std::string& path() const { return file_.path(); }

 private:
  LineJournal file_;
  std::vector<StepRecord> records_{};
};

}  // namespace headroom
