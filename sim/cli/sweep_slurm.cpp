#include "sim/cli/sweep_slurm.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "reports/output_file.h"
#include "reports/shell_word.h"
#include "sim/check.h"
#include "sim/cli/sweep_run.h"

namespace headroom {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kMostTasks = 1000;  // Slurm's MaxArraySize is 1,001 unless configured
constexpr std::chrono::seconds kPatience{10};
constexpr double kTaskSeconds = 20;  // starting one takes about 0.2 s

struct ProgramAnswer {
  int code = -1;
  std::string out;  ///< standard output, then standard error
};

/// The child's output until it ends or the time is up. False: it was killed.
bool read_until(int end, pid_t child, Clock::time_point deadline, std::string& out) {
  char buffer[4096];
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    pollfd ready{end, POLLIN, 0};
    const int events = ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (events < 0 && errno == EINTR) continue;
    if (events == 0) {
      ::kill(child, SIGKILL);
      return false;
    }
    const ssize_t n = ::read(end, buffer, sizeof buffer);
    if (n > 0) out.append(buffer, static_cast<std::size_t>(n));
    if (n == 0 || (n < 0 && errno != EINTR)) return true;
  }
}

/// Runs a program with its arguments, no shell between. A controller that is not there keeps
/// Slurm's programs asking for minutes: they are not waited for.
ProgramAnswer run_program_with(std::vector<std::string> words) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return {};
  const pid_t child = ::fork();
  if (child == 0) {
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::dup2(ends[1], STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  ProgramAnswer answer;
  const bool ended = child > 0 && read_until(ends[0], child, Clock::now() + kPatience, answer.out);
  ::close(ends[0]);
  int status = 0;
  while (child > 0 && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (child > 0) answer.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  if (!ended) answer.out = fmt::format("no answer within {} s", kPatience.count());
  return answer;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string this_program() {
  std::error_code error;
  const fs::path path = fs::read_symlink("/proc/self/exe", error);
  return error ? "headroom" : path.string();
}

class SlurmRun {
 public:
  SlurmRun(const SweepFolder& folder, const SlurmOptions& options)
      : folder_(folder), options_(options), script_((fs::path(folder.path()) / "job.sh").string()) {
    const std::string path = fs::absolute(folder.path()).string();
    write_document(script_, "#!/bin/sh\n# One chunk of a sweep a task.\nexec " +
                                shell_quoted(this_program()) + " sweep worker " +
                                shell_quoted(path) + " --chunk auto\n");
    log_ = (fs::absolute(folder.path()) / "task-%a.log").string();
  }

  void run() {
    for (;;) {
      std::vector<std::size_t> wanted = next_batch();
      if (wanted.empty() || stopped()) return;
      const std::string job = submit(wanted);
      say(fmt::format("{} chunks submitted as job {}", wanted.size(), job));
      watch(job, wanted);
    }
  }

 private:
  [[nodiscard]] bool stopped() const { return options_.stop != nullptr && options_.stop->load(); }
  void say(const std::string& line) const {
    if (options_.say) options_.say(line);
  }

  /// Missing chunks with attempts left.
  std::vector<std::size_t> next_batch() {
    std::vector<std::size_t> wanted;
    for (const std::size_t chunk : folder_.missing()) {
      if (attempts_[chunk] >= options_.attempts) continue;
      if (wanted.size() == kMostTasks) break;
      ++attempts_[chunk];
      wanted.push_back(chunk);
    }
    return wanted;
  }

  std::string submit(const std::vector<std::size_t>& wanted) const {
    std::string list = array_list(wanted);
    if (options_.most_tasks > 0) list += fmt::format("%{}", options_.most_tasks);
    const ProgramAnswer answer = run_program_with(
        {"sbatch", "--parsable", "--array=" + list, "--output=" + log_, "--ntasks=1", script_});
    const std::string id = first_line(answer.out);
    if (answer.code != 0 || id.empty() ||
        id.find_first_not_of("0123456789;") != std::string::npos) {
      throw InputError("sbatch", fmt::format("expected a job to be submitted, got: {}; see that "
                                             "Slurm takes jobs, then run the same command again",
                                             first_line(answer.out)));
    }
    return id.substr(0, id.find(';'));
  }

  /// Whether Slurm still knows tasks of this job. An unreachable controller counts as yes.
  [[nodiscard]] static bool queued(const std::string& job) {
    const ProgramAnswer answer = run_program_with({"squeue", "--noheader", "--jobs=" + job});
    if (answer.code == 0) return !answer.out.empty();
    return answer.out.find("Invalid job id") == std::string::npos;
  }

  void watch(const std::string& job, const std::vector<std::size_t>& wanted) const {
    std::size_t before = folder_.missing().size();
    Clock::time_point last_news = Clock::now();
    for (;;) {
      if (stopped()) break;
      std::this_thread::sleep_for(std::chrono::duration<double>(options_.poll_seconds));
      const std::vector<std::size_t> missing = folder_.missing();
      if (missing.size() != before) {
        before = missing.size();
        last_news = Clock::now();
      }
      const std::set<std::size_t> gone(missing.begin(), missing.end());
      const bool done = std::none_of(wanted.begin(), wanted.end(),
                                     [&](std::size_t chunk) { return gone.count(chunk) > 0; });
      if (done || !queued(job)) break;
      const std::chrono::duration<double> silence = Clock::now() - last_news;
      if (silence.count() > options_.silence_seconds) {
        say(fmt::format("no news for {:.0f} s: job {} is cancelled", silence.count(), job));
        break;
      }
    }
    // Ghosts of a controller that crashed would hold processors for ever.
    static_cast<void>(run_program_with({"scancel", "--quiet", job}));
  }

  const SweepFolder& folder_;
  const SlurmOptions& options_;
  std::string script_, log_;
  std::map<std::size_t, int> attempts_;
};

}  // namespace

std::string array_list(const std::vector<std::size_t>& numbers) {
  std::string list;
  for (std::size_t i = 0; i < numbers.size();) {
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    if (!list.empty()) list += ',';
    list +=
        last == i ? fmt::format("{}", numbers[i]) : fmt::format("{}-{}", numbers[i], numbers[last]);
    i = last + 1;
  }
  return list;
}

void check_slurm() {
  for (const char* program : {"sbatch", "squeue", "scancel"}) {
    if (run_program_with({program, "--version"}).code == 127) {
      throw InputError("--on slurm",
                       fmt::format("expected Slurm's {} on the path, got none; install "
                                   "Slurm's client or run --on local",
                                   program));
    }
  }
  const ProgramAnswer answer = run_program_with({"squeue", "--noheader"});
  if (answer.code != 0) {
    throw InputError("--on slurm", "expected a Slurm controller that answers, got: " +
                                       first_line(answer.out) + "; start it or run --on local");
  }
}

std::size_t slurm_chunk_cells(const SweepPlan& plan) {
  CostCache costs;
  SweepShard shard;
  const Clock::time_point start = Clock::now();
  static_cast<void>(run_cell(plan, 0, costs, nullptr, shard));
  const std::chrono::duration<double> taken = Clock::now() - start;
  const auto worth = static_cast<std::size_t>(kTaskSeconds / std::max(taken.count(), 1e-4));
  const std::size_t least = (plan.cells() + kMostTasks - 1) / kMostTasks;
  return std::max<std::size_t>({least, std::min(worth, plan.cells() / 2), 1});
}

void run_slurm(const SweepFolder& folder, const SlurmOptions& options) {
  SlurmRun(folder, options).run();
}

}  // namespace headroom
