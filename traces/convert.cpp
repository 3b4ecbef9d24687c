#include "traces/convert.h"

#include <charconv>

#include "traces/exact_numbers.h"

namespace headroom {
namespace {
constexpr std::size_t kPiece = std::size_t{48} << 10;
}  // namespace

void TraceWriter::number(std::uint64_t value) {
  char digits[24];
  text_.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void TraceWriter::time(Duration offset) {
  char digits[40];
  text_.append(digits, write_seconds(offset.value(), digits));
}

void TraceWriter::write(const TraceRow& row) {
  if (format_ == Format::csv) {
    write_csv(row);
  } else {
    write_json(row);
  }
  begun_ = true;
  if (text_.size() >= kPiece) {
    sink_(text_);
    text_.clear();
  }
}

void TraceWriter::finish() {
  if (!text_.empty()) sink_(text_);
  text_.clear();
}

void TraceWriter::write_csv(const TraceRow& row) {
  if (!begun_) {
    text_ += row.offset ? "arrival_s,prompt_tokens,output_tokens,session,turn,class\n"
                        : "prompt_tokens,output_tokens,session,turn,class\n";
  }
  if (row.offset) {
    time(*row.offset);
    text_ += ',';
  }
  number(static_cast<std::uint64_t>(row.prompt.value()));
  text_ += ',';
  number(static_cast<std::uint64_t>(row.output.value()));
  text_ += ',';
  number(row.session);
  text_ += ',';
  number(row.turn);
  text_ += ',';
  number(row.class_index);
  text_ += '\n';
}

void TraceWriter::write_json(const TraceRow& row) {
  text_ += '{';
  if (row.offset) {
    text_ += "\"arrival_s\": ";
    time(*row.offset);
    text_ += ", ";
  }
  const auto field = [&](const char* key, std::uint64_t value) {
    text_ += key;
    number(value);
  };
  field("\"prompt_tokens\": ", static_cast<std::uint64_t>(row.prompt.value()));
  field(", \"output_tokens\": ", static_cast<std::uint64_t>(row.output.value()));
  if (row.session != 0) {
    field(", \"session\": ", row.session);
    field(", \"turn\": ", row.turn);
  }
  if (row.class_index != 0) field(", \"class\": ", row.class_index);
  if (!row.prefix_blocks.empty()) {
    field(", \"prefix_block_tokens\": ",
          static_cast<std::uint64_t>(row.prefix_block_tokens.value()));
    text_ += ", \"prefix_blocks\": [";
    for (std::size_t i = 0; i < row.prefix_blocks.size(); ++i) {
      if (i > 0) text_ += ", ";
      number(row.prefix_blocks[i]);
    }
    text_ += ']';
  }
  text_ += "}\n";
}

ConvertSummary convert_trace(TraceReader& reader, TraceWriter& writer) {
  ConvertSummary summary;
  while (const std::optional<TraceRow> row = reader.next()) {
    writer.write(*row);
    ++summary.rows;
    if (!row->prefix_blocks.empty() && writer.format() == TraceWriter::Format::csv) {
      ++summary.rows_without_prefix;
    }
  }
  summary.skipped = reader.skipped();
  writer.finish();
  return summary;
}

ConvertSummary write_arrivals(RequestSource& source, TraceWriter& writer) {
  ConvertSummary summary;
  while (source.next_arrival() < Instant::never()) {
    const RequestSpec spec = source.take();
    TraceRow row;
    row.offset = spec.arrival - Instant();
    row.prompt = spec.prompt;
    row.output = spec.output;
    row.session = spec.session;
    row.turn = spec.turn;
    row.class_index = spec.class_index;
    row.prefix_blocks = spec.prefix_blocks;
    row.prefix_block_tokens = spec.prefix_block_tokens;
    writer.write(row);
    ++summary.rows;
    if (!row.prefix_blocks.empty() && writer.format() == TraceWriter::Format::csv) {
      ++summary.rows_without_prefix;
    }
    source.on_left(spec, spec.arrival);
  }
  writer.finish();
  return summary;
}

}  // namespace headroom
