// Vidur's tables: compute/<device>/<model>/mlp.csv and network/<node>/{all_reduce,send_recv}.csv,
// times in milliseconds, fp16, message sizes in bytes (its 8-GPU H100 rows reach 365 GB/s of bus
// bandwidth read so, and would exceed the links read as elements). Commit 7d47513.
#include <array>

#include "profiles/import_csv.h"
#include "profiles/import_rows.h"
#include "sim/check.h"

namespace headroom {
namespace {

constexpr std::int64_t kElement = 2;  // bytes of fp16
constexpr double kMillisecond = 1e6;  // nanoseconds

KernelTimes times_of(const NumberTable& from, const std::string& name, std::size_t row) {
  const std::string column = "time_stats." + name;
  KernelTimes times;
  times.median_ns = from.real(column + ".median", row) * kMillisecond;
  times.mean_ns = from.real(column + ".mean", row) * kMillisecond;
  times.min_ns = from.real(column + ".min", row) * kMillisecond;
  times.stddev_ns = from.real(column + ".std", row) * kMillisecond;
  return times;
}

/// The model's sizes on one GPU, as a row states them.
struct Sizes {
  std::int64_t tokens, hidden, heads, kv_heads, head_dim, ffn, gates;
};

Sizes sizes_of(const NumberTable& from, std::size_t row) {
  const std::int64_t tensor = from.integer("num_tensor_parallel_workers", row);
  const std::int64_t heads = from.integer("n_head", row);
  const std::int64_t kv_heads = from.integer("n_kv_head", row);
  if (tensor < 1 || heads < 1 || kv_heads < 1)
    throw InputError(from.place(row), "expected heads and workers of 1 or more, got 0; correct it");
  Sizes sizes{};
  sizes.tokens = from.integer("num_tokens", row);
  sizes.hidden = from.integer("n_embd", row);
  sizes.head_dim = sizes.hidden / heads;
  sizes.heads = heads / tensor;
  sizes.kv_heads = (kv_heads + tensor - 1) / tensor;  // repeated beyond one head a GPU
  sizes.ffn = from.integer("n_expanded_embd", row) / tensor;
  sizes.gates = from.text("use_gated_mlp", row) == "True" ? 2 : 1;
  return sizes;
}

KernelShape gemm(std::int64_t m, std::int64_t n, std::int64_t k) {
  KernelShape shape;
  shape.op = "gemm";
  shape.compute = shape.stored = "fp16";
  shape.m = m;
  shape.n = n;
  shape.k = k;
  return shape;
}

KernelShape elementwise(const std::string& what, std::int64_t elements) {
  KernelShape shape;
  shape.op = "elementwise";
  shape.compute = shape.stored = "fp16";
  shape.bytes = elements * kElement;
  shape.variant = what;
  return shape;
}

void read_mlp(const NumberTable& from, ImportTable& to) {
  for (std::size_t row = 0; row < from.rows(); ++row) {
    const Sizes s = sizes_of(from, row);
    const std::int64_t queries = s.heads * s.head_dim, keys = s.kv_heads * s.head_dim;
    // Element-wise kernels read and write each token's vectors once.
    const std::array<std::pair<const char*, KernelShape>, 10> all{{
        {"emb", elementwise("embedding", 2 * s.tokens * s.hidden)},
        {"input_layernorm", elementwise("norm", 2 * s.tokens * s.hidden)},
        {"attn_pre_proj", gemm(s.tokens, queries + 2 * keys, s.hidden)},
        {"attn_rope", elementwise("rope", 2 * s.tokens * (queries + keys))},
        {"attn_post_proj", gemm(s.tokens, s.hidden, queries)},
        {"post_attention_layernorm", elementwise("norm", 2 * s.tokens * s.hidden)},
        {"mlp_up_proj", gemm(s.tokens, s.gates * s.ffn, s.hidden)},
        {"mlp_act", elementwise("activation", (s.gates + 1) * s.tokens * s.ffn)},
        {"mlp_down_proj", gemm(s.tokens, s.hidden, s.ffn)},
        {"add", elementwise("add", 3 * s.tokens * s.hidden)},
    }};
    for (const auto& [name, shape] : all)
      add_row(to, shape, times_of(from, name, row), from.where(), row + 1);
  }
}

void read_collective(const NumberTable& from, const std::string& table, ImportTable& to) {
  for (std::size_t row = 0; row < from.rows(); ++row) {
    if (from.text("collective", row) != table)
      throw InputError(from.place(row), "expected the collective " + table +
                                            ", got another; the file is of another kind");
    KernelShape shape;
    shape.op = table == "send_recv" ? "p2p" : table;
    shape.compute = shape.stored = "fp16";
    shape.bytes = from.integer("size", row);
    shape.ranks = from.integer("num_workers", row);
    const std::int64_t a_node = from.integer("devices_per_node", row);
    if (a_node < 1)
      throw InputError(from.place(row),
                       "expected devices_per_node of 1 or more, got 0; correct it");
    if (const std::int64_t nodes = (shape.ranks + a_node - 1) / a_node; nodes > 1)
      shape.variant = "nodes=" + std::to_string(nodes);
    add_row(to, shape, times_of(from, table, row), from.where(), row + 1);
  }
}

}  // namespace

std::vector<ImportSource> vidur_sources(const std::vector<std::string>& files,
                                        const ImportOptions& options) {
  std::vector<ImportSource> sources;
  for (const std::string& file : files) {
    const std::vector<std::string> parts = parts_from_end(file);
    const bool mlp = parts[0] == "mlp.csv" && parts.size() >= 4;
    const bool network =
        (parts[0] == "all_reduce.csv" || parts[0] == "send_recv.csv") && parts.size() >= 2;
    if (!mlp && !network) continue;
    ImportSource source;
    source.path = file;
    source.table = parts[0].substr(0, parts[0].size() - 4);
    // <device>/<organisation>/<model>/mlp.csv; "a100_dgx", "a100_pairwise_nvlink": device_topology.
    const std::string device = mlp ? parts[3] : parts[1].substr(0, parts[1].find('_'));
    ProfileRun& run = source.run;
    run.device = options.device.empty() ? device_name(device) : options.device;
    run.library = mlp ? "Vidur (PyTorch)" : "NCCL";
    run.library_version =
        mlp ? parts[1] : parts[1].substr(std::min(parts[1].size(), device.size()));
    run.tool = "Vidur profiler";
    run.date = options.date;
    run.licence = options.licence.empty() ? "MIT" : options.licence;
    run.source = options.origin.empty() ? "" : options.origin + " ";
    run.source += mlp ? parts[3] + "/" + parts[2] + "/" + parts[1] + "/" + parts[0]
                      : parts[1] + "/" + parts[0];
    if (network) run.notes = "topology " + parts[1];
    sources.push_back(std::move(source));
  }
  return sources;
}

ImportTable read_vidur(const ImportSource& source, const std::vector<std::uint8_t>& bytes) {
  const NumberTable from(bytes, source.path);
  ImportTable table;
  table.run = source.run;
  if (source.table == "mlp")
    read_mlp(from, table);
  else
    read_collective(from, source.table, table);
  return table;
}

}  // namespace headroom
