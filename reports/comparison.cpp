#include "reports/comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "reports/number_text.h"
#include "sim/check.h"

namespace headroom {
namespace {

constexpr double kLevel = 0.05;
constexpr double kNotable = 0.01;  ///< a worsening without a gate is noted beyond 1 %

/// Runs of both sides that are set against each other.
struct Pair {
  const RunRecord* base;
  const RunRecord* candidate;
};

struct JudgedMetric {
  MetricChange change;
  const Gate* gate = nullptr;
  bool equal = true;  ///< in every pair
  bool real = false;  ///< no chance of the seeds
};

/// What was asked: these values must agree. `key` is dotted.
bool asks(const std::string& key) {
  for (const std::string head : {"workload", "slo", "time_limit", "model.name"}) {
    if (key == head || key.rfind(head + ".", 0) == 0) return true;
  }
  return key == "model";
}

std::string dotted(const std::string& pointer) {
  std::string key = pointer.substr(pointer.rfind('/', 0) == 0 ? 1 : 0);
  if (pointer.rfind('/', 0) == 0) std::replace(key.begin(), key.end(), '/', '.');
  return key;
}

std::vector<InputChange> input_changes(const RecordSet& base, const RecordSet& candidate) {
  std::vector<InputChange> changes;
  if (base.inputs.empty() || candidate.inputs.empty()) return changes;
  std::map<std::string, std::string> later;
  for (const RecordedInput& input : candidate.inputs) later[dotted(input.pointer)] = input.value;
  for (const RecordedInput& input : base.inputs) {
    const std::string key = dotted(input.pointer);
    const auto it = later.find(key);
    if (it == later.end()) {
      changes.push_back({key, input.value, {}});
      continue;
    }
    if (it->second != input.value) changes.push_back({key, input.value, it->second});
    later.erase(it);
  }
  for (const RecordedInput& input : candidate.inputs) {
    const auto it = later.find(dotted(input.pointer));
    if (it != later.end()) changes.push_back({it->first, {}, it->second});
  }
  return changes;
}

Sameness same_text(const std::vector<Pair>& pairs, std::string RunRecord::*field) {
  Sameness found = pairs.empty() ? Sameness::unknown : Sameness::same;
  for (const Pair& pair : pairs) {
    const std::string& a = pair.base->*field;
    const std::string& b = pair.candidate->*field;
    if (a.empty() || b.empty()) return Sameness::unknown;
    if (a != b) found = Sameness::differs;
  }
  return found;
}

std::vector<DigestPair> digests_of(const std::vector<Pair>& pairs) {
  constexpr std::pair<const char*, std::string RunRecord::*> kDigests[] = {
      {"scenario", &RunRecord::scenario_digest},
      {"costs", &RunRecord::cost_digest},
      {"decisions", &RunRecord::decision_digest},
      {"requests", &RunRecord::workload_digest}};
  std::vector<DigestPair> digests;
  for (const Pair& pair : pairs) {
    for (const auto& [what, field] : kDigests) {
      digests.push_back({pair.base->seed, what, pair.base->*field, pair.candidate->*field});
    }
  }
  return digests;
}

std::string seed_list(const std::vector<RunRecord>& runs) {
  std::string text;
  for (std::size_t i = 0; i < runs.size() && i < 8; ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(runs[i].seed);
  }
  return text + (runs.size() > 8 ? ", ..." : "");
}

/// By seed; in order where no seed is common to both, for then pairs are as good as any.
std::vector<Pair> pairs_of(const RecordSet& base, const RecordSet& candidate) {
  std::vector<Pair> pairs;
  for (const RunRecord& run : base.runs) {
    for (const RunRecord& other : candidate.runs) {
      if (other.seed == run.seed) pairs.push_back({&run, &other});
    }
  }
  if (!pairs.empty()) return pairs;
  for (std::size_t i = 0; i < std::min(base.runs.size(), candidate.runs.size()); ++i) {
    pairs.push_back({&base.runs[i], &candidate.runs[i]});
  }
  return pairs;
}

void find_obstacles(const RecordSet& base, const RecordSet& candidate, SetComparison& out) {
  const auto seeds = [](const RecordSet& set) {
    std::vector<std::uint64_t> all;
    for (const RunRecord& run : set.runs) all.push_back(run.seed);
    return all;
  };
  const bool same_seeds = seeds(base) == seeds(candidate);
  if (!same_seeds) {
    out.obstacles.push_back(fmt::format("seeds differ: {} against {}", seed_list(base.runs),
                                        seed_list(candidate.runs)));
  }
  bool workload_named = false;
  for (const InputChange& change : out.inputs) {
    if (!asks(change.key)) continue;
    const bool load = change.key.rfind("workload", 0) == 0;
    if (load && out.requests == Sameness::same) continue;
    workload_named = workload_named || load;
    const auto shown = [](const std::string& value) { return value.empty() ? "nothing" : value; };
    out.obstacles.push_back(fmt::format("{} differs: {} against {}", change.key, shown(change.base),
                                        shown(change.candidate)));
  }
  if (same_seeds && out.requests == Sameness::differs && !workload_named) {
    out.obstacles.emplace_back(
        "the requests differ, though the workload is named the same: "
        "another trace, or another generator");
  }
  const bool known = !base.inputs.empty() && !candidate.inputs.empty();
  if (!known && out.scenario != Sameness::same) {
    out.obstacles.emplace_back(
        "the scenarios differ, and a side does not say in what: write both "
        "with this version of headroom");
  }
}

void find_flips(const std::vector<Pair>& pairs, SetComparison& out) {
  std::size_t ran = 0, missed_before = 0, missed_now = 0;
  for (const Pair& pair : pairs) {
    const bool before = pair.base->status == CellStatus::ran;
    const bool now = pair.candidate->status == CellStatus::ran;
    if (before != now) {
      const StatusFlip flip{to_string(pair.base->status), to_string(pair.candidate->status),
                            before};
      const bool there = std::any_of(out.flips.begin(), out.flips.end(), [&](const auto& known) {
        return known.base == flip.base && known.candidate == flip.candidate;
      });
      if (!there) out.flips.push_back(flip);
    }
    if (!before || !now) continue;
    ++ran;
    missed_before += pair.base->verdict == to_string(SloVerdict::missed) ? 1U : 0U;
    missed_now += pair.candidate->verdict == to_string(SloVerdict::missed) ? 1U : 0U;
  }
  const auto words = [&](std::size_t missed) {
    const std::string word = fmt::format("service level {}", missed * 2 > ran ? "MISSED" : "met");
    return ran > 1 && missed > 0 ? fmt::format("{} ({} of {} seeds miss)", word, missed, ran)
                                 : word;
  };
  // Most seeds decide, so that one unlucky seed is no flip.
  if ((missed_before * 2 > ran) != (missed_now * 2 > ran)) {
    out.flips.push_back({words(missed_before), words(missed_now), missed_now > missed_before});
  }
}

/// Where the checkpoints of two runs part.
DecisionWindow window_of(const Pair& pair) {
  DecisionWindow window{pair.base->seed, 0, 0};
  const DecisionCheckpoints& a = pair.base->checkpoints;
  const DecisionCheckpoints& b = pair.candidate->checkpoints;
  if (a.spacing_ns <= 0 || b.spacing_ns <= 0) return window;
  const std::int64_t step = std::max(a.spacing_ns, b.spacing_ns);
  if (step % a.spacing_ns != 0 || step % b.spacing_ns != 0) return window;
  for (std::int64_t at = 0;; at += step) {
    const auto i = static_cast<std::size_t>(at / a.spacing_ns);
    const auto j = static_cast<std::size_t>(at / b.spacing_ns);
    if (i >= a.digests.size() || j >= b.digests.size()) return window;
    if (a.digests[i] != b.digests[j]) {
      window.before_ns = at;
      return window;
    }
    window.after_ns = at;
  }
}

MetricChange change_of(const std::vector<Pair>& pairs, const NamedMetric& like, bool& equal) {
  MetricChange change;
  change.name = like.name;
  change.unit = like.unit;
  change.better = like.better;
  std::vector<double> before, now;
  for (const Pair& pair : pairs) {
    const NamedMetric* a = pair.base->find(like.name);
    const NamedMetric* b = pair.candidate->find(like.name);
    if (a == nullptr || b == nullptr) continue;
    before.push_back(a->value);
    now.push_back(b->value);
    equal = equal && a->value == b->value;
  }
  change.difference = paired_interval(now, before);
  change.base = student_interval(before).mean;
  change.candidate = student_interval(now).mean;
  const double scale = std::abs(change.base);
  if (change.difference.mean != 0) {
    change.share =
        scale > 0 ? change.difference.mean / scale
                  : std::copysign(std::numeric_limits<double>::infinity(), change.difference.mean);
  }
  if (scale > 0) change.share_half = change.difference.half_width / scale;
  return change;
}

/// Positive where it got worse, negative where it got better.
double worsening(const MetricChange& change) {
  if (change.better == Better::neither) return 0;
  return change.better == Better::lower ? change.share : -change.share;
}

/// Holm: marks which of several changes are real, all of them together at `kLevel`.
void judge_together(std::vector<JudgedMetric*>& family) {
  std::stable_sort(family.begin(), family.end(), [](const auto* a, const auto* b) {
    return a->change.difference.chance < b->change.difference.chance;
  });
  for (std::size_t i = 0; i < family.size(); ++i) {
    const double chance = family[i]->change.difference.chance;
    if (!(chance * static_cast<double>(family.size() - i) <= kLevel)) break;
    family[i]->real = true;
  }
}

void judge_gated(JudgedMetric& metric) {
  MetricChange& change = metric.change;
  const Gate& gate = *metric.gate;
  if (gate.of == Gate::Of::value) {
    const bool fails = gate.fails(change.candidate);
    if (fails) {
      change.word = ChangeWord::worse;
    } else {
      change.word = metric.equal ? ChangeWord::same : ChangeWord::drift;
    }
    return;
  }
  const bool share = gate.of == Gate::Of::share;
  const double amount = share ? change.share : change.difference.mean;
  const double half = share ? change.share_half : change.difference.half_width;
  if (metric.equal) {
    change.word = gate.fails(0) ? ChangeWord::worse : ChangeWord::same;
  } else if (gate.fails(amount)) {
    change.word = metric.real ? ChangeWord::worse : ChangeWord::unclear;
  } else if (gate.fails(gate.above ? amount + half : amount - half)) {
    change.word = ChangeWord::unclear;
  } else {
    change.word = worsening(change) < 0 && metric.real ? ChangeWord::better : ChangeWord::drift;
  }
}

void judge_free(JudgedMetric& metric) {
  MetricChange& change = metric.change;
  const double worse = worsening(change);
  change.word = ChangeWord::drift;
  if (metric.equal) {
    change.word = ChangeWord::same;
  } else if (metric.real && worse > kNotable) {
    change.word = ChangeWord::noted;
  } else if (metric.real && worse < 0) {
    change.word = ChangeWord::better;
  }
}

struct Judges {
  std::vector<Gate> gates;
  bool usual = false;
};

void judge(std::vector<JudgedMetric>& metrics, const Judges& judges) {
  std::vector<JudgedMetric*> gated, free;
  for (JudgedMetric& metric : metrics) {
    const StudentInterval& d = metric.change.difference;
    // One seed is exact; of more, a gate that somebody named is judged for itself.
    const bool named = metric.gate != nullptr && !judges.usual;
    metric.real = d.count < 2 || (named && d.chance <= kLevel);
    if (metric.change.word == ChangeWord::missing || metric.equal || named) continue;
    if (metric.gate != nullptr) gated.push_back(&metric);
    if (metric.gate == nullptr && metric.change.better != Better::neither) free.push_back(&metric);
  }
  judge_together(gated);
  judge_together(free);
  for (JudgedMetric& metric : metrics) {
    if (metric.change.word == ChangeWord::missing) continue;
    if (metric.gate != nullptr) {
      judge_gated(metric);
    } else {
      judge_free(metric);
    }
  }
}

std::vector<JudgedMetric> changes_of(const std::vector<Pair>& pairs, const Judges& judges) {
  std::vector<JudgedMetric> metrics;
  const auto known = [&](const std::string& name) {
    return std::any_of(metrics.begin(), metrics.end(),
                       [&](const JudgedMetric& m) { return m.change.name == name; });
  };
  for (const Pair& pair : pairs) {
    for (const NamedMetric& like : pair.base->metrics) {
      if (known(like.name)) continue;
      JudgedMetric metric;
      metric.change = change_of(pairs, like, metric.equal);
      if (metric.change.difference.count == 0) metric.change.word = ChangeWord::missing;
      if (metric.change.difference.count == 0) metric.change.base = like.value;
      metrics.push_back(std::move(metric));
    }
  }
  for (const Gate& gate : judges.gates) {
    const auto it = std::find_if(metrics.begin(), metrics.end(), [&](const JudgedMetric& m) {
      return m.change.name == gate.metric;
    });
    if (it == metrics.end()) {
      if (judges.usual) continue;
      JudgedMetric absent;
      absent.change.name = gate.metric;
      absent.change.word = ChangeWord::missing;
      absent.gate = &gate;
      metrics.push_back(std::move(absent));
      continue;
    }
    if (!gate.unit.empty() && gate.unit != it->change.unit) {
      throw InputError("gate \"" + gate.text + "\"",
                       fmt::format("expected a number in {}, got one in {}; write the unit of {}",
                                   it->change.unit, gate.unit, gate.metric));
    }
    if (it->gate == nullptr) {
      it->gate = &gate;
      continue;
    }
    JudgedMetric again = *it;  // a second gate on one metric is a row of its own
    again.gate = &gate;
    metrics.push_back(std::move(again));
  }
  for (JudgedMetric& metric : metrics) {
    if (metric.gate != nullptr) metric.change.gate = metric.gate->text;
  }
  return metrics;
}

void sort_worst_first(std::vector<MetricChange>& metrics) {
  std::stable_sort(metrics.begin(), metrics.end(),
                   [](const MetricChange& a, const MetricChange& b) {
                     if (a.word != b.word) return a.word < b.word;
                     return std::abs(a.share) > std::abs(b.share);
                   });
}

std::vector<MetricChange> moved_parts(const std::vector<MetricChange>& metrics) {
  std::vector<MetricChange> parts;
  for (const MetricChange& change : metrics) {
    // A metric stands once for each of its gates.
    const bool known = std::any_of(parts.begin(), parts.end(),
                                   [&](const auto& part) { return part.name == change.name; });
    if (known || change.name.rfind("part.", 0) != 0 || change.difference.mean == 0) continue;
    parts.push_back(change);
  }
  std::stable_sort(parts.begin(), parts.end(), [](const MetricChange& a, const MetricChange& b) {
    return std::abs(a.difference.mean) > std::abs(b.difference.mean);
  });
  return parts;
}

SetComparison compare_sets(const RecordSet& base, const RecordSet& candidate, const Judges& judges,
                           const ComparisonOptions& options) {
  SetComparison out;
  out.name = candidate.name == base.name ? base.name : base.name + " / " + candidate.name;
  out.base_version = base.tool_version;
  out.candidate_version = candidate.tool_version;
  const std::vector<Pair> pairs = pairs_of(base, candidate);
  for (const Pair& pair : pairs) out.seeds.push_back(pair.base->seed);
  out.scenario = same_text(pairs, &RunRecord::scenario_digest);
  out.costs = same_text(pairs, &RunRecord::cost_digest);
  out.decisions = same_text(pairs, &RunRecord::decision_digest);
  out.requests = same_text(pairs, &RunRecord::workload_digest);
  out.digests = digests_of(pairs);
  out.inputs = input_changes(base, candidate);
  find_obstacles(base, candidate, out);
  if (!out.obstacles.empty() && options.force == ComparisonOptions::Force::no) return out;
  find_flips(pairs, out);
  out.windows = decision_windows(base, candidate);
  std::vector<JudgedMetric> metrics = changes_of(pairs, judges);
  judge(metrics, judges);
  for (JudgedMetric& metric : metrics) out.metrics.push_back(std::move(metric.change));
  sort_worst_first(out.metrics);
  out.parts = moved_parts(out.metrics);
  return out;
}

Outcome outcome_of(const Comparison& comparison, const ComparisonOptions& options) {
  bool worse = false;
  bool open = !comparison.only_base.empty() || comparison.sets.empty();
  for (const SetComparison& set : comparison.sets) {
    open = open || (!set.obstacles.empty() && !comparison.forced) || set.seeds.empty();
    for (const StatusFlip& flip : set.flips) worse = worse || flip.worse;
    for (const MetricChange& change : set.metrics) {
      worse = worse || change.word == ChangeWord::worse;
      open = open || (change.word == ChangeWord::missing && !change.gate.empty());
    }
    const bool doubt = set.count(ChangeWord::unclear) > 0 || set.code_drift();
    worse = worse || (doubt && options.doubt == ComparisonOptions::Doubt::fails);
  }
  if (worse) return Outcome::worse;
  return open ? Outcome::no_answer : Outcome::ok;
}

Judges judges_of(const RecordFile& base, const RecordFile& candidate,
                 const ComparisonOptions& options) {
  Judges judges{options.gates, false};
  for (const RecordFile* file : {&base, &candidate}) {
    for (const RecordSet& set : file->sets) {
      for (const std::string& text : set.gates) {
        Gate gate = parse_gate(text, file->name + ": gates");
        const bool there = std::any_of(judges.gates.begin(), judges.gates.end(),
                                       [&](const Gate& known) { return known.text == gate.text; });
        if (!there) judges.gates.push_back(std::move(gate));
      }
    }
  }
  judges.usual = judges.gates.empty();
  if (judges.usual) judges.gates = usual_gates();
  return judges;
}

}  // namespace

std::vector<DecisionWindow> decision_windows(const RecordSet& base, const RecordSet& candidate) {
  std::vector<DecisionWindow> windows;
  const std::vector<Pair> pairs = pairs_of(base, candidate);
  if (same_text(pairs, &RunRecord::decision_digest) != Sameness::differs) return windows;
  for (const Pair& pair : pairs) {
    if (pair.base->decision_digest == pair.candidate->decision_digest) continue;
    windows.push_back(window_of(pair));
  }
  return windows;
}

Comparison compare_records(const RecordFile& base, const RecordFile& candidate,
                           const ComparisonOptions& options) {
  Comparison out;
  out.base = base.name;
  out.candidate = candidate.name;
  out.forced = options.force == ComparisonOptions::Force::yes;
  const Judges judges = judges_of(base, candidate, options);
  out.usual_gates = judges.usual;
  for (const Gate& gate : judges.gates) out.gates.push_back(gate.text);
  if (base.sets.size() == 1 && candidate.sets.size() == 1) {
    out.sets.push_back(compare_sets(base.sets[0], candidate.sets[0], judges, options));
  } else {
    const auto named = [](const RecordFile& file, const std::string& name) {
      return std::find_if(file.sets.begin(), file.sets.end(),
                          [&](const RecordSet& set) { return set.name == name; });
    };
    for (const RecordSet& set : base.sets) {
      const auto it = named(candidate, set.name);
      if (it == candidate.sets.end()) {
        out.only_base.push_back(set.name);
      } else {
        out.sets.push_back(compare_sets(set, *it, judges, options));
      }
    }
    for (const RecordSet& set : candidate.sets) {
      if (named(base, set.name) == base.sets.end()) out.only_candidate.push_back(set.name);
    }
  }
  out.outcome = outcome_of(out, options);
  return out;
}

}  // namespace headroom
