#include "tests/validation/llama_cpp/measure_calls.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "profiles/measure_plan.h"
#include "tests/validation/llama_cpp/virtual_engine.h"

namespace headroom::llama_cpp {
namespace {

// Generation: every batch size of eight slots; contexts each quarter of the longest.
const std::vector<std::int32_t> kContexts{8, 64, 160, 256, 384, 512, 768, 1016};
// Prompt chunks, single tokens and whole tiles of the kernels: dense where a call is mostly
// weights, either side of 64 rows, where llama.cpp changes its attention kernel, of further full
// tiles of that kernel, and at the sizes that the tested compositions use most.
const std::vector<std::int32_t> kChunks{1,   4,   8,   12,  16,  20,  24,  28,  32,  40,  44,  48,
                                        56,  60,  64,  68,  84,  104, 124, 128, 136, 160, 188, 192,
                                        200, 224, 256, 264, 320, 380, 384, 392, 448, 508, 512};
// One cached token already takes a call off the fast path of attention: a step of 2 to 3 %, which
// prompts beside generating rows take (their first token goes before them).
const std::vector<std::int32_t> kCached{1, 128, 256, 512, 768}, kCachedOfLong{1, 256, 768};
constexpr std::int32_t kLongChunk = 64;
// Chunks whose last tile is not full are measured so many whole tiles and a rest long.
const std::vector<std::int32_t> kWholeTiles{16, 32, 44, 68, 84, 104, 136, 160, 200, 224};
/// Chunks that are measured two side by side too.
const std::vector<std::int32_t> kSides{4, 8, 12, 16, 20, 24, 32, 64, 128, 192};
/// Chunks and cached tokens that are measured without output too; short, for it is the same of all.
const std::vector<std::int32_t> kSilent{8, 16, 32}, kSilentCached{0, 1, 128, 512};
/// Lengths of the prompts that come before chains.
const std::vector<std::int32_t> kPromptsBefore{16, 32, 64, 160, 384};
/// Calls of a generation point: the first is behind a prompt, the last have found their pace. Those
/// between are no points: 6 to 1 % slower, they are half a percent of an answer of 32 tokens.
constexpr std::int32_t kChain = 14, kSettled = 7;
/// Few rows and short chunks are most of what a server computes, and cheap to repeat.
constexpr std::int32_t kFewRows = 2;
/// Times that a generation point is measured in a pass, each at another moment; of few rows.
constexpr std::int32_t kChains = 1, kChainsOfFew = 3;
/// Likewise a prompt point: short chunks; long ones behind nothing or one token; behind more;
/// chunks that are no whole tiles.
constexpr std::int32_t kShort = 4, kLong = 3, kLongBehindMany = 1, kRests = 2;
constexpr std::int32_t kAnchorEvery = 12;  ///< points

enum class Kind : std::uint8_t { decode, prefill, silent, side };

struct Point {
  Kind kind = Kind::decode;
  std::int32_t rows = 0;    ///< batch or chunk
  std::int32_t before = 0;  ///< context before the token, or cached tokens
};

class Measurement {
 public:
  Measurement(LlamaEngine& engine, const Composition& how, std::ostream& out)
      : engine_(engine),
        how_(how),
        other_(how.slots + AnchorCalls::kDecodes),
        out_(out),
        anchors_(engine, how.slots) {
    for (const std::vector<std::int32_t>& list : {kContexts, kCached})
      for (const std::int32_t length : list) states_[length];
    std::int32_t length = 0;
    for (auto& [goal, state] : states_) {
      if (goal > length)
        static_cast<void>(engine_.compute(prompt_tokens(engine_, 0, length, goal - length)));
      length = goal;
      if (goal > 0) state = engine_.state(0);
    }
    engine_.forget(0, 0);
  }

  void pass(SplitMix& random) {
    std::vector<Point> points = all_points();
    for (std::size_t i = points.size() - 1; i > 0; --i)
      std::swap(points[i], points[random.next() % (i + 1)]);
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (i % kAnchorEvery == 0) anchor();
      const Point& point = points[i];
      if (point.kind == Kind::decode)
        decode(point, kPromptsBefore[random.next() % kPromptsBefore.size()]);
      if (point.kind == Kind::prefill || point.kind == Kind::silent) prefill(point);
      if (point.kind == Kind::side) side_by_side(point.rows);
    }
  }

