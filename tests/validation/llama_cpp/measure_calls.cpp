#include "tests/validation/llama_cpp/measure_calls.h"

#include <algorithm>
#include <map>
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
const std::vector<std::int32_t> kChunks{1,   4,   8,   16,  28,  32,  44,  60,  64,  68,
                                        84,  104, 124, 128, 136, 160, 188, 192, 200, 224,
                                        256, 264, 320, 380, 384, 392, 448, 508, 512};
const std::vector<std::int32_t> kCached{128, 256, 512, 768}, kCachedOfLong{256, 768};
constexpr std::int32_t kLongChunk = 64;
// Chunks whose last tile is not full are measured so many whole tiles and a rest long.
const std::vector<std::int32_t> kWholeTiles{16, 32, 44, 68, 84, 104, 136, 160, 200, 224};
/// Lengths of the prompts that come before chains.
const std::vector<std::int32_t> kPromptsBefore{16, 32, 64, 160, 384};
constexpr std::int32_t kChain = 7;  ///< calls of a generation point
/// Calls of a prompt point, each at another moment: of most, of long ones behind cached tokens, of
/// chunks that are no whole tiles.
constexpr std::int32_t kPrompts = 3, kLongPrompts = 1, kRests = 2;
constexpr std::int32_t kAnchorEvery = 12;  ///< points

struct Point {
  bool decode = false;
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
      if (points[i].decode)
        decode(points[i], kPromptsBefore[random.next() % kPromptsBefore.size()]);
      else
        prefill(points[i]);
    }
  }

 private:
  [[nodiscard]] std::vector<Point> all_points() const {
    std::vector<Point> points;
    for (std::int32_t rows = 1; rows <= how_.slots; ++rows)
      for (const std::int32_t context : kContexts) points.push_back({true, rows, context});
    for (const std::int32_t rows : kChunks) {
      points.insert(points.end(), kPrompts, {false, rows, 0});
      for (const std::int32_t cached : rows > kLongChunk ? kCachedOfLong : kCached)
        if (rows + cached <= 1024)
          points.insert(points.end(), rows > kLongChunk ? kLongPrompts : kPrompts,
                        {false, rows, cached});
    }
    for (const std::int32_t rows : kWholeTiles)
      for (std::int32_t rest = 1; rest < kRowTile; ++rest)
        points.insert(points.end(), kRests, {false, rows + rest, 0});
    return points;
  }

  void anchor() {
    const Anchor anchor = anchors_.measure();
    out_ << "anchor," << anchor.decode << ',' << anchor.prefill << ",0\n";
    for (const AnchorCalls::Part& part : anchors_.parts())
      write(part.generates ? "anchor-decode" : "anchor-prefill", part.tokens, 0, part.us * 1000);
  }

  void set(std::int32_t sequence, std::int32_t length) {
    if (length > 0)
      engine_.restore(sequence, states_.at(length));
    else
      engine_.forget(sequence, 0);
  }

  /// A chain of calls as a server makes them: the first ("behind") behind a prompt of another
  /// sequence, which finds other data in the caches and a compute graph of another shape, then the
  /// rest.
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
      if (step == 0)
        write("behind", point.rows, prompt, now - mark);
      else
        write("decode", point.rows, point.before + step + 1, now - mark);
      mark = now;
    }
    for (std::int32_t s = 0; s < point.rows; ++s) engine_.forget(s, 0);
    engine_.forget(other_, 0);
  }

  void prefill(const Point& point) {
    set(0, point.before);
    const std::vector<LlamaEngine::Token> tokens =
        prompt_tokens(engine_, 0, point.before, point.rows);
    const std::int64_t mark = processor_ns();
    static_cast<void>(engine_.compute(tokens));
    write("prefill", point.rows, point.before, processor_ns() - mark);
    engine_.forget(0, 0);
  }

  void write(const char* kind, std::int32_t rows, std::int32_t context, std::int64_t ns) {
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
