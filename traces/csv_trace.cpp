// CSV traces: one reader, each format a row of a table of column names.
#include <algorithm>
#include <array>

#include "sim/check.h"
#include "traces/csv_fields.h"
#include "traces/row_builder.h"

namespace headroom {
namespace {

/// Where a CSV format keeps what. Columns are found by name; others are passed over.
struct CsvLayout {
  std::string_view format;
  TimeText time_text = TimeText::seconds;
  std::string_view time, prompt, output;  ///< an empty `time`: lengths only
  std::string_view session{}, turn{}, class_number{}, class_label{};
  std::string_view also{};  ///< a column that tells this format from others
};

constexpr std::string_view kRedacted =
    "XXX";  // NanoFlow's LMSYS lengths stand under Azure's header

/// The first layout whose columns are all there is taken: those with more columns stand first.
constexpr std::array<CsvLayout, 7> kLayouts{{
    {"headroom-csv", TimeText::seconds, "arrival_s", "prompt_tokens", "output_tokens", "session",
     "turn", "class"},
    {"headroom-csv", TimeText::seconds, "", "prompt_tokens", "output_tokens", "session", "turn",
     "class"},
    {"burstgpt", TimeText::seconds, "Timestamp", "Request tokens", "Response tokens", "Session ID"},
    {"azure", TimeText::date_time, "TIMESTAMP", "ContextTokens", "GeneratedTokens"},
    {"vidur", TimeText::seconds, "arrived_at", "num_prefill_tokens", "num_decode_tokens"},
    {"lengths", TimeText::seconds, "", "num_prefill_tokens", "num_decode_tokens"},
    {"arena-vtc", TimeText::seconds, "req_time", "prompt_len", "output_len", "", "", "",
     "adapter_dir", "req_id"},
}};

/// Files that are no request traces, by a column of theirs, and what they hold.
struct KnownOther {
  std::string_view column;
  std::string_view what;
};
constexpr std::array<KnownOther, 5> kOthers{{
    {"instance_sn", "serving instances with their resources (DLRM)"},
    {"timestamp_anon", "a measured series of a diffusion service"},
    {"predict_type", "image generation requests, which have no tokens"},
    {"inference_time", "a log of inference times on a device"},
    {"op_name", "kernel measurements"},
}};

constexpr std::size_t kNoColumn = ~std::size_t{0};
constexpr std::size_t kMaxClasses = 4096;

class CsvTrace final : public RowReader {
 public:
  CsvTrace(LineReader lines, const CsvLayout& layout, const CsvFields& header)
      : RowReader(std::move(lines), format_named(layout.format)), layout_(layout) {
    const auto column = [&](std::string_view name) {
      if (name.empty()) return kNoColumn;
      for (std::size_t i = 0; i < header.size(); ++i) {
        if (header[i] == name) return i;
      }
      return kNoColumn;
    };
    time_ = column(layout.time);
    prompt_ = column(layout.prompt);
    output_ = column(layout.output);
    session_ = column(layout.session);
    turn_ = column(layout.turn);
    class_number_ = column(layout.class_number);
    class_label_ = column(layout.class_label);
    columns_ = header.size();
    start();
  }

 private:
  std::optional<RawRow> next_raw() override {
    while (true) {
      const std::optional<std::string_view> line = lines_.next();
      if (!line) return std::nullopt;
      if (!line->empty()) return parse(*line);
      if (lines_.peek(1).empty()) return std::nullopt;
      throw InputError(lines_.place(0), "expected " + std::to_string(columns_) +
                                            " columns, got an empty line; remove it");
    }
  }

