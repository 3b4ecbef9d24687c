// JSON traces with one record a line: one reader, each format a row of a table of paths.
#include <algorithm>
#include <array>

#include "sim/check.h"
#include "traces/coding_session.h"
#include "traces/exact_numbers.h"
#include "traces/json_walker.h"
#include "traces/row_builder.h"
#include "traces/row_store.h"

namespace headroom {
namespace {

/// Fields of a record, in the order of `JsonLayout::paths`.
enum Field : int {
  kTime,
  kPrompt,
  kOutput,
  kSession,
  kTurn,
  kClass,
  kHashes,
  kBlockTokens,
  kEvent,       ///< records whose value is not `JsonLayout::event` are passed over
  kEventTimes,  ///< rounds: times of what happened
  kEventKinds,  ///< rounds: kinds of what happened
  kFields
};

enum class RecordOrder : std::uint8_t { by_time, by_end };

struct JsonLayout {
  std::string_view format;
  TimeText time_text = TimeText::seconds;
  std::array<std::string_view, kFields>
      paths{};             ///< in the order of Field; empty: not in this format
  Tokens block_tokens{0};  ///< where the format fixes it
  std::string_view event{};
  RecordOrder order = RecordOrder::by_time;
  bool token_ids = false;  ///< kHashes are the prompt's tokens themselves
};

/// Tokens of a prompt that are hashed together, unless a record says otherwise: vLLM's block.
constexpr Tokens kTokenIdBlock{16};

/// The first layout whose time and lengths are in the first record is taken.
constexpr std::array<JsonLayout, 9> kLayouts{{
    {"headroom-jsonl",
     TimeText::seconds,
     {"/arrival_s", "", "/output_tokens", "/session", "/turn", "/class", "/prompt_token_ids/-",
      "/prefix_block_tokens"},
     kTokenIdBlock,
     "",
     RecordOrder::by_time,
     true},
    {"headroom-jsonl",
     TimeText::seconds,
     {"", "", "/output_tokens", "/session", "/turn", "/class", "/prompt_token_ids/-",
      "/prefix_block_tokens"},
     kTokenIdBlock,
     "",
     RecordOrder::by_time,
     true},
    {"headroom-jsonl",
     TimeText::seconds,
     {"/arrival_s", "/prompt_tokens", "/output_tokens", "/session", "/turn", "/class",
      "/prefix_blocks/-", "/prefix_block_tokens"}},
    {"headroom-jsonl",
     TimeText::seconds,
     {"", "/prompt_tokens", "/output_tokens", "/session", "/turn", "/class", "/prefix_blocks/-",
      "/prefix_block_tokens"}},
    {"mooncake",
     TimeText::milliseconds,
     {"/timestamp", "/input_length", "/output_length", "", "", "", "/hash_ids/-"},
     Tokens(512)},
    {"llmservingsim", TimeText::seconds, {"/arrival_time", "/input_toks", "/output_toks"}},
    {"llmservingsim", TimeText::nanoseconds, {"/arrival_time_ns", "/input_toks", "/output_toks"}},
    {"dynamo",
     TimeText::milliseconds,
     {"/event/request/request_received_ms", "/event/request/input_tokens",
      "/event/request/output_tokens", "/event/agent_context/session_id", "", "",
      "/event/request/replay/input_sequence_hashes/-", "/event/request/replay/trace_block_size",
      "/event/event_type"},
     Tokens(0),
     "request_end",
     RecordOrder::by_end},
    {"tracelab",
     TimeText::date_time,
     {"", "/input_tokens_total", "/output_tokens", "/session_id", "/round_index", "", "", "", "",
      "/timing_events/-/timestamp", "/timing_events/-/event_type"},
     Tokens(0),
     "",
     RecordOrder::by_end},
}};

constexpr std::size_t kMaxHashes = std::size_t{1} << 22;
constexpr std::size_t kMaxEvents = std::size_t{1} << 16;

/// Collects the fields of one record.
class Record final : public JsonVisitor {
 public:
  explicit Record(const JsonLayout& layout) : layout_(layout) {}

  void clear() {
    for (std::string& text : texts_) text.clear();
    present_.fill(false);
    hashes.clear();
    event_times.clear();
    event_kinds.clear();
  }
  int field_of(std::string_view path) const override {
    for (int i = 0; i < kFields; ++i) {
      const std::string_view wanted = layout_.paths[static_cast<std::size_t>(i)];
      if (!wanted.empty() && wanted == path) return i;
    }
    return -1;
  }
  bool scalar(int field, const JsonScalar& value) override {
    if (field == kHashes) {
      if (value.kind != JsonScalar::Kind::integer || hashes.size() == kMaxHashes) {
        fault = kHashes;
        texts_[kHashes].assign(value.text);
        return false;
      }
      hashes.push_back(value.integer);
      return true;
    }
    if (field == kEventTimes || field == kEventKinds) return event(field, value);
    if (value.kind == JsonScalar::Kind::null) return true;
    present_[static_cast<std::size_t>(field)] = true;
    texts_[static_cast<std::size_t>(field)].assign(value.text);
    return true;
  }
  bool begin(std::string_view path) override {
    const std::string_view list = layout_.paths[kHashes];
    if (!list.empty() && path == list.substr(0, list.size() - 2)) hashes.clear();
    return true;
  }

