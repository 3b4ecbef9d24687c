// The profile store: measured kernel times in one SQLite file, each with its run, each run with its
// origin.
//
// Law: a row that violates the schema (NaN, negative time, unknown run, duplicate key) is refused
// and nothing of its transaction remains; a killed writer leaves the last committed state. The
// digest depends on contents only, not on insertion order, rowids or the file's layout. A store of
// an older schema is read as it is and brought up to date by its first writer. Cost: a kernel in a
// series' order takes about a microsecond to insert; reading a run's kernels is one indexed scan.
// Not here: importers and microbenchmarks that fill it, what a time means for a shape nobody
// measured (models/table_cost.h).
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace headroom {

/// Under what circumstances a batch of kernels was measured.
struct ProfileRun {
  std::string device;        ///< catalogue name, "h100-sxm"
  std::string device_title;  ///< as the driver names it
  std::string driver;        ///< version; empty: unknown, here and below
  std::string library;       ///< "cuBLAS", "vLLM", ...
  std::string library_version;
  std::string tool;  ///< what measured or imported
  std::string tool_version;
  std::string date;    ///< "2025-06-01"
  std::string source;  ///< where the rows come from: a URL, a commit, "measured here"
  std::string licence;
  std::string plan_hash;    ///< of the list of cases that was to be measured
  double sm_clock_mhz = 0;  ///< 0: unknown, here and below
  double memory_clock_mhz = 0;
  double power_limit_watts = 0;
  std::int64_t repeats = 0;  ///< timed repetitions of each kernel
  /// Of the imported file, empty where measured here. A file is imported once for each device,
  /// library and version.
  std::string file_digest;
  std::string notes;  ///< what a reader of its numbers must know
};

struct StoredRun {
  std::int64_t id = 0;
  std::int64_t kernels = 0;
  ProfileRun run{};
};

/// One kernel's shape. Columns that do not apply stay 0 (empty for texts).
struct KernelShape {
  /// gemm | moe | decode_attention | prefill_attention | mixed_attention | encoder_attention |
  /// mla_prefill | mla_decode | mla_prefill_module | mla_decode_module | mla_bmm | moe_dispatch |
  /// moe_combine | quantize | elementwise | layer | all_reduce | all_gather | reduce_scatter |
  /// all_to_all | p2p | pair; profiles/README.md says which columns each uses
  std::string op{};
  std::string compute{};             ///< number format multiplied in: "bf16", "fp8", ...
  std::string stored{};              ///< format of weights, KV or message
  std::int64_t m = 0, n = 0, k = 0;  ///< GEMM; moe: tokens, hidden, expert width on this GPU
  std::int64_t batch = 0;            ///< attention: sequences
  std::int64_t heads = 0, kv_heads = 0, head_dim = 0;  ///< on this GPU
  std::int64_t chunk = 0;                              ///< prefill attention: new tokens a sequence
  std::int64_t cached = 0;                             ///< prefill attention: tokens before them
  std::int64_t context = 0;  ///< decode attention: keys a sequence, the new one included
  /// Decode batch of unequal contexts: how many of its sequences have `big_context` keys, the
  /// others the fewer that make `context` the mean; 0: all alike.
  std::int64_t big_batch = 0, big_context = 0;
  std::int64_t window = 0;             ///< sliding window, 0: full
  std::int64_t experts = 0, topk = 0;  ///< moe: all routed experts; chosen for a token
  std::int64_t bytes = 0;  ///< collectives: message on one GPU; elementwise: bytes moved
  std::int64_t ranks = 0;  ///< collectives; moe: GPUs that share the experts; layer: tensor degree
  /// "hot" or "cold" caches, "balanced", an algorithm; part of the key. A file's second row of one
  /// shape ends in "#2", its third in "#3".
  std::string variant{};
  friend bool operator==(const KernelShape&, const KernelShape&) = default;
  /// Series by series, within one size by size.
  friend std::strong_ordering operator<=>(const KernelShape& a, const KernelShape& b);
};

/// What a series of shapes has in common, beside its texts.
constexpr std::array<std::int64_t KernelShape::*, 9> kSeriesNumbers{
    &KernelShape::n,        &KernelShape::k,        &KernelShape::heads,
    &KernelShape::kv_heads, &KernelShape::head_dim, &KernelShape::window,
    &KernelShape::experts,  &KernelShape::topk,     &KernelShape::ranks};
/// What varies within a series.
constexpr std::array<std::int64_t KernelShape::*, 8> kSizeNumbers{
    &KernelShape::m,       &KernelShape::batch, &KernelShape::chunk,     &KernelShape::cached,
    &KernelShape::context, &KernelShape::bytes, &KernelShape::big_batch, &KernelShape::big_context};
/// Order of what two shapes' series have in common; equal: of one series.
[[nodiscard]] std::strong_ordering compare_series(const KernelShape& a, const KernelShape& b);

/// Times of one launch in nanoseconds.
struct KernelTimes {
  double median_ns = 0;                                       ///< > 0; what cost models use
  double min_ns = 0, mean_ns = 0, p90_ns = 0, stddev_ns = 0;  ///< 0: unknown
};

struct KernelRow {
  KernelShape shape;
  KernelTimes times;
};

/// A row of a series.
struct KernelPoint {
  std::array<std::int64_t, kSizeNumbers.size()> sizes{};  ///< in the order of kSizeNumbers
  KernelTimes times{};
};

class ProfileStore {
 public:
  enum class Mode : std::uint8_t { read_only, read_write };

  /// Opens a store; in read_write mode creates it when absent. Throws InputError in one line:
  /// missing, a directory, not a database, a database of something else, truncated, a newer schema.
  ProfileStore(const std::string& path, Mode mode);
  ~ProfileStore();
  ProfileStore(ProfileStore&&) noexcept;
  ProfileStore& operator=(ProfileStore&&) noexcept;

  /// Everything between construction and `commit` becomes visible at once; destruction without
  /// commit undoes it.
  class Transaction {
   public:
    explicit Transaction(ProfileStore& store);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit();

   private:
    ProfileStore* store_;
  };

  /// Returns the run's id. Throws InputError naming the field that the schema refuses.
  std::int64_t insert_run(const ProfileRun& run);
  /// Throws InputError: NaN, infinite, zero or negative time, negative shape, unknown op, unknown
  /// run, same shape twice in one run.
  void insert_kernel(std::int64_t run, const KernelRow& row);
  /// Many rows that differ in sizes only; the same errors. Fastest in rising order of sizes.
  void insert_series(std::int64_t run, const KernelShape& series,
                     const std::vector<KernelPoint>& points);

  /// Devices with at least one kernel, sorted.
  [[nodiscard]] std::vector<std::string> devices() const;
  /// All runs of a device, oldest id first.
  [[nodiscard]] std::vector<ProfileRun> runs(const std::string& device) const;
  /// Kernels of a device and op, sorted by shape; of a shape measured by several runs the latest
  /// run's row.
  [[nodiscard]] std::vector<KernelRow> kernels(const std::string& device,
                                               const std::string& op) const;
  /// The same, of the runs that `wanted` accepts.
  [[nodiscard]] std::vector<KernelRow> kernels(
      const std::string& device, const std::string& op,
      const std::function<bool(const ProfileRun&)>& wanted) const;
  /// Of these the batches of unequal contexts alone.
  [[nodiscard]] std::vector<KernelRow> skewed_kernels(
      const std::string& device, const std::string& op,
      const std::function<bool(const ProfileRun&)>& wanted) const;
  /// All runs, oldest first. Counts each run's kernels: one scan of the key.
  [[nodiscard]] std::vector<StoredRun> stored_runs() const;
  /// Whether the run's file was imported for its device, library and version.
  [[nodiscard]] bool has_file(const ProfileRun& run) const;
  /// Calls `visit` for each kernel of a run in the order of shapes; an empty op: of all ops.
  void each_kernel(std::int64_t run, const std::string& op,
                   const std::function<void(const KernelRow&)>& visit) const;
  /// FNV-1a of all runs and kernels in the order of their contents, 16 hex digits.
  [[nodiscard]] std::string digest() const;

 private:
  struct Database;
  [[nodiscard]] std::int64_t series_id(std::int64_t run, const KernelShape& series);
  void insert_point(std::int64_t series, const KernelPoint& point);
  std::unique_ptr<Database> database_;
};

/// The version this program writes.
constexpr int kProfileSchemaVersion = 2;

}  // namespace headroom
