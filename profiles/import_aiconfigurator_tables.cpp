#include "profiles/import_aiconfigurator_tables.h"

#include <algorithm>
#include <vector>

#include "sim/check.h"

namespace headroom {
namespace {

using Field = std::int64_t KernelShape::*;

struct IntegerColumn {
  const char* name;
  Field field;
  bool optional = false;  ///< absent: 0
};

/// A time column: what it measures and in which unit.
struct TimeColumn {
  const char* name = "latency";
  double nanoseconds = 1e6;  ///< of one unit; most are milliseconds
  const char* op = "";       ///< other than the layout's
  const char* variant = "";  ///< appended
};

struct Layout {
  const char* table;
  const char* op;  ///< empty: the op_name column's, which names a collective
  std::vector<IntegerColumn> integers;
  const char* compute = "";             ///< column of the number format multiplied in
  const char* stored = "";              ///< of that in memory; empty: the first one's
  std::vector<const char*> variants{};  ///< text columns that make up the variant
  const char* prefix = "";              ///< of the variant
  void (*finish)(KernelShape&) = nullptr;
  std::vector<TimeColumn> times{TimeColumn{}};
  std::vector<const char*> ignored{};  ///< columns known to follow from others
};

using K = KernelShape;

// Where a row holds what no field is named for, these stand in until `finish`.
constexpr Field kTensor = &K::batch, kLength = &K::chunk, kStep = &K::cached;

void finish_decode(K& shape) {
  // One new token a sequence: isl is 1, its keys lie before it (in SGLang's tables isl holds all).
  shape.context = shape.chunk + shape.cached;
  shape.chunk = shape.cached = 0;
}
void finish_heads(K& shape) {
  if (shape.kv_heads == 0) shape.kv_heads = shape.heads;  // multi-head attention
}
void finish_decode_heads(K& shape) {
  finish_decode(shape);
  finish_heads(shape);
}
void finish_moe(K& shape) {
  const std::int64_t tensor = std::max<std::int64_t>(shape.batch, 1);
  if (shape.k % tensor != 0) shape.variant += ";tp=" + std::to_string(tensor);
  shape.k /= tensor;
  shape.batch = 0;
}
std::int64_t element_bytes(const std::string& format) {
  return format == "int8" || format == "fp8" ? 1 : format == "fp32" ? 4 : 2;
}
void finish_message(K& shape) {
  // Messages are counted in elements. Beyond 2^61 of them there is nothing to multiply.
  constexpr std::int64_t kMost = std::int64_t{1} << 60;
  shape.bytes = std::min(shape.bytes, kMost) * element_bytes(shape.stored);
}

const std::vector<IntegerColumn>& attention_columns() {
  static const std::vector<IntegerColumn> columns{{"batch_size", &K::batch},
                                                  {"isl", kLength},
                                                  {"step", kStep},
                                                  {"num_heads", &K::heads},
                                                  {"num_key_value_heads", &K::kv_heads},
                                                  {"head_dim", &K::head_dim},
                                                  {"window_size", &K::window, true}};
  return columns;
}

/// GEMMs, attention and quantisation.
void add_dense(std::vector<Layout>& all) {
  const std::vector<IntegerColumn> quantize{{"m", &K::m}, {"k", &K::k}};
  all.push_back({"gemm_perf", "gemm", {{"m", &K::m}, {"n", &K::n}, {"k", &K::k}}, "gemm_dtype"});
  all.push_back({"context_attention_perf",
                 "prefill_attention",
                 attention_columns(),
                 "attn_dtype",
                 "kv_cache_dtype",
                 {},
                 "",
                 finish_heads});
  all.push_back({"generation_attention_perf",
                 "decode_attention",
                 attention_columns(),
                 "attn_dtype",
                 "kv_cache_dtype",
                 {},
                 "",
                 finish_decode_heads});
  all.push_back({"encoder_attention_perf",
                 "encoder_attention",
                 {{"batch_size", &K::batch},
                  {"isl", kLength},
                  {"num_heads", &K::heads},
                  {"head_dim", &K::head_dim}},
                 "attn_dtype"});
  all.push_back(
      {"computescale_perf", "quantize", quantize, "quant_dtype", "", {}, "compute_scale"});
  all.push_back({"scale_matrix_perf", "quantize", quantize, "quant_dtype", "", {}, "scale_matrix"});
}

/// Routed experts and the exchange of their tokens.
void add_experts(std::vector<Layout>& all) {
  const std::vector<IntegerColumn> moe{{"num_tokens", &K::m},        {"hidden_size", &K::n},
                                       {"inter_size", &K::k},        {"topk", &K::topk},
                                       {"num_experts", &K::experts}, {"moe_tp_size", kTensor},
                                       {"moe_ep_size", &K::ranks}};
  const std::vector<IntegerColumn> deepep{{"num_token", &K::m},
                                          {"hidden_size", &K::n},
                                          {"num_topk", &K::topk},
                                          {"num_experts", &K::experts},
                                          {"node_num", &K::ranks}};
  std::vector<IntegerColumn> deepep_sms = deepep;
  // Both directions use as many multiprocessors; the number tells rows apart.
  deepep_sms.push_back({"dispatch_sms", &K::k});
  all.push_back({"moe_perf", "moe", moe, "moe_dtype", "", {"distribution"}, "", finish_moe});
  all.push_back({"wideep_context_moe_perf",
                 "moe",
                 moe,
                 "moe_dtype",
                 "",
                 {"distribution"},
                 "wideep_prefill:",
                 finish_moe});
  all.push_back({"wideep_generation_moe_perf",
                 "moe",
                 moe,
                 "moe_dtype",
                 "",
                 {"distribution"},
                 "wideep_decode:",
                 finish_moe});
  all.push_back(
      {"wideep_deepep_ll_perf",
       "moe_dispatch",
       deepep,
       "",
       "",
       {},
       "deepep_ll",
       nullptr,
       {{"dispatch_avg_t_us", 1e3, "moe_dispatch"}, {"combine_avg_t_us", 1e3, "moe_combine"}},
       {"dispatch_bandwidth_gbps", "combine_bandwidth_gbps"}});
  all.push_back({"wideep_deepep_normal_perf",
                 "moe_dispatch",
                 deepep_sms,
                 "",
                 "",
                 {},
                 "deepep_normal",
                 nullptr,
                 {{"dispatch_transmit_us", 1e3, "moe_dispatch", ":transmit"},
                  {"dispatch_notify_us", 1e3, "moe_dispatch", ":notify"},
                  {"combine_transmit_us", 1e3, "moe_combine", ":transmit"},
                  {"combine_notify_us", 1e3, "moe_combine", ":notify"}},
                 {"combine_sms"}});
}

/// Multi-head latent attention, its kernels and whole modules.
void add_latent(std::vector<Layout>& all) {
  const std::vector<IntegerColumn> mla{{"batch_size", &K::batch},
                                       {"isl", kLength},
                                       {"step", kStep},
                                       {"num_heads", &K::heads},
                                       {"tp_size", &K::ranks}};
  const std::vector<const char*> module_text{"model", "gemm_type"};
  all.push_back({"context_mla_perf", "mla_prefill", mla, "mla_dtype", "kv_cache_dtype"});
  all.push_back({"generation_mla_perf",
                 "mla_decode",
                 mla,
                 "mla_dtype",
                 "kv_cache_dtype",
                 {},
                 "",
                 finish_decode});
  all.push_back({"wideep_context_mla_perf",
                 "mla_prefill_module",
                 mla,
                 "mla_dtype",
                 "kv_cache_dtype",
                 {"kernel_source"},
                 "wideep:"});
  all.push_back({"wideep_generation_mla_perf",
                 "mla_decode_module",
                 mla,
                 "mla_dtype",
                 "kv_cache_dtype",
                 {"kernel_source"},
                 "wideep:",
                 finish_decode});
  all.push_back({"mla_context_module_perf", "mla_prefill_module", mla, "mla_dtype",
                 "kv_cache_dtype", module_text});
  all.push_back({"mla_generation_module_perf", "mla_decode_module", mla, "mla_dtype",
                 "kv_cache_dtype", module_text, "", finish_decode});
  all.push_back({"mla_bmm_perf",
                 "mla_bmm",
                 {{"num_tokens", &K::m}, {"num_heads", &K::heads}},
                 "bmm_dtype",
                 "",
                 {"op_name"}});
}

/// Collectives.
void add_messages(std::vector<Layout>& all) {
  const std::vector<IntegerColumn> message{{"message_size", &K::bytes}, {"num_gpus", &K::ranks}};
  all.push_back({"custom_allreduce_perf",
                 "all_reduce",
                 message,
                 "allreduce_dtype",
                 "",
                 {"backend", "implementation"},
                 "",
                 finish_message});
  all.push_back({"nccl_perf", "", message, "nccl_dtype", "", {}, "", finish_message});
  all.push_back({"oneccl_perf", "", message, "oneccl_dtype", "", {}, "", finish_message});
}

std::vector<Layout> make_layouts() {
  std::vector<Layout> all;
  add_dense(all);
  add_experts(all);
  add_latent(all);
  add_messages(all);
  return all;
}

const Layout* layout_of(const std::string& table) {
  static const std::vector<Layout> layouts = make_layouts();
  for (const Layout& layout : layouts)
    if (table == layout.table) return &layout;
  return nullptr;
}

/// Columns that every table may have: constant texts, the beam width of 1 and measured power.
constexpr const char* kCommon[] = {"framework", "version",       "device",
                                   "op_name",   "kernel_source", "beam_width",
                                   "power",     "power_limit",   "architecture"};

void refuse_unknown(const Layout& layout, const ParquetTable& from) {
  for (const ParquetColumn& column : from.columns()) {
    const auto is = [&](const char* name) { return column.name == name; };
    bool known = std::any_of(std::begin(kCommon), std::end(kCommon), is) || is(layout.compute) ||
                 is(layout.stored);
    for (const IntegerColumn& one : layout.integers) known = known || is(one.name);
    for (const char* one : layout.variants) known = known || is(one);
    for (const char* one : layout.ignored) known = known || is(one);
    for (const TimeColumn& one : layout.times) known = known || is(one.name);
    if (!known)
      throw InputError(from.where(),
                       "expected the columns of " + std::string(layout.table) +
                           ", got the unknown column '" + column.name.substr(0, 60) +
                           "', which may tell rows apart; a newer headroom may know it");
  }
  if (from.has("beam_width"))
    for (const std::int64_t width : from.integers("beam_width"))
      if (width != 1)
        throw InputError(from.where(), "expected a beam width of 1, got " + std::to_string(width) +
                                           "; drop such rows");
}

/// A text column's words, each turned into what a shape holds.
std::string variant_word(const std::string& column, const std::string& word) {
  if (column == "backend") {
    if (word.ends_with("_graph")) return "cuda_graph";
    if (word.ends_with("_eager")) return "eager";
  }
  if (column == "implementation") return "";  // one each, as the backend says
  if (column == "op_name") return word.starts_with("mla_gen_") ? word.substr(8) : word;
  return word;
}

class RowReader {
 public:
  RowReader(const Layout& layout, const ParquetTable& from) : layout_(layout), from_(from) {
    for (const IntegerColumn& column : layout.integers)
      if (!column.optional || from.has(column.name))
        integers_.push_back({from.integers(column.name), column.field});
    if (*layout.compute != '\0') {
      compute_ = read_formats(layout.compute);
      stored_ = *layout.stored != '\0' ? read_formats(layout.stored) : compute_;
    }
    if (*layout.op == '\0') op_ = read_ops();
    for (const char* name : layout.variants) {
      if (!from.has(name) && *layout.op != '\0' && std::string_view(layout.op) == "all_reduce")
        continue;  // TensorRT-LLM's tables call it otherwise, the oldest not at all
      const ParquetColumn& column = from.texts(name);
      Words words{column.codes, {}};
      for (const std::string& word : column.words) words.texts.push_back(variant_word(name, word));
      variants_.push_back(std::move(words));
    }
    for (const TimeColumn& column : layout.times) times_.push_back(from.reals(column.name));
  }