  [[nodiscard]] bool has(Field field) const { return present_[static_cast<std::size_t>(field)]; }
  [[nodiscard]] const std::string& text(Field field) const {
    return texts_[static_cast<std::size_t>(field)];
  }

  int fault = -1;
  std::vector<std::uint64_t> hashes;
  std::vector<std::string> event_times, event_kinds;

 private:
  bool event(int field, const JsonScalar& value) {
    std::vector<std::string>& list = field == kEventTimes ? event_times : event_kinds;
    if (list.size() == kMaxEvents) {
      fault = field;
      return false;
    }
    list.emplace_back(value.text);
    return true;
  }

  const JsonLayout& layout_;
  std::array<std::string, kFields> texts_;
  std::array<bool, kFields> present_{};
};

/// The last key of a path: what a message calls the field.
[[nodiscard]] std::string_view key_of(std::string_view path) {
  if (path.ends_with("/-")) path.remove_suffix(2);
  return path.substr(path.rfind('/') + 1);
}

[[nodiscard]] std::size_t offset_of_key(std::string_view line, std::string_view key) {
  const std::size_t at = line.find("\"" + std::string(key) + "\"");
  return at == std::string_view::npos ? 0 : at;
}

class JsonlTrace final : public RowReader {
 public:
  JsonlTrace(LineReader lines, const JsonLayout& layout, std::string head)
      : RowReader(std::move(lines), format_named(layout.format)),
        layout_(layout),
        record_(layout),
        head_(std::move(head)) {
    start();
  }

 private:
  std::optional<RawRow> next_raw() override {
    if (layout_.order == RecordOrder::by_time) return next_record();
    if (!loaded_) load();
    return store_.next();
  }

  void load() {
    loaded_ = true;
    while (const std::optional<RawRow> raw = next_record()) {
      if (store_.add(*raw)) continue;
      throw InputError(lines_.place(0), "expected at most " + std::to_string(kMaxSortedRows) +
                                            " requests, got more; cut the trace");
    }
    store_.sort();
    if (layout_.paths[kTurn].empty()) store_.number_turns();
  }

  std::optional<RawRow> next_record() {
    while (true) {
      std::optional<std::string_view> line =
          head_waits_ ? std::optional<std::string_view>(head_) : lines_.next();
      head_waits_ = false;
      if (!line) return std::nullopt;
      if (line->find_first_not_of(" \t") == std::string_view::npos) {
        if (lines_.peek(1).empty()) return std::nullopt;
        throw InputError(lines_.place(0), "expected a JSON object, got an empty line; remove it");
      }
      line_ = *line;
      walk();
      if (layout_.event.empty() || record_.text(kEvent) == layout_.event) return build();
    }
  }

  void walk() {
    record_.clear();
    const JsonFault fault = walk_json(line_, record_);
    if (fault.failed) {
      throw InputError(lines_.place(fault.offset),
                       "expected a JSON object on this line, got an error: " + fault.message +
                           "; correct the line");
    }
    if (fault.stopped && record_.fault == kHashes) {
      fields_.fail(field(kHashes), "at most 4194304 whole numbers below 2^64", "correct the list");
    }
    if (fault.stopped) fields_.fail(field(kEventTimes), "at most 65536 events", "cut the record");
  }