 private:
  [[nodiscard]] std::vector<Point> all_points() const {
    std::vector<Point> points;
    const auto add = [&points](std::int32_t times, const Point& point) {
      points.insert(points.end(), static_cast<std::size_t>(times), point);
    };
    for (std::int32_t rows = 1; rows <= how_.slots; ++rows)
      for (const std::int32_t context : kContexts)
        add(rows > kFewRows ? kChains : kChainsOfFew, {Kind::decode, rows, context});
    for (const std::int32_t rows : kChunks) {
      const bool is_long = rows > kLongChunk;
      add(is_long ? kLong : kShort, {Kind::prefill, rows, 0});
      for (const std::int32_t cached : is_long ? kCachedOfLong : kCached) {
        const std::int32_t times = !is_long ? kShort : cached == 1 ? kLong : kLongBehindMany;
        if (rows + cached <= 1024) add(times, {Kind::prefill, rows, cached});
      }
    }
    for (const std::int32_t rows : kWholeTiles)
      for (std::int32_t rest = 1; rest < kRowTile; ++rest)
        add(kRests, {Kind::prefill, rows + rest, 0});
    for (const std::int32_t rows : kSilent)
      for (const std::int32_t cached : kSilentCached) add(2 * kShort, {Kind::silent, rows, cached});
    for (const std::int32_t rows : kSides) add(kShort, {Kind::side, rows, 0});
    return points;
  }

  void anchor() {
    for (const AnchorCall& call : anchors_.measure())
      write(std::string("anchor-") + kind_of(call), call.tokens, 0, call.duration * 1000);
  }

  void set(std::int32_t sequence, std::int32_t length) {
    if (length > 0)
      engine_.restore(sequence, states_.at(length));
    else
      engine_.forget(sequence, 0);
  }

  /// A chain of calls as a server makes them: the first ("behind") behind a prompt of another
  /// sequence, which finds other data in the caches and a compute graph of another shape, then
  /// those that have settled.
  void decode(const Point& point, std::int32_t prompt) {
    for (std::int32_t s = 0; s < point.rows; ++s) set(s, point.before);
    std::vector<std::int32_t> last(static_cast<std::size_t>(point.rows), 1);
    static_cast<void>(engine_.compute(prompt_tokens(engine_, other_, 0, prompt)));
    std::int64_t mark = processor_ns();
    for (std::int32_t step = 0; step < kChain; ++step) {
      std::vector<LlamaEngine::Token> tokens;
      for (std::int32_t s = 0; s < point.rows; ++s)
        tokens.push_back({s, point.before + step, last[static_cast<std::size_t>(s)], 1});
      last = engine_.compute(tokens);
      const std::int64_t now = processor_ns();
      if (step == 0) write("behind", point.rows, prompt, now - mark);
      if (step >= kChain - kSettled)
        write("decode", point.rows, point.before + step + 1, now - mark);
      mark = now;
    }
    for (std::int32_t s = 0; s < point.rows; ++s) engine_.forget(s, 0);
    engine_.forget(other_, 0);
  }

  void prefill(const Point& point) {
    const bool outputs = point.kind == Kind::prefill;
    set(0, point.before);
    const std::vector<LlamaEngine::Token> tokens =
        prompt_tokens(engine_, 0, point.before, point.rows, outputs);
    const std::int64_t mark = processor_ns();
    static_cast<void>(engine_.compute(tokens));
    write(outputs ? "prefill" : "silent", point.rows, point.before, processor_ns() - mark);
    engine_.forget(0, 0);
  }

  void side_by_side(std::int32_t chunk) {
    std::vector<LlamaEngine::Token> tokens = prompt_tokens(engine_, 0, 0, chunk);
    const std::vector<LlamaEngine::Token> other = prompt_tokens(engine_, 1, 0, chunk);
    tokens.insert(tokens.end(), other.begin(), other.end());
    const std::int64_t mark = processor_ns();
    static_cast<void>(engine_.compute(tokens));
    write("side", chunk, 0, processor_ns() - mark);
    engine_.forget(0, 0);
    engine_.forget(1, 0);
  }

  void write(const std::string& kind, std::int32_t rows, std::int32_t context, std::int64_t ns) {
    out_ << kind << ',' << rows << ',' << context << ',' << ns / 1000 << '\n';
  }

  LlamaEngine& engine_;
  const Composition& how_;
  std::int32_t other_;  ///< a sequence that is empty between the anchors
  std::ostream& out_;
  AnchorCalls anchors_;
  std::map<std::int32_t, std::vector<std::uint8_t>> states_{};
};

}  // namespace

void measure_calls(LlamaEngine& engine, const Composition& how, MeasurePasses passes,
                   std::ostream& out) {
  Measurement measurement(engine, how, out);
  SplitMix random(static_cast<std::uint64_t>(passes.seed));
  out << "kind,rows,context,us\n";
  for (std::int32_t pass = 0; pass < passes.passes; ++pass) measurement.pass(random);
}

}  // namespace headroom::llama_cpp
