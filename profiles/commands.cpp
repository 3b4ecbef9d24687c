#include "profiles/commands.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "sim/check.h"

namespace headroom {
namespace {

using Mode = ProfileStore::Mode;
using Outcome = ImportedFile::Outcome;

const char* to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::imported:
      return "imported";
    case Outcome::already_there:
      return "already there";
    case Outcome::left_out:
      return "left out";
    case Outcome::failed:
      return "failed";
  }
  return "";
}

bool fits(const KernelFilter& filter, const StoredRun& stored) {
  const auto is = [](const std::string& wanted, const std::string& value) {
    return wanted.empty() || wanted == value;
  };
  return (filter.run == 0 || filter.run == stored.id) && is(filter.device, stored.run.device) &&
         is(filter.library, stored.run.library) &&
         is(filter.library_version, stored.run.library_version);
}

std::vector<StoredRun> runs_of(const ProfileStore& store, const KernelFilter& filter,
                               const std::string& path) {
  std::vector<StoredRun> runs = store.stored_runs();
  runs.erase(std::remove_if(runs.begin(), runs.end(),
                            [&](const StoredRun& stored) { return !fits(filter, stored); }),
             runs.end());
  if (runs.empty())
    throw InputError(path,
                     "expected a run of that device, library and number, got none; "
                     "`headroom profile list` names them");
  return runs;
}

std::string title_of(const StoredRun& stored) {
  return fmt::format("run {}: {} {} {}", stored.id, stored.run.device, stored.run.library,
                     stored.run.library_version);
}

void print_run(const StoredRun& stored, const TextSink& sink) {
  const ProfileRun& run = stored.run;
  sink(title_of(stored) + "\n");
  const auto line = [&](const char* name, const std::string& value) {
    if (!value.empty()) sink(fmt::format("  {:<14} {}\n", name, value));
  };
  const auto number = [&](const char* name, double value) {
    if (value > 0) line(name, fmt::format("{:g}", value));
  };
  line("device", run.device_title);
  line("driver", run.driver);
  line("measured by", run.tool + (run.tool_version.empty() ? "" : " " + run.tool_version));
  line("date", run.date);
  line("source", run.source);
  line("licence", run.licence);
  line("file", run.file_digest);
  line("plan", run.plan_hash);
  number("SM MHz", run.sm_clock_mhz);
  number("memory MHz", run.memory_clock_mhz);
  number("power limit W", run.power_limit_watts);
  number("repeats", static_cast<double>(run.repeats));
  line("notes", run.notes);
}

std::string row_text(const KernelRow& row) {
  return fmt::format("{}  {:.4g} us", describe(row.shape), row.times.median_ns * 1e-3);
}

/// Quoted where commas or quotes ask for it.
std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string json_text(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      quoted += std::string("\\") + c;
    else if (static_cast<unsigned char>(c) < ' ')
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    else
      quoted += c;
  }
  return quoted + "\"";
}

constexpr const char* kTextNames[] = {"device",  "library", "library_version", "op",
                                      "compute", "stored",  "variant"};
constexpr const char* kNumberNames[] = {"run",     "m",         "n",          "k",     "batch",
                                        "heads",   "kv_heads",  "head_dim",   "chunk", "cached",
                                        "context", "window",    "experts",    "topk",  "bytes",
                                        "ranks",   "big_batch", "big_context"};
constexpr const char* kTimeNames[] = {"median_ns", "min_ns", "mean_ns", "p90_ns", "stddev_ns"};

/// A row's values in the order of the names above.
struct Flat {
  std::array<std::string, 7> texts;
  std::array<std::int64_t, 18> numbers;
  std::array<double, 5> times;
};

Flat flatten(const StoredRun& stored, const KernelRow& row) {
  const KernelShape& s = row.shape;
  const KernelTimes& t = row.times;
  return {{stored.run.device, stored.run.library, stored.run.library_version, s.op, s.compute,
           s.stored, s.variant},
          {stored.id, s.m, s.n, s.k, s.batch, s.heads, s.kv_heads, s.head_dim, s.chunk, s.cached,
           s.context, s.window, s.experts, s.topk, s.bytes, s.ranks, s.big_batch, s.big_context},
          {t.median_ns, t.min_ns, t.mean_ns, t.p90_ns, t.stddev_ns}};
}

