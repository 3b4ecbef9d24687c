#include "profiles/calibrate_journal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>
#include <utility>

#include "profiles/journal_fields.h"

namespace headroom {
namespace {

/// What is asked: a line's first field.
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
    text += fmt::format("\t{}\t{}\t{}\t{}\t{}", request.sent_s, request.connect_s,
                        request.prompt_tokens, request.completion_tokens, request.token_s.size());
    for (const double token : request.token_s) text += fmt::format("\t{}", token);
  }
  return text;
}

std::optional<std::vector<ServedRequest>> read_answer(FieldReader& fields, std::size_t requests) {
  std::vector<ServedRequest> served(requests);
  for (ServedRequest& request : served) {
    std::size_t tokens = 0;
    fields.number(request.sent_s);
    fields.number(request.connect_s);
    fields.number(request.prompt_tokens);
    fields.number(request.completion_tokens);
    fields.number(tokens);
    for (std::size_t i = 0; i < tokens && fields.good(); ++i)
      fields.number(request.token_s.emplace_back());
  }
  if (!fields.good() || fields.more()) return std::nullopt;
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
  const std::string question = question_of(experiment);
  if (next_ < file_.lines().size()) {
    FieldReader fields(file_.lines()[next_]);
    if (fields.next() == question)
      if (auto served = read_answer(fields, experiment.requests.size())) {
        ++next_;
        return served;
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
