// A comparison as a comment on a pull request.
#include <fmt/format.h>

#include "reports/comparison_text.h"
#include "reports/markdown.h"
#include "reports/number_text.h"

namespace headroom {
namespace {

constexpr std::size_t kMostBytes = 60'000;  // GitHub takes comments of 65,536 characters

std::string row_of(const MetricChange& change) {
  const bool missing = change.word == ChangeWord::missing;
  std::string interval = change_interval_text(change);
  if (interval.empty()) interval = "-";
  const std::string word = to_string(change.word);
  return fmt::format("| {} | {}{} | {} | {} | {} | {} | {} |\n",
                     change.word == ChangeWord::worse ? "**" + word + "**" : word,
                     markdown_cell(change.name),
                     change.unit.empty() || change.unit == "1" ? "" : ", " + change.unit,
                     significant(change.base), missing ? "-" : significant(change.candidate),
                     change_text(change), interval, markdown_cell(change.gate));
}

constexpr const char* kHead =
    "\n| | metric | base | candidate | change | 95 % interval | gate |\n"
    "|---|---|---:|---:|---:|---:|---|\n";

/// Rows, as far as the page has room for them.
class Rows {
 public:
  explicit Rows(std::string& page) : page_(page) {}
  void add(const MetricChange& change) {
    const std::string row = row_of(change);
    if (page_.size() + row.size() > kMostBytes) {
      ++cut_;
    } else {
      if (first_) page_ += kHead;
      first_ = false;
      page_ += row;
    }
  }
  void end() {
    if (cut_ > 0) page_ += fmt::format("\n{} rows more did not fit; the JSON has them.\n", cut_);
    page_ += "\n";
  }

 private:
  std::string& page_;
  bool first_ = true;
  std::size_t cut_ = 0;
};

bool headline(const MetricChange& change) {
  return change.word == ChangeWord::worse || change.word == ChangeWord::missing ||
         change.word == ChangeWord::unclear ||
         (!change.gate.empty() && change.word != ChangeWord::same);
}

void write_set(std::string& page, const SetComparison& set) {
  page += fmt::format("\n### {}\n\n{}.\n\n", markdown_cell(set.name),
                      markdown_cell(sameness_sentence(set)));
  if (set.identical()) return;
  for (const std::string& obstacle : set.obstacles) {
    page += "- **not comparable**: " + markdown_cell(obstacle) + "\n";
  }
  for (const StatusFlip& flip : set.flips) {
    page += fmt::format("- {}: {} → {}\n", flip.worse ? "**LOST**" : "gained",
                        markdown_cell(flip.base), markdown_cell(flip.candidate));
  }
  for (const InputChange& change : set.inputs) {
    page += fmt::format("- `{}` {}\n", change.sign(), markdown_cell(input_line(change)));
  }
  Rows rows(page);
  for (const MetricChange& change : set.metrics) {
    if (headline(change)) rows.add(change);
  }
  rows.end();
  for (const std::string& sentence : {attribution_sentence(set), window_sentence(set)}) {
    if (!sentence.empty()) page += markdown_cell(sentence) + "\n\n";
  }
  std::size_t rest = 0;
  for (const MetricChange& change : set.metrics) {
    rest += !headline(change) && change.word != ChangeWord::same ? 1U : 0U;
  }
  if (rest == 0) return;
  page += fmt::format("<details><summary>{} changes more</summary>\n", rest);
  Rows others(page);
  for (const MetricChange& change : set.metrics) {
    if (!headline(change) && change.word != ChangeWord::same) others.add(change);
  }
  others.end();
  page += "</details>\n";
}

}  // namespace

std::string comparison_markdown(const std::vector<Comparison>& comparisons) {
  std::string page;
  for (const Comparison& comparison : comparisons) {
    const std::string gates = gates_text(comparison);
    page += fmt::format("{}## Headroom: {}\n\n{} against {}. {}{}{}\n", page.empty() ? "" : "\n",
                        verdict_of(comparison), markdown_cell(comparison.candidate),
                        markdown_cell(comparison.base), comparison_line(comparison),
                        gates.empty() ? "" : " ", markdown_cell(gates));
    for (const SetComparison& set : comparison.sets) {
      if (page.size() > kMostBytes) break;
      write_set(page, set);
    }
    for (const std::string& name : comparison.only_base) {
      page += "\n- **missing from the candidate**: " + markdown_cell(name) + "\n";
    }
    for (const std::string& name : comparison.only_candidate) {
      page += "\n- new: " + markdown_cell(name) + "\n";
    }
  }
  return page;
}

}  // namespace headroom
