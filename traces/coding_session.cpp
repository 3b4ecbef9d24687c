#include "traces/coding_session.h"

#include <array>

#include "sim/check.h"
#include "traces/exact_numbers.h"
#include "traces/json_walker.h"
#include "traces/row_store.h"

namespace headroom {
namespace {

enum Field : int {
  kId,
  kBlockSize,
  kTime,
  kIn,
  kOut,
  kHash,
  kAgent,
  kSubTime,
  kSubIn,
  kSubOut,
  kSubHash,
  kFields
};

constexpr std::array<std::string_view, kFields> kPaths{
    "/id",
    "/block_size",
    "/requests/-/t",
    "/requests/-/in",
    "/requests/-/out",
    "/requests/-/hash_ids/-",
    "/requests/-/agent_id",
    "/requests/-/requests/-/t",
    "/requests/-/requests/-/in",
    "/requests/-/requests/-/out",
    "/requests/-/requests/-/hash_ids/-",
};

/// One request while its object is open.
struct OpenRequest {
  std::array<std::string, 3> texts;  ///< t, in, out
  std::vector<std::uint64_t> hashes;

  void clear() {
    for (std::string& text : texts) text.clear();
    hashes.clear();
  }
};

/// A sub-agent's request, kept until its parent's time is known.
struct NestedRequest {
  std::int64_t time_ns;
  Tokens prompt, output;
  std::vector<std::uint64_t> hashes;
};

constexpr std::size_t kMaxNested = 100'000;

/// Reads one session into a row store.
class SessionVisitor final : public JsonVisitor {
 public:
  SessionVisitor(RowStore& store, std::uint64_t fallback_session)
      : store_(store), session_(fallback_session) {}

  int field_of(std::string_view path) const override {
    for (int i = 0; i < kFields; ++i) {
      if (kPaths[static_cast<std::size_t>(i)] == path) return i;
    }
    return -1;
  }

  bool scalar(int field, const JsonScalar& value) override {
    switch (field) {
      case kId:
        session_ = FieldParser::label(value.text);
        return true;
      case kBlockSize:
        return whole(value.text, "block_size", 1 << 20, block_tokens_);
      case kAgent:
        agent_ = FieldParser::label(value.text);
        return true;
      case kHash:
        return hash(top_, value);
      case kSubHash:
        return hash(nested_, value);
      case kTime:
      case kIn:
      case kOut:
        top_.texts[static_cast<std::size_t>(field - kTime)].assign(value.text);
        return true;
      default:
        nested_.texts[static_cast<std::size_t>(field - kSubTime)].assign(value.text);
        return true;
    }
  }

  bool end_object(std::string_view path) override {
    if (path == "/requests/-/requests/-") return end_nested();
    if (path == "/requests/-") return end_top();
    return true;
  }

  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  bool fail(std::string what) {
    if (problem_.empty()) problem_ = std::move(what);
    return false;
  }

  bool whole(std::string_view text, const char* name, std::int64_t most, std::int64_t& out) {
    const ExactNumber number = parse_whole(text);
    out = number.value;
    if (number.fault == NumberFault::none && number.value <= most) return true;
    return fail(std::string(name) + ": expected a whole number from 0 to " + std::to_string(most) +
                ", got " + shown(text) + "; correct the number");
  }

  bool hash(OpenRequest& request, const JsonScalar& value) {
    if (value.kind != JsonScalar::Kind::integer) {
      return fail("hash_ids: expected whole numbers below 2^64, got " + shown(value.text) +
                  "; correct the list");
    }
    if (request.hashes.size() == kMaxStoredHashes / 8) {
      return fail("hash_ids: expected at most 8388608 ids, got more; cut the list");
    }
    request.hashes.push_back(value.integer);
    return true;
  }

