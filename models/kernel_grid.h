// Measured kernels as corrections: measured over roofline time, on a ragged grid of three axes.
//
// Corrections vary slowly where times do not, so between points they are interpolated linearly in
// the logarithm of each axis, axis by axis; beyond an axis the edge's holds. A family is an
// operator in one pair of formats; within it a group fixes what does not interpolate (head size,
// window, experts), and a group nobody measured takes the nearest one's.
//
// Law: a point that was added is returned exactly.
// Cost: O(log points) a query, no allocation; read-only and shareable once finished.
// Not here: what an operator's axes are (models/kernel_place.h), times.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace headroom {

/// One operator in one pair of formats, as a profile store names them.
struct KernelFamily {
  std::string op{}, compute{}, stored{};
  friend auto operator<=>(const KernelFamily&, const KernelFamily&) = default;
};

constexpr std::size_t kGridAxes = 3;
using KernelGroup = std::array<std::int64_t, 3>;

/// Where a kernel lies. The last axis is the size along which tables are compiled.
struct KernelPlace {
  KernelFamily family{};
  KernelGroup group{};
  std::array<double, kGridAxes> at{};  ///< each > 0
};

struct GridAnswer {
  double ratio = 1;
  bool found = false;   ///< the family has points
  bool exact = false;   ///< a point itself
  bool inside = false;  ///< between points, or within an octave of a site
};

/// What a query leaves out of the grid, to test it against itself.
enum class LeaveOut : std::uint8_t { nothing, point, site };

class KernelGrid {
 public:
  /// Of points added at one place the one with the lowest `rank` counts, of equals the first.
  void add(const KernelPlace& place, double ratio, int rank = 0);
  /// Sorts; to be called once, after the last point.
  void finish();
  [[nodiscard]] bool empty() const { return families_.empty(); }
  [[nodiscard]] bool has(const KernelFamily& family) const { return families_.contains(family); }
  [[nodiscard]] GridAnswer at(const KernelPlace& place, LeaveOut out = LeaveOut::nothing) const;
  /// All points in the order of their places.
  void each(const std::function<void(const KernelPlace&, double ratio)>& visit) const;

 private:
  struct Line {
    double at = 0, log = 0;
    std::vector<double> sizes{}, logs{}, ratios{};
  };
  struct Plane {
    double at = 0, log = 0;
    std::vector<Line> lines{};
  };
  struct Group {
    KernelGroup key{};
    std::vector<Plane> planes{};
  };
  struct Loose {
    KernelGroup group{};
    std::array<double, kGridAxes> at{};
    int rank = 0;
    double ratio = 1;
  };
  using Family = std::vector<Group>;

  static const Group& nearest(const Family& family, const KernelGroup& key, bool& near);
  static GridAnswer in_line(const Line& line, double size, LeaveOut out);
  static GridAnswer in_plane(const Plane& plane, const KernelPlace& place, LeaveOut out);
  static void insert(Family& family, const Loose& point);

  std::map<KernelFamily, std::vector<Loose>> loose_;
  std::map<KernelFamily, Family> families_;
};

}  // namespace headroom
