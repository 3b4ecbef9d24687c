#include "sim/cli/ingest_source.h"

#include <algorithm>

namespace headroom {

void IngestSource::look_ahead() const {
  if (held_ || source_.next_arrival() == Instant::never()) return;
  ahead_ = source_.take();
  line_free_ = std::max(line_free_, ahead_.arrival) + gap_ + per_token_ * ahead_.prompt.value();
  ready_ = line_free_ + per_request_;
  held_ = true;
}

Instant IngestSource::next_arrival() const {
  if (!active()) return source_.next_arrival();
  look_ahead();
  return ready_;
}

RequestSpec IngestSource::take() {
  if (!active()) return source_.take();
  look_ahead();
  const RequestSpec taken = ahead_;
  held_ = false;
  ready_ = Instant::never();
  return taken;
}

}  // namespace headroom