  void read(ImportTable& to) const {
    KernelShape shape;  // one for all rows: its texts keep their memory
    for (std::size_t row = 0; row < from_.rows(); ++row) {
      read_shape(row, shape);
      const std::size_t length = shape.variant.size();
      for (std::size_t i = 0; i < times_.size(); ++i) {
        const TimeColumn& column = layout_.times[i];
        if (*column.op != '\0') shape.op = column.op;
        shape.variant.resize(length);
        shape.variant += column.variant;
        KernelTimes times;
        times.median_ns = times.mean_ns = times_[i][row] * column.nanoseconds;
        add_row(to, shape, times, from_.where(), row + 1);
      }
    }
  }

 private:
  struct Integers {
    std::span<const std::int64_t> values;
    Field field;
  };
  struct Words {
    std::span<const std::uint32_t> codes;
    std::vector<std::string> texts{};
    [[nodiscard]] const std::string& at(std::size_t row) const { return texts[codes[row]]; }
  };
  struct Formats {
    std::span<const std::uint32_t> codes{};
    std::vector<NumberFormats> formats{};
  };

  [[nodiscard]] Formats read_formats(const char* name) const {
    const ParquetColumn& column = from_.texts(name);
    Formats formats{column.codes, {}};
    for (const std::string& word : column.words)
      formats.formats.push_back(word.empty() ? NumberFormats()
                                             : number_formats(word, from_.where() + ": " + name));
    return formats;
  }