std::string csv_line(const Flat& flat) {
  std::string line;
  for (const std::string& text : flat.texts) line += csv_text(text) + ",";
  for (const std::int64_t number : flat.numbers) line += fmt::format("{},", number);
  for (const double time : flat.times) line += fmt::format("{},", time);
  line.back() = '\n';
  return line;
}

std::string json_object(const Flat& flat) {
  std::string line = "{";
  for (std::size_t i = 0; i < flat.texts.size(); ++i)
    line += fmt::format("\"{}\":{},", kTextNames[i], json_text(flat.texts[i]));
  for (std::size_t i = 0; i < flat.numbers.size(); ++i)
    line += fmt::format("\"{}\":{},", kNumberNames[i], flat.numbers[i]);
  for (std::size_t i = 0; i < flat.times.size(); ++i)
    line += fmt::format("\"{}\":{},", kTimeNames[i], flat.times[i]);
  line.back() = '}';
  return line;
}

std::map<KernelShape, double> times_of(const std::string& path, const KernelFilter& filter) {
  const ProfileStore store(path, Mode::read_only);
  std::map<KernelShape, double> times;
  for (const StoredRun& stored : runs_of(store, filter, path))
    store.each_kernel(stored.id, filter.op, [&](const KernelRow& row) {
      times.insert_or_assign(row.shape, row.times.median_ns);
    });
  return times;
}

/// The ratios of one operator's times, b over a.
void print_ratios(const std::string& op, std::vector<double> ratios, const TextSink& sink) {
  std::sort(ratios.begin(), ratios.end());
  const auto at = [&](double share) {
    return ratios[static_cast<std::size_t>(share * static_cast<double>(ratios.size() - 1))];
  };
  sink(
      fmt::format("{:<20} {:>9} in both; b/a: least {:.4g}, p10 {:.4g}, median {:.4g}, p90 {:.4g}, "
                  "most {:.4g}\n",
                  op, ratios.size(), at(0), at(0.1), at(0.5), at(0.9), at(1)));
}

}  // namespace

int profile_import(const std::string& store, const std::vector<std::string>& paths,
                   const ImportOptions& options, const TextSink& sink) {
  ProfileStore opened(store, Mode::read_write);
  std::array<std::int64_t, 4> counts{};
  std::int64_t rows = 0;
  for (const std::string& one : paths) {
    const ImportSummary summary = import_profiles(opened, one, options);
    for (const ImportedFile& file : summary.files) {
      ++counts[static_cast<std::size_t>(file.outcome)];
      // A failure names the file itself.
      if (file.outcome == Outcome::failed)
        sink(fmt::format("failed: {}\n", file.note));
      else if (!file.note.empty())
        sink(fmt::format("{}: {}: {}\n", to_string(file.outcome), file.path, file.note));
    }
    rows += summary.rows();
  }
  sink(fmt::format("{} files imported with {} rows, {} already there, {} left out, {} failed\n",
                   counts[0], rows, counts[1], counts[2], counts[3]));
  return counts[3] > 0 ? 2 : 0;
}

int profile_list(const std::string& store, const KernelFilter& filter, const TextSink& sink) {
  const ProfileStore opened(store, Mode::read_only);
  std::int64_t kernels = 0, runs = 0;
  for (const StoredRun& stored : runs_of(opened, filter, store)) {
    sink(fmt::format("{:>4}  {:<14} {:<16} {:<14} {:>8}  {}\n", stored.id, stored.run.device,
                     stored.run.library, stored.run.library_version, stored.kernels,
                     stored.run.source));
    kernels += stored.kernels;
    ++runs;
  }
  sink(fmt::format("{} runs, {} kernels\n", runs, kernels));
  return 0;
}

int profile_show(const std::string& store, const KernelFilter& filter, std::int64_t rows,
                 const TextSink& sink) {
  const ProfileStore opened(store, Mode::read_only);
  for (const StoredRun& stored : runs_of(opened, filter, store)) {
    struct Group {
      std::int64_t count = 0;
      std::string lines{};
    };
    std::map<std::string, Group> groups;
    opened.each_kernel(stored.id, filter.op, [&](const KernelRow& row) {
      Group& group = groups[row.shape.op + " " + row.shape.compute + "/" + row.shape.stored];
      if (group.count++ < rows) group.lines += "    " + row_text(row) + "\n";
    });
    if (groups.empty()) continue;
    print_run(stored, sink);
    for (const auto& [name, group] : groups)
      sink(fmt::format("  {:<30} {:>8} kernels\n", name, group.count) + group.lines);
  }
  return 0;
}

