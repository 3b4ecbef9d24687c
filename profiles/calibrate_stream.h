// What a streaming completions (or chat completions) server is asked, and what it answers:
// server-sent events, each with a piece of JSON.
//
// Bytes go in as they arrive, with the time at which they did; tokens with their times come out.
// Law: any bytes, cut anywhere, give a record or one line that says what was expected; how they are
// cut changes times alone. Memory is bounded by `kLongestLine` and `kMostTokens`.
// Cost: linear in the bytes.
// Not here: HTTP (profiles/calibrate_http.h), what times mean (profiles/calibrate_observe.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headroom {

/// Longer events are refused: an event holds a few tokens.
constexpr std::size_t kLongestLine = std::size_t{1} << 20;
/// Of one answer; more are refused.
constexpr std::size_t kMostTokens = std::size_t{1} << 20;

struct CompletionQuestion {
  std::string prompt{};
  std::int64_t tokens = 1;  ///< of the answer, no fewer and no more
  std::string model{};      ///< empty: the server has one
  /// A JSON object whose members are added or replace ours; null takes one out. Empty: none.
  std::string fields{};
  bool chat = false;  ///< the prompt is a user's message
};
/// The body of a request. Throws InputError{--fields} unless `fields` is a JSON object.
[[nodiscard]] std::string request_body(const CompletionQuestion& question);
/// The first model of a list of models; empty where the text is none.
[[nodiscard]] std::string first_model(std::string_view text);

class CompletionStream {
 public:
  /// Takes the next bytes of the body. False when the answer cannot be used: `fault` says why, and
  /// later bytes are ignored.
  bool feed(std::string_view bytes, double now_s);
  /// The body has ended. False when it ended too early, or an earlier fault stands.
  bool finish();

  /// When the events with text arrived, one a token where the server sends them one by one.
  [[nodiscard]] const std::vector<double>& times_s() const { return times_s_; }
  /// The server's own counts; 0: it does not say.
  [[nodiscard]] std::int64_t prompt_tokens() const { return prompt_tokens_; }
  [[nodiscard]] std::int64_t completion_tokens() const { return completion_tokens_; }
  [[nodiscard]] const std::string& model() const { return model_; }
  /// "expected X, got Y"; empty while all is well.
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  bool fail(std::string what);
  void take_line(double now_s);
  void take_event(double now_s);
  void take_json(double now_s);

  std::string line_{};
  std::string data_{};  ///< of the event under way
  bool after_return_ = false;
  bool has_data_ = false;
  bool done_ = false;      ///< [DONE] was seen
  bool finished_ = false;  ///< a finish_reason was seen
  std::vector<double> times_s_{};
  std::int64_t prompt_tokens_ = 0, completion_tokens_ = 0;
  std::string model_{};
  std::string fault_{};
};

}  // namespace headroom