  [[nodiscard]] Words read_ops() const {
    const ParquetColumn& column = from_.texts("op_name");
    Words words{column.codes, {}};
    for (const std::string& word : column.words) {
      if (!word.empty() && word != "all_reduce" && word != "all_gather" &&
          word != "reduce_scatter" && word != "alltoall")
        throw InputError(from_.where(),
                         "expected the collectives all_reduce, all_gather, "
                         "reduce_scatter and alltoall, got '" +
                             word.substr(0, 60) + "'; drop its rows");
      words.texts.push_back(word == "alltoall" ? "all_to_all" : word);
    }
    return words;
  }

  /// Columns that `finish` uses otherwise are set for each row anew.
  void read_shape(std::size_t row, KernelShape& shape) const {
    shape.op = *layout_.op != '\0' ? layout_.op : op_.at(row);
    for (const Integers& column : integers_) {
      shape.*column.field = column.values[row];
      if (column.values[row] < 0)
        throw InputError(from_.where() + ": row " + std::to_string(row + 1),
                         "expected sizes of zero or more, got " +
                             std::to_string(column.values[row]) + "; the file is damaged");
    }
    if (!compute_.formats.empty()) {
      shape.compute = compute_.formats[compute_.codes[row]].compute;
      shape.stored = stored_.formats[stored_.codes[row]].stored;
    }
    shape.variant = layout_.prefix;
    for (std::size_t i = 0; i < variants_.size(); ++i) {
      const std::string& word = variants_[i].at(row);
      shape.variant += (i > 0 && !word.empty() ? ";" : "") + word;
    }
    if (layout_.finish != nullptr) layout_.finish(shape);
  }

  const Layout& layout_;
  const ParquetTable& from_;
  std::vector<Integers> integers_{};
  Formats compute_{}, stored_{};
  Words op_{};
  std::vector<Words> variants_{};
  std::vector<std::span<const double>> times_{};
};

}  // namespace

bool has_aiconfigurator_layout(const std::string& table) { return layout_of(table) != nullptr; }

void read_aiconfigurator_rows(const std::string& table, const ParquetTable& from, ImportTable& to) {
  const Layout* layout = layout_of(table);
  SIM_CHECK(layout != nullptr, "only tables with a layout are read");
  refuse_unknown(*layout, from);
  RowReader(*layout, from).read(to);
}

}  // namespace headroom