int profile_export(const std::string& store, const KernelFilter& filter, ExportFormat format,
                   const TextSink& sink) {
  const ProfileStore opened(store, Mode::read_only);
  const std::vector<StoredRun> runs = runs_of(opened, filter, store);
  if (format == ExportFormat::json) {
    bool first = true;
    sink("{\"schema_version\":1,\"kernels\":[");
    for (const StoredRun& stored : runs)
      opened.each_kernel(stored.id, filter.op, [&](const KernelRow& row) {
        sink((first ? "\n" : ",\n") + json_object(flatten(stored, row)));
        first = false;
      });
    sink("\n]}\n");
    return 0;
  }
  std::string names;
  for (const char* name : kTextNames) names += std::string(name) + ",";
  for (const char* name : kNumberNames) names += std::string(name) + ",";
  for (const char* name : kTimeNames) names += std::string(name) + ",";
  names.back() = '\n';
  sink(names);
  for (const StoredRun& stored : runs)
    opened.each_kernel(stored.id, filter.op,
                       [&](const KernelRow& row) { sink(csv_line(flatten(stored, row))); });
  return 0;
}

int profile_check(const std::string& store, const KernelFilter& filter, const PeaksOf& peaks,
                  const TextSink& sink) {
  const ProfileStore opened(store, Mode::read_only);
  std::array<std::int64_t, kFindings> totals{};
  std::int64_t rows = 0, judged = 0;
  for (const StoredRun& stored : runs_of(opened, filter, store)) {
    std::map<std::string, std::vector<KernelRow>> by_op;
    opened.each_kernel(stored.id, filter.op,
                       [&](const KernelRow& row) { by_op[row.shape.op].push_back(row); });
    const std::optional<DevicePeaks> known = peaks(stored.run.device);
    for (auto& [op, kernels] : by_op) {
      const CheckedOp checked = check_kernels(std::move(kernels), known.value_or(DevicePeaks{}));
      rows += checked.rows;
      judged += checked.judged;
      for (std::size_t i = 0; i < totals.size(); ++i) totals[i] += checked.counts[i];
      if (checked.examples.empty()) continue;
      sink(title_of(stored) + fmt::format(", {}: {} rows", op, checked.rows));
      for (std::size_t i = 0; i < checked.counts.size(); ++i)
        if (checked.counts[i] > 0)
          sink(fmt::format(", {} x {}", checked.counts[i], to_string(static_cast<Finding>(i))));
      sink("\n");
      for (const std::string& example : checked.examples) sink("    " + example + "\n");
    }
  }
  sink(fmt::format("{} rows, {} of them with a known roofline\n", rows, judged));
  for (std::size_t i = 0; i < totals.size(); ++i)
    sink(fmt::format("{:>8}  {}\n", totals[i], to_string(static_cast<Finding>(i))));
  return totals[static_cast<std::size_t>(Finding::faster_than_roofline)] > 0 ||
                 totals[static_cast<std::size_t>(Finding::duplicate)] > 0
             ? 1
             : 0;
}

int profile_diff(const std::string& store_a, const KernelFilter& a, const std::string& store_b,
                 const KernelFilter& b, const TextSink& sink) {
  const std::map<KernelShape, double> left = times_of(store_a, a), right = times_of(store_b, b);
  std::map<std::string, std::vector<double>> ratios;
  std::map<std::string, std::pair<std::int64_t, std::int64_t>> alone;
  bool differ = false;
  for (const auto& [shape, time] : left) {
    const auto other = right.find(shape);
    if (other == right.end()) {
      ++alone[shape.op].first;
      continue;
    }
    ratios[shape.op].push_back(other->second / time);
    differ = differ || other->second != time;
  }
  for (const auto& [shape, time] : right)
    if (left.find(shape) == left.end()) ++alone[shape.op].second;
  for (auto& [op, list] : ratios) print_ratios(op, std::move(list), sink);
  for (const auto& [op, counts] : alone)
    sink(fmt::format("{:<20} {:>9} only in a, {} only in b\n", op, counts.first, counts.second));
  if (!differ && alone.empty()) sink("no difference\n");
  return differ || !alone.empty() ? 1 : 0;
}

}  // namespace headroom
