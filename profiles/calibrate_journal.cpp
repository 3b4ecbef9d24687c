#include "profiles/calibrate_journal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <string_view>
#include <utility>

namespace headroom {
namespace {

/// What is asked, as words; the answers' words follow it on a line.
std::string question_of(const Experiment& experiment) {
  std::string text = fmt::format("{} {} {}", static_cast<int>(experiment.kind),
                                 experiment.held_out ? 1 : 0, experiment.requests.size());
  for (const PlannedRequest& request : experiment.requests)
    text += fmt::format(" {} {} {} {} {}", request.prompt_tokens, request.output_tokens,
                        request.after ? static_cast<std::int64_t>(*request.after) : -1,
                        request.after_tokens, request.delay_s);
  return text;
}

std::string answer_of(const std::vector<ServedRequest>& served) {
  std::string text;
  for (const ServedRequest& request : served) {
    text += fmt::format(" {} {} {} {} {}", request.sent_s, request.connect_s, request.prompt_tokens,
                        request.completion_tokens, request.token_s.size());
    for (const double token : request.token_s) text += fmt::format(" {}", token);
  }
  return text;
}

/// Numbers of a line, one after another; `good` while there are any.
class Words {
 public:
  explicit Words(std::string_view text) : rest_(text) {}
  template <class Number>
  Number next() {
    Number value{};
    if (rest_.starts_with(' ')) rest_.remove_prefix(1);
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    good_ = good_ && error == std::errc();
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool over() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

std::optional<std::vector<ServedRequest>> read_answer(std::string_view text, std::size_t requests) {
  Words words(text);
  std::vector<ServedRequest> served(requests);
  for (ServedRequest& request : served) {
    request.sent_s = words.next<double>();
    request.connect_s = words.next<double>();
    request.prompt_tokens = words.next<std::int64_t>();
    request.completion_tokens = words.next<std::int64_t>();
    const auto tokens = words.next<std::size_t>();
    for (std::size_t i = 0; i < tokens && words.good(); ++i)
      request.token_s.push_back(words.next<double>());
  }
  if (!words.good() || !words.over()) return std::nullopt;
  return served;
}

}  // namespace

RecordedServer::RecordedServer(CompletionServer& server, std::string path,
                               const std::string& identity)
    : server_(server),
      file_(std::move(path), {"headroom-calibrate 1", "a calibration", {}, true}, identity) {}

RecordedServer::~RecordedServer() {
  if (kept() == 0) remove();
}

std::optional<std::vector<ServedRequest>> RecordedServer::serve(const Experiment& experiment) {
  const std::string question = question_of(experiment) + ":";
  if (next_ < file_.lines().size()) {
    const std::string_view line = file_.lines()[next_];
    if (line.starts_with(question)) {
      auto served = read_answer(line.substr(question.size()), experiment.requests.size());
      if (served) {
        ++next_;
        return served;
      }
    }
    file_.keep_first(next_);
  }
  auto served = server_.serve(experiment);
  if (!served) return served;
  file_.append(question + answer_of(*served));
  ++next_;
  return served;
}

std::string describe(const CalibrationSettings& settings) {
  return fmt::format(
      "concurrency {}, held out {}, prompts {}, contexts {}, {} tokens, {} rounds, {} late, seed "
      "{}",
      fmt::join(settings.levels, ","), fmt::join(settings.held_out, ","),
      fmt::join(settings.prompts, ","), fmt::join(settings.contexts, ","), settings.tokens,
      settings.rounds, settings.late, settings.seed);
}

}  // namespace headroom