  bool read(const OpenRequest& request, NestedRequest& out) {
    const ExactNumber time = parse_decimal(request.texts[0], 9);
    if (time.fault != NumberFault::none) {
      return fail("t: expected seconds of at least 0, got " + shown(request.texts[0]) +
                  "; correct the time");
    }
    std::int64_t prompt = 0;
    std::int64_t output = 0;
    const std::int64_t most = kMaxRequestTokens.value();
    if (!whole(request.texts[1], "in", most, prompt) ||
        !whole(request.texts[2], "out", most, output)) {
      return false;
    }
    out.time_ns = time.value;
    out.prompt = Tokens(prompt);
    out.output = Tokens(output);
    return true;
  }

  bool end_nested() {
    NestedRequest request{};
    if (!read(nested_, request)) return false;
    if (waiting_.size() == kMaxNested)
      return fail("requests: expected at most 100000 of a sub-agent, got more; cut the session");
    request.hashes = nested_.hashes;
    waiting_.push_back(std::move(request));
    nested_.clear();
    return true;
  }

  bool end_top() {
    const bool is_agent = !waiting_.empty() || agent_ != 0;
    bool good = true;
    if (is_agent) {
      const ExactNumber start = parse_decimal(top_.texts[0], 9);
      if (start.fault != NumberFault::none) {
        good = fail("t: expected seconds of at least 0, got " + shown(top_.texts[0]) +
                    "; correct the time");
      }
      const std::uint64_t agent = chain_hash(session_, agent_ + ++agents_) | 1;
      std::uint32_t turn = 0;
      for (const NestedRequest& request : waiting_) {
        good = good && add(request, start.value, agent, turn++);
      }
    } else {
      NestedRequest request{};
      good = read(top_, request);
      request.hashes.swap(top_.hashes);
      good = good && add(request, 0, session_, turns_++);
    }
    waiting_.clear();
    top_.clear();
    agent_ = 0;
    return good;
  }

  bool add(const NestedRequest& request, std::int64_t start, std::uint64_t session,
           std::uint32_t turn) {
    if (request.time_ns + start > kLargestExact)
      return fail("t: expected seconds below 146 years, got more; correct the time");
    RawRow raw;
    raw.time_ns = request.time_ns + start;
    raw.row.prompt = request.prompt;
    raw.row.output = request.output;
    raw.row.session = session;
    raw.row.turn = turn;
    chained_.clear();
    std::uint64_t hash = session_;
    for (const std::uint64_t id : request.hashes) chained_.push_back(hash = chain_hash(hash, id));
    raw.row.prefix_blocks = chained_;
    raw.row.prefix_block_tokens = Tokens(chained_.empty() ? 0 : block_tokens_);
    const auto blocks = static_cast<std::int64_t>(chained_.size());
    if (blocks > 0 &&
        (block_tokens_ < 1 || (blocks - 1) * block_tokens_ >= request.prompt.value())) {
      return fail("hash_ids: expected one id a block of the prompt, got " + std::to_string(blocks) +
                  "; correct the list");
    }
    return store_.add(raw) || fail("requests: expected at most 1000000, got more; cut the session");
  }

  RowStore& store_;
  std::uint64_t session_;
  std::int64_t block_tokens_ = 64;
  OpenRequest top_, nested_;
  std::vector<NestedRequest> waiting_;
  std::vector<std::uint64_t> chained_;
  std::uint64_t agent_ = 0, agents_ = 0;
  std::uint32_t turns_ = 0;
  std::string problem_;
};

/// Reads one document; `place` finds the place of a byte of it.
template <class Place>
void read_session(std::string_view text, RowStore& store, std::uint64_t fallback, Place place) {
  SessionVisitor visitor(store, fallback);
  const JsonFault fault = walk_json(text, visitor);
  if (fault.failed) {
    throw InputError(place(fault.offset), "expected a recorded session as JSON, got an error: " +
                                              fault.message + "; correct the document");
  }
  if (fault.stopped) throw InputError(place(0), visitor.problem());
  store.sort();
}

class CodingSession final : public RowReader {
 public:
  CodingSession(LineReader lines, const std::string& document)
      : RowReader(std::move(lines), format_named("coding-session")) {
    read_session(document, store_, 1, [&](std::size_t at) { return lines_.place(at); });
    if (lines_.next()) {
      throw InputError(lines_.place(0),
                       "expected the end of the session, got another line; name one session");
    }
    start();
  }

