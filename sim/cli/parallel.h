// Runs jobs by index on several threads.
//
// Law: each index below `count` is given out once, in order; the first error is thrown once all
// threads have ended, and no index is given out after it. What jobs write must be apart.
// Not here: how many threads a call wants (`jobs_of`, sim/cli/command_line.h).
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace headroom {

/// Calls `job` for each index below `count` on at most `jobs` threads, this one among them; gives
/// out none once `stop` (may be null) is true.
inline void in_parallel(std::size_t count, int jobs, const std::atomic<bool>* stop,
                        const std::function<void(std::size_t)>& job) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto work = [&] {
    try {
      while (stop == nullptr || !stop->load()) {
        const std::size_t i = next++;
        if (i >= count) return;
        job(i);
      }
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex);
      if (!failure) failure = std::current_exception();
      next = count;
    }
  };
  std::vector<std::thread> threads;
  const auto most = std::min(count, static_cast<std::size_t>(std::max(1, jobs)));
  for (std::size_t i = 1; i < most; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace headroom
