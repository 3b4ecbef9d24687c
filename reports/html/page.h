// One HTML page: an answer on top, then sections of tables and charts; one file, no network.
//
// Three layers: tables and SVG that read without script and style; a style sheet (dark, print,
// narrow screens); Apache ECharts, where this program was built with it, which takes the place of
// the SVGs. A policy inside the page forbids it every request.
// Law: all text is escaped here, callers pass plain text; the same calls give the same bytes.
// Not here: what to say (run_page.h, sweep_page.h, ...).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reports/html/chart.h"

namespace headroom {

enum class PageVerdict : std::uint8_t { yes, no, open };

/// A figure of the page's head.
struct KeyFigure {
  std::string label, value;
  std::string note{};  ///< below it, e.g. its limit
  PageVerdict verdict = PageVerdict::open;
};

struct PageHead {
  std::string kind;   ///< "run report"
  std::string title;  ///< what of, usually the scenario's name
  PageVerdict verdict = PageVerdict::open;
  std::string answer;  ///< one sentence
  std::vector<KeyFigure> figures{};
};

/// First column names the row, the others hold figures unless said otherwise.
struct PageTable {
  std::string caption;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows{};
  std::vector<std::size_t> text_columns{};  ///< beside the first: words, aligned left
};

class HtmlPage {
 public:
  explicit HtmlPage(PageHead head);

  void section(std::string_view title);
  /// A heading inside a section.
  void part(std::string_view title);
  void paragraph(std::string_view text);
  /// `kind` is a word before each item, "note", "warning" or nothing.
  void items(std::string_view kind, const std::vector<std::string>& texts);
  void table(const PageTable& table);
  /// With the same values as a table that opens on demand. Charts that follow each other share
  /// rows.
  void chart(const Chart& chart);
  /// What follows is folded away behind `summary` until `close_fold`.
  void open_fold(std::string_view summary);
  void close_fold();
  /// `footer` is plain text: version and the like.
  [[nodiscard]] std::string finish(std::string_view footer);

 private:
  void leave_charts();
  struct Heading {
    std::string id, title;
  };
  PageHead head_;
  std::vector<Heading> headings_;
  std::string body_;
  int charts_ = 0;
  bool in_charts_ = false;
  bool in_section_ = false;
};

/// The values of a chart as a table, thinned out where there are many.
[[nodiscard]] PageTable table_of(const Chart& chart);

}  // namespace headroom
