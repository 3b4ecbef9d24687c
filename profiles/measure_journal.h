// What a measurement has done so far, on disk: one line a step, each durable before the next
// begins.
//
// Law: after a kill, a full disk or a torn write the journal holds every step whose `append`
// returned, and nothing else; two processes never write one journal. Cost: one write and one
// fdatasync a step.
// Not here: what the steps mean (profiles/measure.h). The profile store is written once, at the
// end, so that its readers never see half a measurement.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

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
  std::string note{};               ///< why it is wrong or refused
  std::vector<double> device_ns{};  ///< samples in the order of measurement, of one launch
  std::vector<double> wall_ns{};    ///< empty, or as many
};

class MeasureJournal {
 public:
  /// Opens or creates, and locks. What a killed writer left of a line is cut off. Throws InputError
  /// when the file is another measurement's (its `identity` differs), is in use, or cannot be
  /// written.
  MeasureJournal(std::string path, const std::string& identity);
  ~MeasureJournal();
  MeasureJournal(const MeasureJournal&) = delete;
  MeasureJournal& operator=(const MeasureJournal&) = delete;

  /// Steps of this and earlier processes, in the order of measurement.
  [[nodiscard]] const std::vector<StepRecord>& records() const { return records_; }
  /// Durable when it returns. Throws InputError when the system refuses; the file is as before.
  void append(StepRecord record);
  /// Deletes the file: the measurement is in the store.
  void remove();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  void recover(const std::string& identity);
  void write_line(const std::string& payload);

  std::string path_;
  int file_ = -1;
  std::int64_t size_ = 0;  ///< of the lines known to be whole
  std::vector<StepRecord> records_{};
};

}  // namespace headroom
