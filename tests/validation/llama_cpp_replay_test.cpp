// The simulated scheduler against the real engine, call for call.
//
// tests/validation/llama_cpp/logs holds runs of llama.cpp on a virtual clock: what each engine call
// computed and how long it took. Here the same requests arrive in a simulation whose calls last
// what the log says. If the policy `llama-cpp` composes its batches as the engine did, every call
// holds the same requests and tokens and every token comes at the logged microsecond; one different
// decision shifts all that follow. The logs are our own recordings (llama_cpp/README.md).
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/catch.h"
#include "tests/paths.h"
#include "tests/policies/watched.h"
#include "tests/validation/llama_cpp/call_log.h"

using namespace headroom;
using namespace headroom::toy;
using headroom::llama_cpp::CallLog;
using headroom::llama_cpp::CallPart;
using headroom::llama_cpp::LoggedRequest;

namespace {

constexpr Duration kLoggedUnit = kMicrosecond;

/// Lasts what the log says for the call that is made just now.
class LoggedDurations final : public CostModel {
 public:
  explicit LoggedDurations(const CallLog& log) : log_(log) {}
  void next_call() { ++calls_; }

  [[nodiscard]] IterationPrice price(const BatchShape& /*shape*/) const override {
    return {now(), Duration(0)};
  }
  [[nodiscard]] DecodeLine decode_line(std::int64_t /*decodes*/, std::int64_t /*padded*/,
                                       std::int64_t /*context*/) const override {
    return {now().value() * kFixedOne, 0, std::int64_t{1} << 40};
  }
  void charge(const BatchShape& /*shape*/, CostLedger& /*ledger*/) const override {}
  void charge_decodes(std::int64_t /*decodes*/, std::int64_t /*padded*/, std::int64_t /*context*/,
                      std::int64_t /*iterations*/, std::int64_t /*context_sum*/,
                      CostLedger& /*ledger*/) const override {}

 private:
  /// Beyond the log's end a call lasts a unit: the comparison of batches has failed by then.
  [[nodiscard]] Duration now() const {
    return kLoggedUnit * (calls_ <= log_.calls.size() ? log_.calls[calls_ - 1].duration : 1);
  }
  const CallLog& log_;
  std::size_t calls_ = 0;
};

/// Passes decisions on; writes down each batch and tells the cost model that a call begins.
class Composed final : public BatchPolicy {
 public:
  Composed(std::unique_ptr<BatchPolicy> inner, LoggedDurations& durations,
           std::vector<std::vector<CallPart>>& calls)
      : inner_(std::move(inner)), durations_(durations), calls_(calls) {}

  void next_batch(BatchPlan& plan) override {
    note_lengths(plan);
    inner_->next_batch(plan);
    if (plan.scheduled_requests() == 0) return;
    durations_.next_call();
    calls_.emplace_back();
    for (std::size_t i = 0; i < plan.running_count(); ++i) {
      const RequestView request = plan.running(i);
      if (!request.in_flight()) continue;
      // How many of a prompt's tokens: what it has when it is seen next, or all that it missed.
      open_.push_back({calls_.size() - 1, calls_.back().size(), request.id().index(),
                       request.computed().value()});
      calls_.back().push_back({static_cast<std::int32_t>(request.id().index()),
                               static_cast<std::int32_t>(request.missing().value())});
    }
  }

