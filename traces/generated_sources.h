// Sources that make up their own arrivals: open loop, closed loop, sessions, and the deterministic
// W-LCG.
//
// Laws: the i-th request's lengths do not depend on scheduling; a closed loop has at most `clients`
// requests outstanding; the next turn of a session, and the next request of a client, arrives
// exactly when the last one left plus think time. A rejected request counts as left: its client or
// session goes on.
// Cost: constant memory for the open loop, O(clients), O(live sessions). Build them with
// make_source.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <queue>
#include <vector>

#include "sim/request_source.h"
#include "sim/scenario.h"
#include "traces/arrival_process.h"
#include "traces/length_stream.h"
#include "traces/w_lcg.h"

namespace headroom {

/// Arrivals of a process, lengths of a stream.
class OpenSource final : public RequestSource {
 public:
  /// At most `most` requests; throws InputError{where} when there are none.
  OpenSource(ArrivalProcess arrivals, std::unique_ptr<LengthStream> lengths, std::uint64_t most,
             const std::string& where);
  Instant next_arrival() const override { return ahead_.arrival; }
  RequestSpec take() override;

 private:
  void advance();

  ArrivalProcess arrivals_;
  std::unique_ptr<LengthStream> lengths_;
  std::uint64_t left_;
  RequestSpec ahead_;
};

/// `clients` clients that each send, wait for the answer, think, and send again. All start by
/// thinking at time 0. Labels: session is the client's number from 1, turn counts its requests.
class ClosedLoopSource final : public RequestSource {
 public:
  ClosedLoopSource(const WorkloadSpec& spec, std::uint64_t seed,
                   std::unique_ptr<LengthStream> lengths, std::uint64_t most);
  Instant next_arrival() const override;
  RequestSpec take() override;
  void on_left(const RequestSpec& request, Instant when) override;

 private:
  struct Ready {
    Instant when;
    std::uint32_t client;
    friend auto operator<=>(const Ready&, const Ready&) = default;
  };
  void think(std::uint32_t client, Instant from);
  void advance();

  Sampler think_law_;
  std::unique_ptr<LengthStream> lengths_;
  std::uint64_t left_;
  std::vector<RandomStream> think_;  ///< one a client
  std::vector<std::uint32_t> turns_;
  std::priority_queue<Ready, std::vector<Ready>, std::greater<>> ready_;
  RequestSpec ahead_;
  bool has_ahead_ = false;
};

/// Sessions of several turns. Sessions start by the arrival process; each draws from its own
/// stream, so that what one asks does not depend on the others. With `carry_history` a prompt is
/// all earlier prompts and answers plus the new text, and its blocks are hashed, so that a prefix
/// cache finds them again.
class SessionSource final : public RequestSource {
 public:
  SessionSource(const WorkloadSpec& spec, std::uint64_t seed);
  Instant next_arrival() const override;
  RequestSpec take() override;
  void on_left(const RequestSpec& request, Instant when) override;
  /// Sessions begun and not over.
  [[nodiscard]] std::size_t live() const { return sessions_.size(); }

 private:
  struct Session {
    RandomStream random;
    std::int64_t turns_left = 0;
    std::uint32_t turn = 0;
    std::int64_t history = 0;  ///< tokens of all earlier turns
    std::uint64_t prefix = 0;  ///< which system prompt
  };
  struct Ready {
    Instant when;
    std::uint64_t session;
    friend auto operator<=>(const Ready&, const Ready&) = default;
  };
  [[nodiscard]] std::uint64_t open_session();
  [[nodiscard]] RequestSpec turn_of(std::uint64_t label, Session& session, Instant when);
  void hash_prompt(std::uint64_t label, const Session& session, RequestSpec& spec);

  std::uint64_t seed_;
  SessionSpec spec_;
  Sampler prompt_law_, output_law_, turns_law_, think_law_;
  ArrivalProcess arrivals_;
  PrefixTable prefixes_;
  std::uint64_t left_;
  std::uint64_t opened_ = 0;
  Instant next_start_;
  std::map<std::uint64_t, Session> sessions_;  ///< by label: order plays no part
  std::priority_queue<Ready, std::vector<Ready>, std::greater<>> ready_;
  std::vector<std::uint64_t> hashes_;
};

/// W-LCG as an open loop.
class WLcgSource final : public RequestSource {
 public:
  WLcgSource(WLcg generator, std::uint64_t most) : generator_(generator), left_(most) { advance(); }
  Instant next_arrival() const override { return ahead_.arrival; }
  RequestSpec take() override;

 private:
  void advance();

  WLcg generator_;
  std::uint64_t left_;
  RequestSpec ahead_;
};

/// W-LCG's lengths, for a closed loop.
class WLcgLengths final : public LengthStream {
 public:
  explicit WLcgLengths(WLcg generator) : generator_(generator) {}
  bool next(RequestSpec& spec) override {
    const WLcg::Request request = generator_.next();
    spec.prompt = request.prompt;
    spec.output = request.output;
    return true;
  }

 private:
  WLcg generator_;
};

}  // namespace headroom
