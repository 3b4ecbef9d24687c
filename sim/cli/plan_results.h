// Answers of simulations, kept in a SQLite file, so that a second plan reuses those of the first.
//
// Law: an answer is found again only for the same effective scenario, the same contents of every
// file that it names, the same question and the same program, to the byte.
// Errors: InputError naming the file for what is no such database or cannot be written.
// Cost: one look-up a question; each answer is kept as soon as it is there. Safe for several
// threads.
// Not here: the file (reports/answer_store.h).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "reports/answer_store.h"
#include "sim/cli/command_line.h"
#include "sim/cli/plan_judged.h"
#include "sim/scenario.h"

namespace headroom {

class PlanResults {
 public:
  explicit PlanResults(const std::string& path);
  [[nodiscard]] std::optional<Judged> find(const Scenario& scenario, const std::string& question);
  void keep(const Scenario& scenario, const std::string& question, const Judged& judged);

 private:
  /// Digest of what a scenario and a question name, the program itself included.
  [[nodiscard]] std::string key_of(const Scenario& scenario, const std::string& question);
  [[nodiscard]] const std::string& contents(const std::string& path);

  std::mutex mutex_;
  AnswerStore store_;
  std::string program_;                          ///< fingerprint of the program
  std::map<std::string, std::string> contents_;  ///< fingerprint by path
};

/// The store that --cache names; null without it. Throws InputError.
[[nodiscard]] std::unique_ptr<PlanResults> open_results(const Invocation& call);

}  // namespace headroom