 private:
  std::optional<RawRow> next_raw() override { return store_.next(); }
  RowStore store_;
};

/// A number of a tar header: octal digits, blanks around.
std::optional<std::uint64_t> octal(std::string_view text) {
  std::uint64_t value = 0;
  bool any = false;
  for (const char c : text) {
    if (c == ' ' || c == '\0') {
      if (any) break;
      continue;
    }
    if (c < '0' || c > '7') return std::nullopt;
    value = value * 8 + static_cast<std::uint64_t>(c - '0');
    any = true;
  }
  return any ? std::optional(value) : std::nullopt;
}

class SessionBundle final : public RowReader {
 public:
  explicit SessionBundle(LineReader lines)
      : RowReader(std::move(lines), format_named("coding-session")) {
    start();
  }
  std::string place() const override { return lines_.name() + ":" + member_; }

 private:
  std::optional<RawRow> next_raw() override {
    while (true) {
      if (std::optional<RawRow> raw = store_.next()) {
        raw->time_ns.reset();
        return raw;
      }
      if (!next_member()) return std::nullopt;
    }
  }

  /// Loads the next regular file; false at the end of the archive. Layout: POSIX.1-1988 ustar.
  bool next_member() {
    constexpr std::size_t kBlock = 512;
    store_.clear();
    const std::string header(lines_.take(kBlock));
    if (header.empty() || header.find_first_not_of('\0') == std::string::npos) return false;
    if (header.size() < kBlock) {
      throw InputError(place(), "expected the rest of the archive, got its end; copy it again");
    }
    const std::string path = header.substr(0, std::min<std::size_t>(100, header.find('\0')));
    const std::optional<std::uint64_t> size = octal(std::string_view(header).substr(124, 12));
    if (!size || header.compare(257, 5, "ustar") != 0) {
      throw InputError(
          place(), "expected a ustar header behind this member, got other bytes; pack it with tar");
    }
    member_ = path;
    for (char& c : member_) {
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
    }
    const std::uint64_t padding = (kBlock - *size % kBlock) % kBlock;
    const char type = header[156];
    if (type == '0' || type == '\0') read_member(*size);
    if ((type != '0' && type != '\0' && !lines_.skip(*size)) || !lines_.skip(padding)) {
      throw InputError(place(), "expected the rest of this member, got the end; copy it again");
    }
    return true;
  }

  void read_member(std::uint64_t size) {
    if (!member_.ends_with(".json") || member_.ends_with("-dataset.json")) {
      throw InputError(place(),
                       "expected recorded coding sessions (*.json) in the archive, got another "
                       "file (ServeGen's clients are not read); unpack it and name one trace");
    }
    if (size > kMaxLineBytes) {
      throw InputError(place(), "expected at most 67108864 bytes, got " + std::to_string(size) +
                                    "; cut the session");
    }
    const std::string_view text = lines_.take(static_cast<std::size_t>(size));
    if (text.size() < size) {
      throw InputError(place(), "expected the rest of this member, got the end; copy it again");
    }
    read_session(text, store_, ++members_,
                 [&](std::size_t at) { return place() + ":1:" + std::to_string(at + 1); });
  }

  RowStore store_;
  std::string member_ = "1";
  std::uint64_t members_ = 0;
};

}  // namespace

std::unique_ptr<TraceReader> open_coding_session(LineReader lines, std::string head) {
  return std::make_unique<CodingSession>(std::move(lines), head);
}

std::unique_ptr<TraceReader> open_bundle(LineReader lines, std::string_view format) {
  if (format != "auto" && format != "coding-session") {
    throw InputError(lines.name(), "expected a trace of format " + std::string(format) +
                                       ", got a tar archive; unpack it and name one trace");
  }
  return std::make_unique<SessionBundle>(std::move(lines));
}

}  // namespace headroom
