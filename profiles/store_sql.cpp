#include "profiles/store_sql.h"

namespace headroom {

// STRICT refuses texts in number columns; a NaN bound to SQLite becomes NULL, which NOT NULL
// refuses; the upper bounds refuse infinities.
const char* const kRunSchema = R"sql(
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  device TEXT NOT NULL CHECK (device <> ''),
  device_title TEXT NOT NULL,
  driver TEXT NOT NULL,
  library TEXT NOT NULL,
  library_version TEXT NOT NULL,
  tool TEXT NOT NULL CHECK (tool <> ''),
  tool_version TEXT NOT NULL,
  date TEXT NOT NULL,
  source TEXT NOT NULL CHECK (source <> ''),
  licence TEXT NOT NULL,
  plan_hash TEXT NOT NULL,
  sm_clock_mhz REAL NOT NULL CHECK (sm_clock_mhz >= 0 AND sm_clock_mhz < 1e6),
  memory_clock_mhz REAL NOT NULL CHECK (memory_clock_mhz >= 0 AND memory_clock_mhz < 1e6),
  power_limit_watts REAL NOT NULL CHECK (power_limit_watts >= 0 AND power_limit_watts < 1e6),
  repeats INTEGER NOT NULL CHECK (repeats >= 0),
  file_digest TEXT NOT NULL,
  notes TEXT NOT NULL
) STRICT;
CREATE INDEX runs_by_device ON runs (device);
CREATE UNIQUE INDEX runs_by_file ON runs (file_digest, device, library, library_version)
  WHERE file_digest <> '';
)sql";
const char* const kKernelSchema = R"sql(
-- What kernels that differ only in their sizes have in common.
CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL REFERENCES runs (id),
  op TEXT NOT NULL CHECK (op IN ('gemm', 'moe', 'decode_attention', 'prefill_attention',
    'mixed_attention', 'encoder_attention', 'mla_prefill', 'mla_decode', 'mla_prefill_module',
    'mla_decode_module', 'mla_bmm', 'moe_dispatch', 'moe_combine', 'quantize', 'elementwise',
    'layer', 'all_reduce', 'all_gather', 'reduce_scatter', 'all_to_all', 'p2p', 'pair')),
  compute TEXT NOT NULL, stored TEXT NOT NULL,
  n INTEGER NOT NULL CHECK (n >= 0), k INTEGER NOT NULL CHECK (k >= 0),
  heads INTEGER NOT NULL CHECK (heads >= 0), kv_heads INTEGER NOT NULL CHECK (kv_heads >= 0),
  head_dim INTEGER NOT NULL CHECK (head_dim >= 0), "window" INTEGER NOT NULL CHECK ("window" >= 0),
  experts INTEGER NOT NULL CHECK (experts >= 0), topk INTEGER NOT NULL CHECK (topk >= 0),
  ranks INTEGER NOT NULL CHECK (ranks >= 0),
  variant TEXT NOT NULL,
  UNIQUE (run, op, compute, stored, n, k, heads, kv_heads, head_dim, "window", experts, topk,
    ranks, variant)
) STRICT;
-- A foreign key would look up the series for each of millions of rows; the view joins them.
CREATE TABLE times (
  series INTEGER NOT NULL,
  m INTEGER NOT NULL CHECK (m >= 0), batch INTEGER NOT NULL CHECK (batch >= 0),
  chunk INTEGER NOT NULL CHECK (chunk >= 0), cached INTEGER NOT NULL CHECK (cached >= 0),
  context INTEGER NOT NULL CHECK (context >= 0), bytes INTEGER NOT NULL CHECK (bytes >= 0),
  big_batch INTEGER NOT NULL CHECK (big_batch >= 0),
  big_context INTEGER NOT NULL CHECK (big_context >= 0),
  median_ns REAL NOT NULL CHECK (median_ns > 0.0 AND median_ns < 1e15),
  min_ns REAL NOT NULL CHECK (min_ns >= 0.0 AND min_ns < 1e15),
  mean_ns REAL NOT NULL CHECK (mean_ns >= 0.0 AND mean_ns < 1e15),
  p90_ns REAL NOT NULL CHECK (p90_ns >= 0.0 AND p90_ns < 1e15),
  stddev_ns REAL NOT NULL CHECK (stddev_ns >= 0.0 AND stddev_ns < 1e15),
  PRIMARY KEY (series, m, batch, chunk, cached, context, bytes, big_batch, big_context)
) STRICT, WITHOUT ROWID;
CREATE VIEW kernels AS SELECT run, op, compute, stored, m, n, k, batch, heads, kv_heads, head_dim,
  chunk, cached, context, big_batch, big_context, "window", experts, topk, bytes, ranks, variant,
  median_ns, min_ns, mean_ns, p90_ns, stddev_ns
  FROM series CROSS JOIN times ON times.series = series.id;
)sql";

