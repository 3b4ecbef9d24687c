// The whole calibration but for HTTP: an engine with known costs on a clock of its own, seen late
// by random amounts.
#include "profiles/calibrate_session.h"

#include <rapidcheck.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "profiles/calibrate_journal.h"
#include "profiles/measure_plan.h"
#include "sim/check.h"
#include "tests/catch.h"
#include "tests/profiles/known_engine.h"
#include "tests/scratch.h"

using namespace headroom;

namespace {

/// A client in no time: tokens are seen up to `late_s` late, one in fifty ten times as late.
class InstantServer final : public CompletionServer {
 public:
  InstantServer(const known::Costs& costs, double late_s, std::uint64_t seed)
      : costs_(costs), late_s_(late_s), random_(seed) {}

  std::optional<std::vector<ServedRequest>> serve(const Experiment& experiment) override {
    if (served_ >= stop_after) return std::nullopt;
    ++served_;
    known::Engine engine(costs_);
    std::vector<ServedRequest> answers(experiment.requests.size());
    std::vector<double> send(answers.size(), std::numeric_limits<double>::infinity());
    for (std::size_t i = 0; i < answers.size(); ++i)
      if (!experiment.requests[i].after) send[i] = 1e-3 * unit();
    while (true) {
      const auto next = std::min_element(send.begin(), send.end());
      if (*next == std::numeric_limits<double>::infinity() &&
          engine.next() == std::numeric_limits<double>::infinity())
        break;
      if (*next <= engine.next()) {
        const auto i = static_cast<std::size_t>(next - send.begin());
        answers[i].sent_s = *next;
        answers[i].connect_s = 2 * kOneWay;
        answers[i].prompt_tokens = experiment.requests[i].prompt_tokens;
        engine.submit(i, *next + kOneWay, experiment.requests[i].prompt_tokens,
                      experiment.requests[i].output_tokens);
        *next = std::numeric_limits<double>::infinity();
        continue;
      }
      const double now = engine.next();
      for (const known::Engine::Token& token : engine.advance()) {
        ServedRequest& answer = answers[token.request];
        const double seen = now + kOneWay + late_s_ * unit() * (unit() < 0.02 ? 10 : 1);
        answer.token_s.push_back(answer.token_s.empty() ? seen
                                                        : std::max(seen, answer.token_s.back()));
        ++answer.completion_tokens;
        for (std::size_t i = 0; i < answers.size(); ++i) {
          const PlannedRequest& request = experiment.requests[i];
          if (request.after == token.request && request.after_tokens == answer.token_s.size())
            send[i] = seen + request.delay_s;
        }
      }
    }
    return answers;
  }

  static constexpr double kOneWay = 1e-4;
  std::size_t stop_after = 100'000;
  [[nodiscard]] std::size_t served() const { return served_; }

 private:
  double unit() { return static_cast<double>(random_.next() >> 11) / 9007199254740992.0; }

  known::Costs costs_;
  double late_s_;
  SplitMix random_;
  std::size_t served_ = 0;
};

CalibratedServer calibrated(const known::Costs& costs, double late_s, std::uint64_t seed) {
  InstantServer server(costs, late_s, seed);
  const CalibrationSettings settings;
  REQUIRE(probe_server(server, settings));
  const auto seen = observe_server(server, settings);
  REQUIRE(seen.has_value());
  return fit_server(*seen, 1);
}

void check_near(const CalibratedServer& found, const known::Costs& truth, double tolerance) {
  CHECK(found.base.value == Approx(truth.base).epsilon(tolerance));
  CHECK(found.per_decode.value == Approx(truth.per_decode).epsilon(tolerance));
  CHECK(found.per_context.value == Approx(truth.per_context).epsilon(tolerance));
  CHECK(found.alone.value == Approx(truth.alone).epsilon(tolerance));
  CHECK(found.alone_per_token.value == Approx(truth.per_prompt_token).epsilon(tolerance));
  CHECK(found.beside.value == Approx(truth.beside).epsilon(tolerance));
  CHECK(found.beside_per_token.value == Approx(truth.per_prompt_token).epsilon(tolerance));
  CHECK(found.ingest.value == Approx(truth.ingest).epsilon(tolerance));
  CHECK(found.ingest_per_token.value == Approx(truth.ingest_per_token).epsilon(tolerance));
}

}  // namespace

// The front end is known to what eight halvings of a 9 ms step leave, 0.04 ms of 50 ms, and so is
// what of a prompt's time is not the front end's. Steps get longer by 2 us while a late request is
// waited for, up to 20 of them: 0.4 ms of an 82 ms stall.
TEST_CASE("of a server seen without delay every coefficient is found within 1 %") {
  const known::Costs truth;
  const CalibratedServer found = calibrated(truth, 0, 1);
  check_near(found, truth, 0.01);
  CHECK(found.round_trip_s == Approx(2e-4));
  CHECK(found.levels.empty());
  CHECK(found.per_square.value == 0);
  CHECK(found.most_decodes == 8);
  CHECK(found.notes.empty());
}

