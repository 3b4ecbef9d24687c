// The front end of a serving engine before a request reaches its scheduler: HTTP, tokeniser, queues
// between processes.
//
// Each request and each of its prompt tokens takes its time in one line, first come, first served;
// then each request is under way for a constant time. Law: requests keep their arrival, so that
// TTFT holds the front end; they reach the scheduler in order of arrival (of a closed loop with
// think times: of announcement). Cost: O(1) a request.
#pragma once

#include "models/engine.h"
#include "sim/request_source.h"

namespace headroom {

class IngestSource final : public RequestSource {
 public:
  /// `source` outlives this.
  IngestSource(RequestSource& source, const EngineDescription& engine)
      : source_(source),
        per_request_(engine.ingest_per_request),
        per_token_(engine.ingest_per_token),
        gap_(engine.ingest_gap) {}
  [[nodiscard]] Instant next_arrival() const override;
  [[nodiscard]] RequestSpec take() override;
  void on_left(const RequestSpec& request, Instant when) override {
    source_.on_left(request, when);
  }

 private:
  [[nodiscard]] bool active() const {
    return per_request_ > Duration(0) || per_token_ > Duration(0) || gap_ > Duration(0);
  }
  /// Looks one request ahead, not before the last one's spans are done with.
  void look_ahead() const;

  RequestSource& source_;
  Duration per_request_, per_token_, gap_;
  mutable Instant line_free_;  ///< when the tokeniser has done all before
  mutable Instant ready_ = Instant::never();
  mutable RequestSpec ahead_;
  mutable bool held_ = false;
};

}  // namespace headroom
