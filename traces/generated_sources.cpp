#include "traces/generated_sources.h"

#include <algorithm>

#include "sim/check.h"
#include "traces/exact_numbers.h"
#include "traces/row_builder.h"

namespace headroom {
namespace {

/// Longest pause between two turns: 100 years.
constexpr double kLongestThink = 3.15576e9;

[[nodiscard]] Instant after(Instant when, const Sampler& law, RandomStream& random) {
  const Duration pause = duration_from_seconds(std::min(law.draw(random), kLongestThink));
  return std::min(when + pause, Instant(kLargestExact));
}

constexpr const char* kAsked = "a source is asked only while it has a request";

}  // namespace

OpenSource::OpenSource(ArrivalProcess arrivals, std::unique_ptr<LengthStream> lengths,
                       std::uint64_t most, const std::string& where)
    : arrivals_(std::move(arrivals)), lengths_(std::move(lengths)), left_(most) {
  advance();
  if (ahead_.arrival == Instant::never()) {
    throw InputError(where, "expected at least one request, got none; ask for more");
  }
}

void OpenSource::advance() {
  ahead_ = RequestSpec{};
  if (left_ > 0 && lengths_->next(ahead_)) {
    --left_;
    ahead_.arrival = arrivals_.next();
  } else {
    left_ = 0;
    ahead_.arrival = Instant::never();
  }
}

RequestSpec OpenSource::take() {
  SIM_CHECK(ahead_.arrival < Instant::never(), kAsked);
  const RequestSpec taken = ahead_;
  advance();
  return taken;
}

ClosedLoopSource::ClosedLoopSource(const WorkloadSpec& spec, std::uint64_t seed,
                                   std::unique_ptr<LengthStream> lengths, std::uint64_t most)
    : think_law_(spec.think, "/workload/think"), lengths_(std::move(lengths)), left_(most) {
  constexpr std::uint64_t kMostClients = 10'000'000;
  if (spec.clients < 1 || spec.clients > kMostClients) {
    throw InputError("/workload/clients", "expected from 1 to 10000000 clients, got " +
                                              std::to_string(spec.clients) + "; ask for fewer");
  }
  turns_.assign(spec.clients, 0);
  think_.reserve(spec.clients);
  for (std::uint32_t client = 0; client < spec.clients; ++client) {
    think_.emplace_back(seed, "think", client);
    think(client, Instant());
  }
  advance();
}

void ClosedLoopSource::think(std::uint32_t client, Instant from) {
  ready_.push({after(from, think_law_, think_[client]), client});
}

void ClosedLoopSource::advance() {
  ahead_ = RequestSpec{};
  has_ahead_ = left_ > 0 && lengths_->next(ahead_);
  if (has_ahead_) --left_;
}

Instant ClosedLoopSource::next_arrival() const {
  return has_ahead_ && !ready_.empty() ? ready_.top().when : Instant::never();
}

RequestSpec ClosedLoopSource::take() {
  SIM_CHECK(next_arrival() < Instant::never(), kAsked);
  const Ready ready = ready_.top();
  ready_.pop();
  RequestSpec taken = ahead_;
  taken.arrival = ready.when;
  taken.session = ready.client + std::uint64_t{1};
  taken.turn = turns_[ready.client]++;
  advance();
  return taken;
}

void ClosedLoopSource::on_left(const RequestSpec& request, Instant when) {
  SIM_CHECK(request.session >= 1 && request.session <= turns_.size(),
            "a request that leaves a closed loop belongs to one of its clients");
  think(static_cast<std::uint32_t>(request.session - 1), when);
}

SessionSource::SessionSource(const WorkloadSpec& spec, std::uint64_t seed)
    : seed_(seed),
      spec_(spec.sessions.value_or(SessionSpec{})),
      prompt_law_(spec.prompt, "/workload/prompt"),
      output_law_(spec.output, "/workload/output"),
      turns_law_(spec_.turns, "/workload/sessions/turns"),
      think_law_(spec_.think, "/workload/sessions/think"),
      arrivals_(spec, seed),
      prefixes_(spec, seed),
      left_(spec.requests),
      next_start_(arrivals_.next()) {}

Instant SessionSource::next_arrival() const {
  if (left_ == 0) return Instant::never();
  return ready_.empty() ? next_start_ : std::min(next_start_, ready_.top().when);
}

std::uint64_t SessionSource::open_session() {
  const std::uint64_t label = ++opened_;
  Session session{RandomStream(seed_, "session", label)};
  session.turns_left = turns_law_.draw_whole(session.random);
  if (prefixes_.count() > 0) session.prefix = session.random.below(prefixes_.count());
  session.history = prefixes_.tokens().value();
  sessions_.emplace(label, std::move(session));
  next_start_ = arrivals_.next();
  return label;
}

RequestSpec SessionSource::take() {
  const Instant when = next_arrival();
  SIM_CHECK(when < Instant::never(), kAsked);
  --left_;
  std::uint64_t label = 0;
  if (!ready_.empty() && ready_.top().when == when) {
    label = ready_.top().session;
    ready_.pop();
  } else {
    label = open_session();
  }
  return turn_of(label, sessions_.at(label), when);
}

RequestSpec SessionSource::turn_of(std::uint64_t label, Session& session, Instant when) {
  RequestSpec spec;
  spec.arrival = when;
  spec.session = label;
  spec.turn = session.turn++;
  --session.turns_left;
  const Tokens text = prompt_law_.draw_tokens(session.random);
  spec.output = output_law_.draw_tokens(session.random);
  spec.prompt = std::min(Tokens(session.history) + text, kMaxRequestTokens);
  if (spec_.carry_history) {
    session.history = std::min(spec.prompt + spec.output, kMaxRequestTokens).value();
    hash_prompt(label, session, spec);
  } else if (prefixes_.count() > 0) {
    spec.prefix_blocks = prefixes_.blocks(session.prefix);
    spec.prefix_block_tokens = kGeneratedBlockTokens;
  }
  return spec;
}

/// The system prompt's blocks, then the session's own: block i of a session is the same in each of
/// its turns that fill it, because a prompt only grows at its end.
void SessionSource::hash_prompt(std::uint64_t label, const Session& session, RequestSpec& spec) {
  hashes_.clear();
  std::uint64_t hash = 0;
  if (prefixes_.count() > 0) {
    const auto shared = prefixes_.blocks(session.prefix);
    hashes_.assign(shared.begin(), shared.end());
    if (!shared.empty()) hash = shared.back();
  }
  const auto blocks = static_cast<std::size_t>(spec.prompt / kGeneratedBlockTokens);
  hash = chain_hash(hash, chain_hash(seed_, label));
  while (hashes_.size() < blocks) hashes_.push_back(hash = chain_hash(hash, hashes_.size()));
  spec.prefix_blocks = hashes_;
  spec.prefix_block_tokens = kGeneratedBlockTokens;
}

void SessionSource::on_left(const RequestSpec& request, Instant when) {
  const auto found = sessions_.find(request.session);
  SIM_CHECK(found != sessions_.end(), "a request that leaves belongs to a session that is open");
  Session& session = found->second;
  if (session.turns_left > 0) {
    ready_.push({after(when, think_law_, session.random), request.session});
  } else {
    sessions_.erase(found);
  }
}

void WLcgSource::advance() {
  ahead_ = RequestSpec{};
  ahead_.arrival = Instant::never();
  if (left_ == 0) return;
  --left_;
  const WLcg::Request request = generator_.next();
  ahead_.arrival = Instant() + duration_from_seconds(request.arrival_s);
  ahead_.prompt = request.prompt;
  ahead_.output = request.output;
}

RequestSpec WLcgSource::take() {
  SIM_CHECK(ahead_.arrival < Instant::never(), kAsked);
  const RequestSpec taken = ahead_;
  advance();
  return taken;
}

}  // namespace headroom
