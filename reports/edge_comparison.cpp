#include "reports/edge_comparison.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reports/number_text.h"
#include "reports/student_interval.h"
#include "reports/text_layout.h"

namespace headroom {
namespace {

constexpr std::size_t kColumns = 80;

const ComparedPolicy* find(const ComparedCell& cell, const std::string& policy) {
  const auto it = std::find_if(cell.policies.begin(), cell.policies.end(),
                               [&](const ComparedPolicy& p) { return p.policy == policy; });
  return it == cell.policies.end() ? nullptr : &*it;
}

std::vector<double> total_utility(const ComparedPolicy& policy) {
  std::vector<double> total = policy.task_utility;
  for (std::size_t i = 0; i < total.size(); ++i) total[i] += policy.window_utility[i];
  return total;
}

std::string pair_text(const StudentInterval& interval, double scale, int decimals) {
  return fmt::format("{:.{}f} ±{:.{}f}", interval.mean * scale, decimals,
                     interval.half_width * scale, decimals);
}

bool has_losses(const EdgeComparison& comparison) {
  for (const ComparedCell& cell : comparison.cells) {
    for (const ComparedPolicy& policy : cell.policies) {
      if (student_interval(policy.loss).mean > 0) return true;
    }
  }
  return false;
}

void table_line(std::string& text, const std::array<std::string, 5>& cells) {
  constexpr std::size_t kLabel = 20;
  const bool fits = display_width(cells[0]) < kLabel;
  if (!fits) text += printable(cells[0]) + "\n";
  std::string line = left_cell(fits ? cells[0] : "", kLabel) + right_cell(cells[1], 14) +
                     right_cell(cells[2], 16) + right_cell(cells[3], 14) + right_cell(cells[4], 16);
  line.erase(line.find_last_not_of(' ') + 1);
  text += line + "\n";
}

void table(std::string& text, const EdgeComparison& comparison) {
  const bool losses = has_losses(comparison);
  const bool compared = !comparison.reference.empty();
  table_line(text, {"", "in time", "task utility", losses ? "mean loss" : "windows",
                    compared ? "vs " + comparison.reference : ""});
  table_line(text,
             {"policy", "%", "thousand", losses ? "" : "thousand", compared ? "thousand" : ""});
  for (const ComparedCell& cell : comparison.cells) {
    text +=
        fmt::format("{} load, {} drones a site, {} cloud\n", cell.load, cell.drones, cell.cloud);
    const ComparedPolicy* reference = find(cell, comparison.reference);
    for (const ComparedPolicy& policy : cell.policies) {
      std::string gap;
      if (reference != nullptr && reference != &policy) {
        gap = pair_text(paired_interval(policy.task_utility, reference->task_utility), 1e-3, 1);
      }
      table_line(text,
                 {"  " + policy.policy, pair_text(student_interval(policy.completion), 100, 1),
                  pair_text(student_interval(policy.task_utility), 1e-3, 1),
                  losses ? pair_text(student_interval(policy.loss), 1, 3)
                         : pair_text(student_interval(policy.window_utility), 1e-3, 1),
                  gap});
    }
  }
}

/// A published order of two policies, looked at in every cell that has both.
struct Claim {
  const char* better;
  const char* worse;
  std::vector<double> (*figure)(const ComparedPolicy&);
  const char* what;
};

std::vector<double> tasks_of(const ComparedPolicy& policy) { return policy.task_utility; }
std::vector<double> completion_of(const ComparedPolicy& policy) { return policy.completion; }

constexpr Claim kClaims[] = {
    {"dems", "edge-fifo", tasks_of, "task utility"},
    {"dems", "edge-edf", tasks_of, "task utility"},
    {"dems", "edge-sjf", tasks_of, "task utility"},
    {"dems", "edge-hpf", tasks_of, "task utility"},
    {"dems", "edge-huf", tasks_of, "task utility"},
    {"dems", "edge-huf-per-time", tasks_of, "task utility"},
    {"dems", "cloud-only", tasks_of, "task utility"},
    {"dems", "edge-cloud", tasks_of, "task utility"},
    {"dems", "dem", tasks_of, "task utility"},
    {"dems", "dedas", tasks_of, "task utility"},
    {"dems", "d3-kalmia", tasks_of, "task utility"},
    {"dems-a", "dems", tasks_of, "task utility"},
    {"gems", "dems", total_utility, "utility with windows"},
    {"gems", "dems", completion_of, "share in time"},
};

struct Verdicts {
  int holds = 0, open = 0, fails = 0;
};

Verdicts verdicts_of(const EdgeComparison& comparison, const Claim& claim,
                     const std::string& cloud) {
  Verdicts verdicts;
  for (const ComparedCell& cell : comparison.cells) {
    const ComparedPolicy* better = find(cell, claim.better);
    const ComparedPolicy* worse = find(cell, claim.worse);
    if (better == nullptr || worse == nullptr || cell.cloud != cloud) continue;
    const StudentInterval gap = paired_interval(claim.figure(*better), claim.figure(*worse));
    if (gap.low() > 0) {
      ++verdicts.holds;
    } else if (gap.high() < 0) {
      ++verdicts.fails;
    } else {
      ++verdicts.open;
    }
  }
  return verdicts;
}

std::vector<std::string> clouds_of(const EdgeComparison& comparison) {
  std::vector<std::string> clouds;
  for (const ComparedCell& cell : comparison.cells) {
    if (std::find(clouds.begin(), clouds.end(), cell.cloud) == clouds.end()) {
      clouds.push_back(cell.cloud);
    }
  }
  return clouds;
}

/// What the verdicts of one claim over one cloud come to.
enum class Finding : std::uint8_t { holds, fails, depends, open };
constexpr int kFindings = 4;

Finding finding_of(const Verdicts& v) {
  if (v.holds > 0 && v.fails > 0) return Finding::depends;
  if (v.holds > 0) return Finding::holds;
  return v.fails > 0 ? Finding::fails : Finding::open;
}

/// Policies that one policy is above, or not, in one figure over the same clouds.
struct Statement {
  std::string better, worse, what, clouds;
  [[nodiscard]] bool joins(const Statement& other) const {
    return better == other.better && what == other.what && clouds == other.clouds;
  }
};

void add_statement(std::vector<Statement>& statements, Statement next) {
  const auto same = std::find_if(statements.begin(), statements.end(),
                                 [&](const Statement& s) { return s.joins(next); });
  if (same == statements.end()) return statements.push_back(std::move(next));
  same->worse += ", " + next.worse;
}

/// The verdicts in words: one sentence a finding.
void sentences(std::string& text, const EdgeComparison& comparison,
               const std::vector<std::string>& clouds) {
  constexpr std::array<const char*, kFindings> kHeads = {
      "Holds wherever it can be told: ", "Fails wherever it can be told: ",
      "Holds in some cells and fails in others: ", "Cannot be told from these seeds: "};
  std::array<std::vector<Statement>, kFindings> found;
  for (const Claim& claim : kClaims) {
    std::array<std::string, kFindings> where;
    for (const std::string& cloud : clouds) {
      const Verdicts v = verdicts_of(comparison, claim, cloud);
      if (v.holds + v.open + v.fails == 0) continue;
      std::string& names = where[static_cast<std::size_t>(finding_of(v))];
      names += (names.empty() ? "" : ", ") + cloud;
    }
    for (std::size_t f = 0; f < found.size(); ++f) {
      if (!where[f].empty()) {
        add_statement(found[f], {claim.better, claim.worse, claim.what, where[f]});
      }
    }
  }
  for (std::size_t f = 0; f < found.size(); ++f) {
    std::string sentence;
    for (const Statement& s : found[f]) {
      sentence += fmt::format("{}{} above {} in {} ({})", sentence.empty() ? kHeads[f] : "; ",
                              s.better, s.worse, s.what, s.clouds);
    }
    if (sentence.empty()) continue;
    for (const std::string& part : wrapped(sentence + ".", kColumns)) text += part + "\n";
  }
}

void claims(std::string& text, const EdgeComparison& comparison) {
  const std::vector<std::string> clouds = clouds_of(comparison);
  std::string lines;
  for (const Claim& claim : kClaims) {
    std::string line =
        left_cell(fmt::format("  {} > {}, {}", claim.better, claim.worse, claim.what), 44);
    bool any = false;
    for (const std::string& cloud : clouds) {
      const Verdicts v = verdicts_of(comparison, claim, cloud);
      any = any || v.holds + v.open + v.fails > 0;
      line += right_cell(fmt::format("{}/{}/{}", v.holds, v.open, v.fails), 12);
    }
    if (any) lines += line + "\n";
  }
  if (lines.empty()) return;
  text += "\nThe published ordering: in how many cells it holds / is open / fails\n";
  std::string head = left_cell("", 44);
  for (const std::string& cloud : clouds) head += right_cell(cloud, 12);
  text += head + "\n" + lines + "\n";
  sentences(text, comparison, clouds);
}

/// Ratios of two policies' means over the cells: the median, and the largest with its cell.
struct Ratios {
  std::vector<double> all;
  double largest = 0;
  std::string where;