const char* const kRunColumns =
    "device, device_title, driver, library, library_version, tool, tool_version, date, source, "
    "licence, plan_hash, sm_clock_mhz, memory_clock_mhz, power_limit_watts, repeats, "
    "file_digest, notes";
const char* const kSeriesColumns =
    "op, compute, stored, n, k, heads, kv_heads, head_dim, \"window\", experts, topk, ranks, "
    "variant";
const char* const kSizeColumns = "m, batch, chunk, cached, context, bytes, big_batch, big_context";
const char* const kTimeColumns = "median_ns, min_ns, mean_ns, p90_ns, stddev_ns";

std::string upgrade_from_1() {
  const std::string series = std::string("run, ") + kSeriesColumns;
  return "INSERT INTO series (" + series + ") SELECT DISTINCT " + series +
         " FROM kernels_1; "
         "INSERT INTO times SELECT s.id, m, batch, chunk, cached, context, bytes, 0, 0, " +
         kTimeColumns + " FROM kernels_1 JOIN series AS s USING (" + series +
         ") ORDER BY s.id; DROP TABLE kernels_1";
}

std::string kernel_query(std::int64_t schema, OfOp which) {
  const std::string series = kSeriesColumns;
  // The first schema knew of no batches of unequal contexts.
  const std::string sizes = schema == 1 ? "m, batch, chunk, cached, context, bytes" : kSizeColumns;
  return "SELECT " + series + ", " + sizes + (schema == 1 ? ", 0, 0, " : ", ") + kTimeColumns +
         " FROM kernels WHERE run = ?" + (which == OfOp::all ? "" : " AND op = ?") +
         (which == OfOp::one_skewed ? " AND big_batch > 0" : "") + " ORDER BY run, " + series +
         ", " + sizes;
}

void bind_series(Statement& to, const KernelShape& shape) {
  to.text(shape.op).text(shape.compute).text(shape.stored);
  for (const auto field : kSeriesNumbers) to.integer(shape.*field);
  to.text(shape.variant);
}

KernelRow read_kernel(Statement& from) {
  KernelRow row;
  KernelShape& shape = row.shape;
  shape.op = from.next_text();
  shape.compute = from.next_text();
  shape.stored = from.next_text();
  for (const auto field : kSeriesNumbers) shape.*field = from.next_integer();
  shape.variant = from.next_text();
  for (const auto field : kSizeNumbers) shape.*field = from.next_integer();
  KernelTimes& times = row.times;
  for (double* value :
       {&times.median_ns, &times.min_ns, &times.mean_ns, &times.p90_ns, &times.stddev_ns})
    *value = from.next_real();
  return row;
}

ProfileRun read_run(Statement& from) {
  ProfileRun run;
  for (std::string* value :
       {&run.device, &run.device_title, &run.driver, &run.library, &run.library_version, &run.tool,
        &run.tool_version, &run.date, &run.source, &run.licence, &run.plan_hash})
    *value = from.next_text();
  for (double* value : {&run.sm_clock_mhz, &run.memory_clock_mhz, &run.power_limit_watts})
    *value = from.next_real();
  run.repeats = from.next_integer();
  run.file_digest = from.next_text();
  run.notes = from.next_text();
  return run;
}

}  // namespace headroom