TEST_CASE("tokens seen up to 0.5 ms late, and some 5 ms, leave every coefficient within 3 %") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CAPTURE(seed);
    const known::Costs truth;
    const CalibratedServer found = calibrated(truth, 0.5e-3, seed);
    check_near(found, truth, 0.03);
    REQUIRE(found.held_out.size() == 24);  // 3 and 6, four waves a round, three rounds
    for (const HeldOutStep& held : found.held_out)
      CHECK(held.predicted_s == Approx(held.measured_s).epsilon(0.03));
  }
}

TEST_CASE("other costs are found as well as the ones that the defaults were tried on") {
  CHECK(rc::check([] {
    known::Costs truth;
    truth.base = *rc::gen::inRange(20, 400) * 1e-4;
    truth.per_decode = *rc::gen::inRange(1, 30) * 1e-4;
    truth.per_context = *rc::gen::inRange(0, 60) * 1e-7;
    truth.alone = *rc::gen::inRange(0, 500) * 1e-4;
    truth.beside = truth.alone;
    truth.per_prompt_token = *rc::gen::inRange(20, 300) * 1e-6;
    truth.ingest = *rc::gen::inRange(0, 500) * 1e-4;
    truth.ingest_per_token = *rc::gen::inRange(0, 50) * 1e-6;
    InstantServer server(truth, 0, 1);
    CalibrationSettings settings;
    settings.rounds = 1;
    const auto seen = observe_server(server, settings);
    RC_ASSERT(seen.has_value());
    const CalibratedServer found = fit_server(*seen, 1);
    const auto near = [](double got, double want, double margin) {
      return std::abs(got - want) <= 0.01 * want + margin;
    };
    RC_ASSERT(near(found.base.value, truth.base, 1e-6));
    RC_ASSERT(near(found.per_decode.value, truth.per_decode, 1e-7));
    RC_ASSERT(near(found.per_context.value, truth.per_context, 1e-10));
    // What the front end and the prompt have together is known best.
    RC_ASSERT(near(found.alone.value + found.ingest.value, truth.alone + truth.ingest, 1e-5));
    // A front end is known where prompts stretch steps visibly.
    if (truth.alone > truth.base)
      RC_ASSERT(near(found.ingest.value, truth.ingest, 0.02 * truth.base));
  }));
}

// Late requests' moments follow from earlier answers: a kept answer that differed by a bit would
// ask other questions than the uninterrupted session.
TEST_CASE("a calibration that is stopped again and again goes on and finds the same") {
  const known::Costs truth;
  const CalibrationSettings settings;
  InstantServer plain(truth, 0.5e-3, 7);
  const auto whole = observe_server(plain, settings);
  REQUIRE(whole.has_value());
  const test::ScratchFolder folder;
  InstantServer server(truth, 0.5e-3, 7);
  std::optional<CalibrationObservations> seen;
  std::size_t calls = 0;
  for (; !seen; ++calls) {
    REQUIRE(calls < 1000);
    server.stop_after = server.served() + 10;
    RecordedServer recorded(server, folder.file("j"), "a server");
    CHECK(recorded.kept() == 10 * calls);
    seen = observe_server(recorded, settings);
  }
  CHECK(calls > 5);
  CHECK(server.served() == plain.served());
  const CalibratedServer found = fit_server(*seen, 1), expected = fit_server(*whole, 1);
  CHECK(found.base.value == expected.base.value);
  CHECK(found.per_context.high == expected.per_context.high);
  CHECK(found.beside_per_token.value == expected.beside_per_token.value);
  CHECK(found.ingest.low == expected.ingest.low);
  // Another seed asks in another order: what is kept ends where the questions part.
  CalibrationSettings other = settings;
  other.seed = 2;
  server.stop_after = server.served() + 5;
  RecordedServer recorded(server, folder.file("j"), "a server");
  CHECK_FALSE(observe_server(recorded, other).has_value());
  CHECK(recorded.kept() < plain.served());
  CHECK_THROWS_WITH(RecordedServer(server, folder.file("j"), "a server"),
                    Catch::Contains("in use"));
}

