// A device's cost pack: what its kernels take, as small fitted tables that ship with the program.
//
// A table holds log2 of (time / base) over the logarithms of two to four coordinates of a shape, on
// a coarse grid, read multilinearly; the base is a fixed start-up time plus what the device's peaks
// need. Beyond the grid its edge is held.
//
// Law: a table's answer lies between the corners of its cell; parse(print(pack)) is the pack.
// Cost: a look-up reads at most 16 numbers.
// Not here: fitting (models/pack_fit.h), who asks (models/pack_cost.h).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/device.h"
#include "models/operators.h"

namespace headroom {

enum class PackOp : std::uint8_t {
  gemm,               ///< over m, n, k
  moe,                ///< a table a layer's shape; over tokens an expert, width, experts on the GPU
  decode_attention,   ///< over requests, mean context, KV heads, query heads a KV head
  prefill_attention,  ///< over tokens, query heads, query heads a KV head
  mla_decode,         ///< over requests, mean context, heads
  mla_prefill,        ///< over tokens, heads
  all_reduce,         ///< over bytes, ranks; likewise below
  all_gather,
  reduce_scatter,
};
constexpr int kPackOps = 9;
constexpr std::size_t kPackAxes = 4;
[[nodiscard]] const char* to_string(PackOp op);

/// Which kernels one table answers for.
struct PackKey {
  PackOp op = PackOp::gemm;
  DataType compute = DataType::bf16, stored = DataType::bf16;
  std::int64_t head_dim = 0;                       ///< attention
  bool windowed = false;                           ///< attention
  std::int64_t hidden = 0, experts = 0, topk = 0;  ///< moe
  friend bool operator==(const PackKey&, const PackKey&) = default;
  friend auto operator<=>(const PackKey&, const PackKey&) = default;
};

/// An operator as tables see it.
struct PackPoint {
  PackKey key{};
  std::array<double, kPackAxes> log2{};  ///< of the coordinates; unused: 0
  std::size_t axes = 0;
  double start = 0;  ///< seconds, of `base` the part that does not grow
  double base = 0;   ///< seconds
};
/// Nothing for operators that no table stands for.
[[nodiscard]] std::optional<PackPoint> pack_point(const Operator& op, const Device& device);

class PackTable {
 public:
  PackKey key{};
  std::string library{}, version{};
  std::int64_t rows = 0;                              ///< measured rows it was fitted to
  double median_error = 0, p90_error = 0;             ///< against them, as shares
  std::array<std::vector<double>, kPackAxes> grid{};  ///< coordinates, ascending; unused: empty
  std::vector<double> values{};                       ///< log2 of ratios, last axis fastest

  struct Answer {
    double log2 = 0;
    bool inside = false;
  };
  [[nodiscard]] Answer at(const PackPoint& point) const;
  /// Calls visit(index, weight) for the corners of the point's cell.
  template <class Visit>
  bool corners(const PackPoint& point, const Visit& visit) const;
  /// Fills what `at` needs; call after changing `grid`.
  void finish();

 private:
  std::array<std::vector<double>, kPackAxes> logs_{};
};

struct Pack {
  std::string device{};  ///< catalogue name
  std::string source{};  ///< one line: repository, commit, licence
  std::vector<PackTable> tables{};
};

/// The text that ships. Values are rounded to 1/48 octave (0.7 %).
[[nodiscard]] std::string to_text(const Pack& pack);
/// Throws InputError{where:line} on anything that to_text does not write.
[[nodiscard]] Pack parse_pack(std::string_view text, const std::string& where);

/// An operator's tables in a pack, and their errors: means over tables, weighted by rows.
struct PackError {
  PackOp op{};
  std::int64_t tables = 0, rows = 0;
  double median = 0, p90 = 0;  ///< shares
};
/// One entry an operator that the pack has, in the order of `PackOp`.
[[nodiscard]] std::vector<PackError> pack_errors(const Pack& pack);
/// "261000 kernels of vLLM 0.24.0, ... (owner/repository at commit, licence)".
[[nodiscard]] std::string pack_origin(const Pack& pack);
/// "gemm 2.3, moe 4.1, ...": the median errors in percent.
[[nodiscard]] std::string pack_error_text(const Pack& pack);

/// The pack that ships for a catalogue name, read when first asked for; null where none does.
[[nodiscard]] const Pack* bundled_pack(const std::string& device);
/// Of the devices whose packs ship.
[[nodiscard]] const std::vector<std::string>& bundled_pack_names();

/// The tables of a pack that answer for one library, and others' where it has none: serving
/// libraries' first, then what was measured below them.
class PackView {
 public:
  PackView() = default;
  /// `library`: "vLLM", "TensorRT-LLM", "SGLang"; empty: any, vLLM first.
  PackView(const Pack& pack, std::string_view library);
  [[nodiscard]] const PackTable* find(const PackKey& key) const;
  /// The key's table, else that of the nearest kin: fp8 for its variants, a mixture of nearly as
  /// many experts, full attention for windows, another format of queries or KV, the nearest head
  /// size. Null without kin.
  [[nodiscard]] const PackTable* answering(const PackKey& key) const;

 private:
  std::vector<const PackTable*> tables_{};  ///< one a key
};

template <class Visit>
bool PackTable::corners(const PackPoint& point, const Visit& visit) const {
  std::size_t low[kPackAxes] = {}, axes = 0;
  double share[kPackAxes] = {};
  bool inside = true;
  for (; axes < kPackAxes && !logs_[axes].empty(); ++axes) {
    const std::vector<double>& logs = logs_[axes];
    const double x = point.log2[axes];
    constexpr double kSlack = 1e-9;
    if (x <= logs.front() || logs.size() == 1) {
      inside = inside && x >= logs.front() - kSlack && x <= logs.back() + kSlack;
    } else if (x >= logs.back()) {
      inside = inside && x <= logs.back() + kSlack;
      low[axes] = logs.size() - 2;
      share[axes] = 1;
    } else {
      while (logs[low[axes] + 1] <= x) ++low[axes];
      share[axes] = (x - logs[low[axes]]) / (logs[low[axes] + 1] - logs[low[axes]]);
    }
  }
  for (std::size_t corner = 0; corner < (std::size_t{1} << axes); ++corner) {
    double weight = 1;
    std::size_t index = 0;
    for (std::size_t axis = 0; axis < axes; ++axis) {
      const std::size_t up = corner >> axis & 1;
      weight *= up != 0 ? share[axis] : 1 - share[axis];
      if (weight == 0) break;
      index = index * logs_[axis].size() + low[axis] + up;
    }
    if (weight != 0) visit(index, weight);
  }
  return inside;
}

}  // namespace headroom