  RawRow parse(std::string_view line) {
    if (!split_.split(line)) {
      throw InputError(lines_.place(split_.fault_offset()),
                       "expected a closed quote followed by a comma, got " +
                           shown(line.substr(split_.fault_offset())) + "; correct the quotes");
    }
    if (split_.size() != columns_) {
      const std::size_t at = split_.size() < columns_ ? line.size() : split_.offset(columns_);
      throw InputError(lines_.place(at), "expected " + std::to_string(columns_) +
                                             " columns as in the first line, got " +
                                             std::to_string(split_.size()) +
                                             "; is the file truncated?");
    }
    RawRow raw;
    raw.row.prompt = fields_.tokens(field(prompt_, layout_.prompt));
    raw.row.output = fields_.tokens(field(output_, layout_.output));
    if (time_ != kNoColumn) read_time(raw);
    if (session_ != kNoColumn) raw.row.session = FieldParser::label(split_[session_]);
    if (turn_ != kNoColumn && !split_[turn_].empty()) {
      raw.row.turn =
          static_cast<std::uint32_t>(fields_.whole(field(turn_, layout_.turn), 1'000'000'000));
    }
    read_class(raw);
    return raw;
  }

  void read_time(RawRow& raw) {
    raw.time_field = field(time_, layout_.time);
    if (!seen_row_) redacted_ = raw.time_field.text == kRedacted;
    seen_row_ = true;
    if (!redacted_) {
      raw.time_ns = fields_.time(raw.time_field, layout_.time_text);
    } else if (raw.time_field.text != kRedacted) {
      fields_.fail(raw.time_field, "XXX as in the first row", "remove the times or give them all");
    }
  }

  void read_class(RawRow& raw) {
    if (class_number_ != kNoColumn && !split_[class_number_].empty()) {
      raw.row.class_index = static_cast<std::uint32_t>(
          fields_.whole(field(class_number_, layout_.class_number), kMaxClasses - 1));
    }
    if (class_label_ == kNoColumn) return;
    const std::string_view label = split_[class_label_];
    const auto found = std::find(classes_.begin(), classes_.end(), label);
    if (found == classes_.end() && classes_.size() == kMaxClasses) {
      fields_.fail(field(class_label_, layout_.class_label),
                   "at most " + std::to_string(kMaxClasses) + " different values",
                   "merge some of them");
    }
    raw.row.class_index = static_cast<std::uint32_t>(found - classes_.begin());
    if (found == classes_.end()) classes_.emplace_back(label);
  }

  [[nodiscard]] FieldText field(std::size_t column, std::string_view name) const {
    return {split_[column], name, split_.offset(column)};
  }

  const CsvLayout& layout_;
  CsvFields split_;
  std::size_t time_, prompt_, output_, session_, turn_, class_number_, class_label_, columns_;
  bool seen_row_ = false;
  bool redacted_ = false;
  std::vector<std::string> classes_;  ///< in order of appearance
};

[[nodiscard]] bool has_column(const CsvFields& header, std::string_view name) {
  if (name.empty()) return true;
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (header[i] == name) return true;
  }
  return false;
}

[[nodiscard]] bool fits(const CsvLayout& layout, const CsvFields& header) {
  return has_column(header, layout.time) && has_column(header, layout.prompt) &&
         has_column(header, layout.output) && has_column(header, layout.also);
}

[[nodiscard]] bool looks_like_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
}

[[noreturn]] void refuse(const LineReader& lines, const CsvFields& header, std::string_view head) {
  for (const KnownOther& other : kOthers) {
    if (!has_column(header, other.column)) continue;
    throw InputError(lines.place(0), "expected a request trace, got " + std::string(other.what) +
                                         "; `headroom list` names the formats that are read");
  }
  if (looks_like_number(header[0])) {
    const char* what = header.size() == 6 ? "a row of numbers (a ServeGen client's rates?)"
                                          : "a row of numbers without a header";
    throw InputError(lines.place(0),
                     std::string("expected a line of column names, got ") + what +
                         "; put arrival_s,prompt_tokens,output_tokens above columns of that kind");
  }
  throw InputError(lines.place(0), "expected the columns of a known trace format, got " +
                                       shown(head) +
                                       "; name the columns arrival_s,prompt_tokens,output_tokens");
}

}  // namespace

std::unique_ptr<TraceReader> open_csv(LineReader lines, std::string head, std::string_view format) {
  CsvFields header;
  if (!header.split(head)) {
    throw InputError(lines.place(header.fault_offset()),
                     "expected a closed quote followed by a comma, got " +
                         shown(std::string_view(head).substr(header.fault_offset())) +
                         "; correct the quotes");
  }
  std::string_view wanted;
  for (const CsvLayout& layout : kLayouts) {
    if (format != "auto" && layout.format != format) continue;
    if (fits(layout, header)) return std::make_unique<CsvTrace>(std::move(lines), layout, header);
    if (wanted.empty()) wanted = layout.prompt;
  }
  if (format == "auto") refuse(lines, header, head);
  throw InputError(lines.place(0), "expected the columns of format " + std::string(format) + " (" +
                                       std::string(wanted) + ", ...), got " + shown(head) +
                                       "; leave the format out to have it detected");
}

}  // namespace headroom