  [[nodiscard]] double median() const {
    std::vector<double> sorted = all;
    std::sort(sorted.begin(), sorted.end());
    return sorted[(sorted.size() - 1) / 2];
  }
};

Ratios ratios_of(const EdgeComparison& comparison, const std::string& above,
                 const std::vector<std::string>& below,
                 std::vector<double> (*figure)(const ComparedPolicy&)) {
  Ratios ratios;
  for (const ComparedCell& cell : comparison.cells) {
    const ComparedPolicy* first = find(cell, above);
    if (first == nullptr) continue;
    for (const std::string& name : below) {
      const ComparedPolicy* second = find(cell, name);
      if (second == nullptr) continue;
      const double divisor = student_interval(figure(*second)).mean;
      if (!(divisor > 0)) continue;  // a ratio to a loss says nothing
      ratios.all.push_back(student_interval(figure(*first)).mean / divisor);
      if (ratios.all.back() > ratios.largest) {
        ratios.largest = ratios.all.back();
        ratios.where =
            fmt::format("over {}: {}, {} drones, {}", name, cell.load, cell.drones, cell.cloud);
      }
    }
  }
  return ratios;
}

void headlines(std::string& text, const EdgeComparison& comparison) {
  double least = 1;
  double most = -1;
  for (const ComparedCell& cell : comparison.cells) {
    if (cell.load == kOwnLoad) continue;  // headlines are about the published tasks
    if (const ComparedPolicy* dems = find(cell, "dems")) {
      least = std::min(least, student_interval(dems->completion).mean);
      most = std::max(most, student_interval(dems->completion).mean);
    }
  }
  if (most < 0) return;
  text +=
      "\nPublished headlines, and the same figure here (clouds here are assumptions, the\n"
      "paper's traces are not published: read directions, not amounts)\n";
  const auto line = [&](const std::string& published, const std::string& here) {
    std::string head = published;
    for (const std::string& part : wrapped(here, kColumns - 40)) {
      text += left_cell(fmt::format("  {}", head), 40);
      text += part;
      text += '\n';
      head.clear();
    }
  };
  line("up to 88 % in time (DEMS)",
       fmt::format("DEMS {:.1f} to {:.1f} % over the cells", least * 100, most * 100));
  const auto ratio = [&](const std::string& published, const Ratios& found) {
    line(published, found.all.empty() ? std::string("not among these policies")
                                      : fmt::format("median {:.2f}x, at most {:.2f}x {}",
                                                    found.median(), found.largest, found.where));
  };
  ratio("up to 2.7x a baseline's utility",
        ratios_of(comparison, "dems",
                  {"edge-fifo", "edge-edf", "edge-sjf", "edge-hpf", "edge-huf", "cloud-only",
                   "edge-cloud"},
                  tasks_of));
  ratio("DEMS-A +16 % over DEMS", ratios_of(comparison, "dems-a", {"dems"}, tasks_of));
  ratio("GEMS up to +75 % QoE utility",
        ratios_of(comparison, "gems", {"dems"},
                  [](const ComparedPolicy& p) { return p.window_utility; }));
  std::uint64_t drones = 0;
  for (const ComparedCell& cell : comparison.cells) {
    drones = std::max(drones, cell.sites * cell.drones);
  }
  line("over 80 drones",
       fmt::format("at most {} in a run; sites share nothing, so that more of them change no "
                   "share",
                   drones));
}

}  // namespace

std::string edge_comparison_text(const EdgeComparison& comparison) {
  std::string text;
  for (const std::string& part : wrapped(comparison.title, kColumns)) text += part + "\n";
  text +=
      fmt::format("Means over {} seeds from {}, ± 95 % (Student's t); differences are paired.\n\n",
                  comparison.seeds, comparison.first_seed);
  table(text, comparison);
  claims(text, comparison);
  headlines(text, comparison);
  return text;
}

std::string edge_comparison_csv(const EdgeComparison& comparison) {
  std::string text =
      "load,drones,cloud,policy,seeds,completion,completion_half,task_utility,task_utility_half,"
      "window_utility,window_utility_half,cost_usd,cost_usd_half,loss,loss_half\n";
  for (const ComparedCell& cell : comparison.cells) {
    for (const ComparedPolicy& policy : cell.policies) {
      text += fmt::format("{},{},{},{},{}", cell.load, cell.drones, cell.cloud, policy.policy,
                          policy.completion.size());
      for (const auto* values : {&policy.completion, &policy.task_utility, &policy.window_utility,
                                 &policy.cost_usd, &policy.loss}) {
        const StudentInterval interval = student_interval(*values);
        text += fmt::format(",{:.9g},{:.6g}", interval.mean, interval.half_width);
      }
      text += "\n";
    }
  }
  return text;
}

}  // namespace headroom