TEST_CASE("steps that do not lie on a line are kept level by level") {
  // A kernel that computes rows in fours: 3 rows cost as much as 4, 5 to 8 as much as 8.
  class Cliffs final : public CompletionServer {
   public:
    std::optional<std::vector<ServedRequest>> serve(const Experiment& experiment) override {
      const std::size_t n = experiment.requests.size();
      std::vector<ServedRequest> answers(n);
      const double step = n <= 2 ? 4e-3 * static_cast<double>(n) : n <= 4 ? 10e-3 : 30e-3;
      for (std::size_t i = 0; i < n; ++i) {
        const PlannedRequest& request = experiment.requests[i];
        answers[i].prompt_tokens = request.prompt_tokens;
        const double prompt = 1e-4 * static_cast<double>(request.prompt_tokens);
        for (std::int64_t k = 0; k < request.output_tokens; ++k)
          answers[i].token_s.push_back(prompt + step * static_cast<double>(k));
      }
      return answers;
    }
  };
  Cliffs server;
  CalibrationSettings settings;
  const auto seen = observe_server(server, settings);
  const CalibratedServer found = fit_server(*seen, 1);
  REQUIRE(found.levels.size() == 4);
  CHECK(found.step_s(1, 0) == Approx(4e-3).epsilon(1e-3));
  CHECK(found.step_s(2, 0) == Approx(8e-3).epsilon(1e-3));
  CHECK(found.step_s(3, 0) == Approx(9e-3).epsilon(1e-3));  // between 2 and 4: held out is not told
  CHECK(found.step_s(8, 0) == Approx(30e-3).epsilon(1e-3));
  CHECK(found.notes.size() == 2);  // late requests showed neither stall nor entry
}

// Eight places, the one free for longest taken first; a step takes 1 ms a request and 4 ms a run of
// neighbouring places. Of n random places of 8 there are n (9 - n) / 8 runs on average.
TEST_CASE("where a step depends on the places taken, it is found as the mean over them") {
  class Places final : public CompletionServer {
   public:
    std::optional<std::vector<ServedRequest>> serve(const Experiment& experiment) override {
      const std::size_t n = experiment.requests.size();
      const std::vector<int> taken(free_.begin(), free_.begin() + static_cast<std::ptrdiff_t>(n));
      free_.erase(free_.begin(), free_.begin() + static_cast<std::ptrdiff_t>(n));
      const std::set<int> places(taken.begin(), taken.end());
      double step = 1e-3 * static_cast<double>(n);
      for (const int place : places) step += places.contains(place - 1) ? 0 : 4e-3;
      std::vector<ServedRequest> answers(n);
      std::vector<std::pair<std::int64_t, int>> ends;
      for (std::size_t i = 0; i < n; ++i) {
        const PlannedRequest& request = experiment.requests[i];
        answers[i].prompt_tokens = request.prompt_tokens;
        for (std::int64_t k = 0; k < request.output_tokens; ++k)
          answers[i].token_s.push_back(0.1 + step * static_cast<double>(k));
        ends.emplace_back(request.output_tokens, taken[i]);
      }
      std::sort(ends.begin(), ends.end());
      for (const auto& [tokens, place] : ends) free_.push_back(place);
      return answers;
    }

   private:
    std::vector<int> free_{0, 1, 2, 3, 4, 5, 6, 7};
  };
  Places server;
  CalibrationSettings settings;
  settings.levels = {1, 2, 4, 6, 8};
  settings.held_out.clear();
  settings.rounds = 10;
  const CalibratedServer found = fit_server(*observe_server(server, settings), 1);
  for (const double n : {1.0, 2.0, 4.0, 6.0, 8.0})
    CHECK(found.step_s(n, 0) == Approx(1e-3 * n + 4e-3 * n * (9 - n) / 8).epsilon(0.1));
}

TEST_CASE("a server with fewer places says so, and is fitted on what ran together") {
  known::Costs costs;
  costs.most_running = 4;
  InstantServer server(costs, 0, 1);
  CalibrationSettings settings;
  const auto seen = observe_server(server, settings);
  const CalibratedServer found = fit_server(*seen, 1);
  CHECK(found.most_decodes == 4);
  CHECK(found.per_decode.value == Approx(costs.per_decode).epsilon(0.01));
  REQUIRE(found.notes.size() == 1);
  CHECK(found.notes[0].find("at most 4 of 8") != std::string::npos);
}

TEST_CASE("what cannot be fitted is said, and a stop leaves nothing") {
  CHECK_THROWS_WITH(fit_server({}, 1), Catch::Contains("expected requests that decode side by"));
  InstantServer server({}, 0, 1);
  server.stop_after = 5;
  CHECK_FALSE(observe_server(server, {}).has_value());
}

TEST_CASE("a client that wakes up every 4 ms sees bunches of 1.5 ms steps, and their true length") {
  // 65 tokens: pairs half a window apart are 48 ms, moved by at most 4 ms.
  ServedRequest request;
  request.prompt_tokens = 100;
  for (int k = 0; k < 65; ++k) request.token_s.push_back(4e-3 * std::ceil(1.5 * k / 4.0));
  const auto steps = observe_steps({}, {request});
  REQUIRE(steps.has_value());
  CHECK(steps->step_s == Approx(1.5e-3).epsilon(0.02));
  CHECK(steps->context == Approx(100 + 32.5));  // steps make tokens 1 to 64
}
