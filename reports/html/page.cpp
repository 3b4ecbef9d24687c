#include "reports/html/page.h"

#include <fmt/format.h>

#include <algorithm>

#include "reports/html/assets.h"
#include "reports/html/markup.h"
#include "reports/html/svg_chart.h"

namespace headroom {
namespace {

/// Nothing may be fetched from anywhere, not even by what a name smuggled in.
constexpr std::string_view kPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'";

const char* css_of(PageVerdict verdict) {
  constexpr const char* kNames[] = {"yes", "no", "open"};
  return kNames[static_cast<std::size_t>(verdict)];
}

/// Names come from anywhere: their direction of reading stays their own.
std::string isolated(std::string_view text) { return "<bdi>" + html_text(text) + "</bdi>"; }

std::string id_of(std::string_view title) {
  std::string id;
  for (const char c : title) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter) {
      id += c;
    } else if (c >= 'A' && c <= 'Z') {
      id += static_cast<char>(c - 'A' + 'a');
    } else if (!id.empty() && id.back() != '-') {
      id += '-';
    }
  }
  return id;
}

std::string table_html(const PageTable& table) {
  const auto is_text = [&](std::size_t column) {
    return column == 0 || std::find(table.text_columns.begin(), table.text_columns.end(), column) !=
                              table.text_columns.end();
  };
  const auto css = [&](std::size_t column) { return is_text(column) ? "" : " class=\"n\""; };
  std::string out = fmt::format(
      "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"{}\">"
      "<table border=\"1\" cellpadding=\"4\" "
      "cellspacing=\"0\">\n<caption>{}</caption>\n<thead><tr>",
      html_text(table.caption), html_text(table.caption));
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    out += table.columns[c].empty()
               ? "<td></td>"
               : fmt::format("<th scope=\"col\"{}>{}</th>", css(c), html_text(table.columns[c]));
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string>& row : table.rows) {
    out += "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c) {
      out += c == 0 ? fmt::format("<th scope=\"row\">{}</th>", isolated(row[c]))
                    : fmt::format("<td{}>{}</td>", css(c),
                                  is_text(c) ? isolated(row[c]) : html_text(row[c]));
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string figures_html(const std::vector<KeyFigure>& figures) {
  if (figures.empty()) return {};
  std::string out = "<dl class=\"figures\">\n";
  for (const KeyFigure& figure : figures) {
    out += fmt::format("<div class=\"{}\"><dt>{}</dt><dd><strong>{}</strong>",
                       css_of(figure.verdict), html_text(figure.label), html_text(figure.value));
    if (!figure.note.empty()) out += fmt::format(" <span>{}</span>", html_text(figure.note));
    out += "</dd></div>\n";
  }
  return out + "</dl>\n";
}

}  // namespace

HtmlPage::HtmlPage(PageHead head) : head_(std::move(head)) {}

void HtmlPage::leave_charts() {
  if (in_charts_) body_ += "</div>\n";
  in_charts_ = false;
}

void HtmlPage::section(std::string_view title) {
  leave_charts();
  if (in_section_) body_ += "</section>\n";
  in_section_ = true;
  // Numbered: titles may be names from anywhere, equal or without a letter.
  headings_.push_back(
      {fmt::format("s{}-{}", headings_.size() + 1, id_of(title)), std::string(title)});
  body_ += fmt::format("<section aria-labelledby=\"{0}\">\n<h2 id=\"{0}\">{1}</h2>\n",
                       headings_.back().id, isolated(title));
}

void HtmlPage::part(std::string_view title) {
  leave_charts();
  body_ += fmt::format("<h3>{}</h3>\n", isolated(title));
}

void HtmlPage::paragraph(std::string_view text) {
  leave_charts();
  body_ += fmt::format("<p>{}</p>\n", html_text(text));
}

void HtmlPage::items(std::string_view kind, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  leave_charts();
  body_ += fmt::format("<ul class=\"items {}\">\n", html_text(kind));
  for (const std::string& text : texts) {
    const std::string word = kind.empty() ? "" : fmt::format("<b>{}:</b> ", html_text(kind));
    body_ += fmt::format("<li>{}{}</li>\n", word, isolated(text));
  }
  body_ += "</ul>\n";
}

void HtmlPage::table(const PageTable& table) {
  leave_charts();
  body_ += table_html(table);
}

void HtmlPage::chart(const Chart& chart) {
  if (!in_charts_) body_ += "<div class=\"charts\">\n";
  in_charts_ = true;
  const std::string id = fmt::format("chart-{}", ++charts_);
  body_ += fmt::format(
      "<figure class=\"chart {}\" id=\"{}\">\n<figcaption><b>{}</b>{}</figcaption>\n"
      "<div class=\"plot\">\n{}</div>\n",
      name_of(chart.width), id, html_text(chart.title),
      chart.caption.empty() ? "" : fmt::format(" <span>{}</span>", html_text(chart.caption)),
      svg_chart(chart, id));
  body_ += fmt::format(
      "<details><summary>Values<span class=\"unseen\"> of {}</span></summary>\n{}"
      "</details>\n",
      html_text(chart.title), table_html(table_of(chart)));
  if (!page_charts().empty()) {
    body_ += fmt::format("<script type=\"application/json\">{}</script>\n", chart_json(chart));
  }
  body_ += "</figure>\n";
}

void HtmlPage::open_fold(std::string_view summary) {
  leave_charts();
  body_ += fmt::format("<details class=\"fold\"><summary>{}</summary>\n", html_text(summary));
}

void HtmlPage::close_fold() {
  leave_charts();
  body_ += "</details>\n";
}

std::string HtmlPage::finish(std::string_view footer) {
  leave_charts();
  if (in_section_) body_ += "</section>\n";
  in_section_ = false;
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>{} - Headroom {}</title>\n"
      "<style>\n{}</style>\n</head>\n<body>\n",
      kPolicy, html_text(head_.title), html_text(head_.kind), page_style());
  out += fmt::format(
      "<header>\n<p class=\"kind\">Headroom {}</p>\n<h1>{}</h1>\n<p class=\"answer {}\">{}</p>\n{}",
      html_text(head_.kind), isolated(head_.title), css_of(head_.verdict), html_text(head_.answer),
      figures_html(head_.figures));
  out += "<nav aria-label=\"Sections\"><ul>\n";
  for (const Heading& heading : headings_) {
    out += fmt::format("<li><a href=\"#{}\">{}</a></li>\n", heading.id, isolated(heading.title));
  }
  out += "</ul></nav>\n</header>\n<main>\n" + body_ + "</main>\n<footer>\n";
  out += fmt::format("<p>{}</p>\n", html_text(footer));
  if (!page_charts().empty()) {
    out +=
        "<p>Charts: Apache ECharts, Copyright 2017-2026 The Apache Software Foundation, Apache "
        "License 2.0; ZRender, Copyright 2017 Baidu Inc., BSD 3-Clause License. Their notices "
        "stand "
        "in the script of this page, and headroom version --licenses prints them.</p>\n";
  }
  out += "</footer>\n";
  if (!page_charts().empty()) {
    out += fmt::format(
        "<script type=\"text/plain\" id=\"bundle\">{}</script>\n<script>\n{}</script>\n",
        page_charts(), page_loader());
  }
  body_.clear();
  return out + "</body>\n</html>\n";
}

}  // namespace headroom
