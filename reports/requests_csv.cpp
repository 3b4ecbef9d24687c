#include "reports/requests_csv.h"

#include <fmt/format.h>

#include <iterator>
#include <utility>

#include "reports/number_text.h"

namespace headroom {

const char* const kRequestsCsvHeader =
    "id,status,reject_reason,replica,class,session,turn,prompt_tokens,output_tokens,arrival_s,"
    "first_scheduled_s,first_token_s,finish_s,ttft_ms,tpot_ms,end_to_end_ms,queue_ms,prefill_ms,"
    "preempted_ms,transfer_ms,decode_ms,stalled_ms,preemptions";

namespace {

constexpr int kSecondDecimals = 9;
constexpr int kMillisecondDecimals = 6;

std::string s_text(Instant t) { return exact_decimal(t.ns(), kSecondDecimals); }
std::string ms_text(Duration d) { return exact_decimal(d.value(), kMillisecondDecimals); }

}  // namespace

RequestsCsv::RequestsCsv(std::string path) : file_(std::move(path)) {
  file_.write(kRequestsCsvHeader);
  file_.write("\n");
}

void RequestsCsv::on_finished(const FinishedRequest& r) {
  line_.clear();
  const auto out = std::back_inserter(line_);
  fmt::format_to(out, "{},finished,,{},{},{},{},{},{},", r.id.index(), r.replica.index(),
                 r.class_index, r.session, r.turn, r.prompt.value(), r.output.value());
  fmt::format_to(out, "{},{},{},{},", s_text(r.arrival), s_text(r.first_scheduled),
                 s_text(r.first_token), s_text(r.finish));
  fmt::format_to(out, "{},{},{},", ms_text(r.ttft()),
                 r.output.value() > 1 ? ms_text(r.tpot()) : std::string(), ms_text(r.end_to_end()));
  fmt::format_to(out, "{},{},{},{},{},{},{}\n", ms_text(r.queued), ms_text(r.prefill),
                 ms_text(r.preempted), ms_text(r.transfer), ms_text(r.decode), ms_text(r.stalled),
                 r.preemptions);
  file_.write(line_);
}

void RequestsCsv::on_rejected(const RejectedRequest& r) {
  line_.clear();
  fmt::format_to(std::back_inserter(line_), "{},rejected,{},,{},,,{},{},{},,,{},,,,,,,,,,\n",
                 r.id.index(), to_string(r.reason), r.class_index, r.prompt.value(),
                 r.output.value(), s_text(r.arrival), s_text(r.when));
  file_.write(line_);
}

void RequestsCsv::commit() { file_.commit(); }

}  // namespace headroom
