// KV blocks of one replica: how many exist, how many are free, on the device and in host memory.
//
// Laws: free + held by requests == total, always, on both sides; blocks that hold a prefix which
// nobody needs now count as free, and are no more than those (sim/prefix_cache.h).
// Cost: two integer operations.
// Not here: which blocks hold which prefix.
#pragma once

#include "sim/check.h"
#include "sim/units.h"

namespace headroom {

class KvPool {
 public:
  KvPool(Blocks device_blocks, Blocks host_blocks)
      : total_(device_blocks),
        free_(device_blocks),
        host_total_(host_blocks),
        host_free_(host_blocks) {
    SIM_CHECK(device_blocks >= Blocks(0) && host_blocks >= Blocks(0), "KV pools are not negative");
  }
  [[nodiscard]] Blocks total() const { return total_; }
  [[nodiscard]] Blocks free() const { return free_; }
  [[nodiscard]] Blocks used() const { return total_ - free_; }
  [[nodiscard]] Blocks host_total() const { return host_total_; }
  [[nodiscard]] Blocks host_free() const { return host_free_; }

  /// Takes n free blocks, or changes nothing and says false.
  [[nodiscard]] bool try_take(Blocks n) {
    if (n > free_) return false;
    free_ -= n;
    return true;
  }
  void give_back(Blocks n) {
    free_ += n;
    SIM_CHECK(free_ <= total_, "KV blocks are conserved");
  }
  /// Free blocks whose content may still be wanted. Whoever takes blocks evicts what is beyond
  /// free().
  [[nodiscard]] Blocks unheld() const { return unheld_; }
  /// Blocks of a prefix lose their last holder.
  void park(Blocks n) {
    give_back(n);
    unheld_ += n;
  }
  /// Such a prefix finds a holder again.
  void unpark(Blocks n) {
    unheld_ -= n;
    SIM_CHECK(unheld_ >= Blocks(0) && try_take(n), "a prefix that is here has its blocks");
  }
  /// Such a prefix is evicted.
  void forget(Blocks n) {
    unheld_ -= n;
    SIM_CHECK(unheld_ >= Blocks(0), "evicted blocks held a prefix");
  }
  [[nodiscard]] bool try_take_host(Blocks n) {
    if (n > host_free_) return false;
    host_free_ -= n;
    return true;
  }
  void give_back_host(Blocks n) {
    host_free_ += n;
    SIM_CHECK(host_free_ <= host_total_, "host KV blocks are conserved");
  }

 private:
  Blocks total_;
  Blocks free_;
  Blocks unheld_{0};
  Blocks host_total_;
  Blocks host_free_;
};

}  // namespace headroom