  RawRow build() {
    RawRow raw;
    raw.row.prompt = layout_.token_ids ? Tokens(static_cast<std::int64_t>(record_.hashes.size()))
                                       : fields_.tokens(required(kPrompt));
    raw.row.output = fields_.tokens(required(kOutput));
    if (!layout_.paths[kTime].empty()) {
      raw.time_field = required(kTime);
      raw.time_ns = fields_.time(raw.time_field, layout_.time_text);
    } else if (!layout_.paths[kEventTimes].empty()) {
      read_event_time(raw);
    }
    if (record_.has(kSession)) raw.row.session = FieldParser::label(record_.text(kSession));
    if (record_.has(kTurn)) {
      raw.row.turn = static_cast<std::uint32_t>(fields_.whole(field(kTurn), 1'000'000'000));
    }
    if (record_.has(kClass)) {
      raw.row.class_index = static_cast<std::uint32_t>(fields_.whole(field(kClass), 4095));
    }
    read_prefix(raw.row);
    return raw;
  }

  /// A round starts when the last thing that it answers has come in: the last of the leading
  /// messages and tool results.
  void read_event_time(RawRow& raw) {
    const FieldText place = field(kEventTimes);
    if (record_.event_times.empty() || record_.event_times.size() != record_.event_kinds.size()) {
      fields_.fail(place, "events with a time and a kind each", "correct the record");
    }
    std::size_t last_input = 0;
    for (std::size_t i = 0; i < record_.event_kinds.size(); ++i) {
      const std::string& kind = record_.event_kinds[i];
      if (kind != "user_message" && kind != "tool_result") break;
      last_input = i;
    }
    raw.time_field = {record_.event_times[last_input], place.name, place.offset};
    raw.time_ns = fields_.time(raw.time_field, TimeText::date_time);
  }

  void read_prefix(TraceRow& row) {
    if (record_.hashes.empty()) return;
    row.prefix_block_tokens = layout_.block_tokens;
    if (record_.has(kBlockTokens)) row.prefix_block_tokens = fields_.tokens(field(kBlockTokens));
    const std::int64_t block = row.prefix_block_tokens.value();
    if (block < 1) fields_.fail(field(kHashes), "a size of its blocks beside the list", "add it");
    if (layout_.token_ids) chain_tokens(static_cast<std::size_t>(block));
    const std::int64_t most = (row.prompt.value() + block - 1) / block;
    if (static_cast<std::int64_t>(record_.hashes.size()) > most) {
      FieldText place = field(kHashes);
      const std::string got = std::to_string(record_.hashes.size()) + " ids";
      place.text = got;
      fields_.fail(place, "at most " + std::to_string(most) + " ids for the prompt",
                   "correct the list or the prompt's length");
    }
    row.prefix_blocks = record_.hashes;
  }

  /// Turns the tokens of a prompt into the hashes of its whole blocks, each over all before it.
  void chain_tokens(std::size_t block) {
    std::vector<std::uint64_t>& ids = record_.hashes;
    std::uint64_t hash = 0;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      hash = chain_hash(hash, ids[i]);
      if ((i + 1) % block == 0) ids[(i + 1) / block - 1] = hash;
    }
    ids.resize(ids.size() / block);
  }

  [[nodiscard]] FieldText field(Field which) const {
    const std::string_view key = key_of(layout_.paths[which]);
    return {record_.text(which), key, offset_of_key(line_, key)};
  }

  [[nodiscard]] FieldText required(Field which) const {
    const FieldText found = field(which);
    if (!record_.has(which)) {
      throw InputError(lines_.place(found.offset), "expected a key " + std::string(found.name) +
                                                       ", got a record without; correct the line");
    }
    return found;
  }

  const JsonLayout& layout_;
  Record record_;
  std::string head_;
  bool head_waits_ = true;
  RowStore store_;  ///< of formats whose records come in order of their ends
  bool loaded_ = false;
  std::string_view line_;
};

/// The keys of the first record: paths of scalars, each once.
class KeyLister final : public JsonVisitor {
 public:
  int field_of(std::string_view path) const override {
    constexpr std::size_t kMost = 256;
    if (paths_.size() < kMost && !has(path)) paths_.emplace_back(path);
    return -1;
  }
  bool scalar(int /*field*/, const JsonScalar& /*value*/) override { return true; }
  [[nodiscard]] bool has(std::string_view path) const {
    return std::find(paths_.begin(), paths_.end(), path) != paths_.end();
  }
  [[nodiscard]] std::string_view first() const {
    return paths_.empty() ? std::string_view("no keys") : std::string_view(paths_.front());
  }

 private:
  mutable std::vector<std::string> paths_;
};

[[nodiscard]] bool fits(const JsonLayout& layout, const KeyLister& keys) {
  if (!layout.event.empty()) return keys.has(layout.paths[kEvent]);
  const auto has = [&](Field field) {
    return layout.paths[field].empty() || keys.has(layout.paths[field]);
  };
  return has(kTime) && has(kPrompt) && has(kOutput) && has(kEventTimes) &&
         (!layout.token_ids || has(kHashes));
}

[[noreturn]] void refuse(const LineReader& lines, const KeyLister& keys, std::string_view format) {
  const std::string got = "a record that starts with " + shown(keys.first());
  if (format == "auto") {
    throw InputError(lines.place(0), "expected the keys of a known trace format, got " + got +
                                         "; name them arrival_s, prompt_tokens, output_tokens");
  }
  throw InputError(lines.place(0), "expected the keys of format " + std::string(format) + ", got " +
                                       got + "; leave the format out to have it detected");
}

}  // namespace

std::unique_ptr<TraceReader> open_jsonl(LineReader lines, std::string head,
                                        std::string_view format) {
  KeyLister keys;
  const JsonFault fault = walk_json(head, keys);
  if (fault.failed) {
    throw InputError(lines.place(fault.offset),
                     "expected a JSON object on this line, got an error: " + fault.message +
                         "; is this one record a line?");
  }
  if ((format == "auto" || format == "coding-session") && keys.has("/requests/-/in")) {
    return open_coding_session(std::move(lines), std::move(head));
  }
  for (const JsonLayout& layout : kLayouts) {
    if (format != "auto" && layout.format != format) continue;
    if (!fits(layout, keys)) continue;
    return std::make_unique<JsonlTrace>(std::move(lines), layout, std::move(head));
  }
  refuse(lines, keys, format);
}

}  // namespace headroom
