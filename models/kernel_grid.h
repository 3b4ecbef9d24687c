// Measured kernels as corrections: measured over roofline time, on a ragged grid of three axes.
//
// Corrections vary slowly where times do not, so between points they are interpolated in the
// logarithm of each axis, axis by axis; beyond an axis the edge's holds. A family is an operator in
// one pair of formats; within it a group fixes what does not interpolate (head size, window,
// experts), and a group nobody measured takes the nearest one's.
//
// A family's own points choose how it interpolates along sizes: by straight lines, by lines among
// sizes that are alike to a kernel (multiples of 4 or not: rows that are not need another kernel or
// padding), or by monotone cubics. A hole of the grid is answered from the lines through it along
// all axes, each weighted by how well such lines answer for the family's points.
//
// Law: a point that was added is returned exactly; an answer lies between those it is made of.
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
  /// Of points added at one place the one with the lowest `rank` counts, of equals the first; of
  /// experts' (op "moe") the fastest, as engines choose among kernels when they start.
  void add(const KernelPlace& place, double ratio, int rank = 0);
  /// Sorts; to be called once, after the last point.
  void finish();
  [[nodiscard]] bool empty() const { return families_.empty(); }
  [[nodiscard]] bool has(const KernelFamily& family) const { return families_.contains(family); }
  [[nodiscard]] GridAnswer at(const KernelPlace& place, LeaveOut out = LeaveOut::nothing) const;
  /// All points in the order of their places.
  void each(const std::function<void(const KernelPlace&, double ratio)>& visit) const;

 private:
  using Weights = std::array<double, kGridAxes>;
  enum class Rule : std::uint8_t { straight, aligned, smooth };
  struct Line {
    double at = 0, log = 0;
    std::vector<double> sizes{}, logs{}, ratios{}, levels{};  ///< levels: logarithms of ratios
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
  struct Family {
    std::vector<Group> groups{};
    Rule rule = Rule::straight;
    /// Weights of answers across planes, across lines and along sizes, where a point is missing or
    /// its whole site.
    Weights point{0, 0, 1}, site{0, 1, 0};
  };
  /// A place on a plane of a group, and on its line if it has one there.
  struct Site {
    const Group* group = nullptr;
    std::size_t plane = 0, line = 0;
    bool has_line = true;
  };
  struct Estimate {
    double level = 0;
    bool found = false, inside = false;
  };
  using Estimates = std::array<Estimate, kGridAxes>;

  static const Group& nearest(const Family& family, const KernelGroup& key, bool& near);
  static Estimate in_line(const Line& line, double size, LeaveOut out, Rule rule);
  static Estimate blended(double weight, const Estimate& low, const Estimate& high);
  static Estimate in_plane(const Plane& plane, const KernelPlace& place, Rule rule);
  static Estimate across(const Family& family, const Site& site, const KernelPlace& place,
                         std::size_t axis, LeaveOut out);
  static Estimates in_hole(const Family& family, const Site& site, const KernelPlace& place,
                           LeaveOut out);
  static Estimate weighed(const Estimates& estimates, const Weights& weights);
  static Estimate between_sites(const Family& family, const Group& group, const KernelPlace& place);
  static void insert(std::vector<Group>& groups, const Loose& point);
  static void choose(const KernelFamily& key, Family& family);
  static Weights best_weights(const std::vector<std::pair<Estimates, double>>& tried);

  std::map<KernelFamily, std::vector<Loose>> loose_;
  std::map<KernelFamily, Family> families_;
};

}  // namespace headroom