 private:
  struct Open {
    std::size_t call, part;
    std::uint32_t id;
    std::int64_t before;
  };
  void note_lengths(const BatchPlan& plan) {
    for (const Open& open : open_) {
      for (std::size_t i = 0; i < plan.running_count(); ++i) {
        const RequestView request = plan.running(i);
        if (request.id().index() == open.id)
          calls_[open.call][open.part].tokens =
              static_cast<std::int32_t>(request.computed().value() - open.before);
      }
    }
    open_.clear();
  }
  std::unique_ptr<BatchPolicy> inner_;
  LoggedDurations& durations_;
  std::vector<std::vector<CallPart>>& calls_;
  std::vector<Open> open_{};
};

struct Replay {
  std::vector<std::vector<CallPart>> calls{};
  Recorder seen{};
};

Replay replay(const CallLog& log, const Texts& changed = {}) {
  std::vector<RequestSpec> requests;
  for (const LoggedRequest& logged : log.requests)
    requests.push_back(request(kLoggedUnit * logged.arrival, logged.prompt, logged.output));
  Texts texts{{"n_parallel", std::to_string(log.composition.slots)},
              {"n_batch", std::to_string(log.composition.batch)},
              {"order", log.composition.order}};
  for (const auto& [name, text] : changed) texts[name] = text;
  Replay run;
  LoggedDurations durations(log);
  ListSource source(std::move(requests));
  SimulationSetup setup = world(source);
  ReplicaShape shape;
  shape.block_tokens = 1;
  shape.kv_blocks = std::int64_t{log.composition.slots} * log.composition.slot_tokens;
  shape.max_model_len = log.composition.slot_tokens;
  setup.replicas.push_back(
      replica(std::make_unique<Composed>(make_policy<BatchPolicy>("llama-cpp", texts), durations,
                                         run.calls),
              durations, shape));
  setup.sinks.push_back(&run.seen);
  setup.compression = RunCompression::off;
  static_cast<void>(simulate(std::move(setup)));
  return run;
}

std::vector<CallPart> sorted(std::vector<CallPart> parts) {
  std::sort(parts.begin(), parts.end(),
            [](const CallPart& a, const CallPart& b) { return a.request < b.request; });
  return parts;
}

std::size_t mismatches(const CallLog& log, const Replay& run) {
  const std::size_t both = std::min(log.calls.size(), run.calls.size());
  std::size_t wrong = std::max(log.calls.size(), run.calls.size()) - both;
  for (std::size_t k = 0; k < both; ++k)
    wrong += sorted(log.calls[k].parts) == sorted(run.calls[k]) ? std::size_t{0} : 1;
  return wrong;
}

std::vector<std::filesystem::path> log_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(HEADROOM_SOURCE_DIR "/tests/validation/llama_cpp/logs"))
    if (entry.path().extension() == ".log") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

TEST_CASE("the llama.cpp scheduler composes every call of the recorded runs as the engine did") {
  const std::vector<std::filesystem::path> files = log_files();
  REQUIRE(files.size() >= 5);
  std::vector<std::string> orders;
  for (const std::filesystem::path& file : files) {
    INFO(file.string());
    const CallLog log = llama_cpp::read_log_file(file.string());
    REQUIRE(log.calls.size() > 100);
    orders.push_back(log.composition.order);
    const Replay run = replay(log);
    CHECK(mismatches(log, run) == 0);
    REQUIRE(run.seen.finished.size() == log.requests.size());
    // Promised are 0.2 % of each request's TTFT; calls and gaps add up without a rest, so nothing
    // is lost at all.
    for (const FinishedRequest& request : run.seen.finished) {
      const LoggedRequest& logged = log.requests[request.id.index()];
      CHECK(request.first_token.ns() == (kLoggedUnit * logged.first_token).value());
      CHECK(request.finish.ns() == (kLoggedUnit * logged.finish).value());
    }
  }
  for (const char* order : {"together", "in-turn", "prompts-first"})
    CHECK(std::count(orders.begin(), orders.end(), order) >= 1);
}

TEST_CASE("a scheduler that decides otherwise does not reproduce the recorded calls") {
  for (const std::filesystem::path& file : log_files()) {
    const CallLog log = llama_cpp::read_log_file(file.string());
    INFO(file.string());
    const char* other = log.composition.order == "in-turn" ? "together" : "in-turn";
    const std::string less = std::to_string(log.composition.batch - 1);
    CHECK(mismatches(log, replay(log, {{"order", other}})) > 0);
    CHECK(mismatches(log, replay(log, {{"n_batch", less}})) > 0);
    CHECK(mismatches(log, replay(log, {{"n_parallel", "2"}})) > 0);
  }
}

TEST_CASE("a call log is read as it was written") {
  CallLog log;
  log.engine = "an engine";
  log.composition = {"in-turn", 3, 64, 100};
  log.requests = {{5, 40, 2, 90, 100}, {7, 1, 1, 120, 120}};
  log.anchors = {{0, {{true, 2, 8}, {false, 48, 9}}}, {2, {}}};
  log.calls = {{5, 85, {{0, 40}}}, {0, 10, {{0, 1}}}, {0, 20, {{1, 1}}}};
  std::stringstream text;
  write_log(log, text);
  const CallLog read = llama_cpp::read_log(text, "test");
  std::ostringstream again;
  write_log(read, again);
  CHECK(again.str() == text.str());
  CHECK(read.calls[0].parts == log.calls[0].parts);
  const auto refused = [&](const std::string& part, const std::string& other,
                           const std::string& finding) {
    std::string bad = text.str();
    bad.replace(bad.find(part), part.size(), other);
    std::istringstream in(bad);
    CHECK_THROWS_WITH(llama_cpp::read_log(in, "test"), Catch::Contains(finding));
  };
  refused("call-log 2", "call-log 1", "expected a first line headroom-call-log 2");
  refused("prefill 48 9", "prefill 48", "expected an anchor");
  refused("decode 2 8", "other 2 8", "expected an anchor");
  refused("0 20 1\n", "", "expected another line");
}
