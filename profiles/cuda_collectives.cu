// Host code alone, compiled by the C++ compiler (cmake/cuda.cmake).
#include <cuda_runtime.h>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "profiles/cuda_collectives.h"
#include "profiles/cuda_machine.h"
#include "profiles/cuda_nccl.h"
#include "profiles/cuda_operand.h"
#include "profiles/measure_plan.h"

namespace headroom::gpu {
namespace {

void require(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  static_cast<void>(cudaGetLastError());
  throw GpuRefusal{fmt::format("{}: {}", what, cudaGetErrorString(status))};
}
void require_nccl(const Nccl& nccl, int status, const char* what) {
  if (status != 0) throw GpuRefusal{fmt::format("{}: {}", what, nccl.error_text(status))};
}

}  // namespace

struct Collectives::World {
  explicit World(int first) : ordinal(first) {}
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() {
    for (const auto& [ranks, list] : communicators)
      for (Nccl::Communicator each : list) static_cast<void>(find_nccl()->destroy(each));
  }

  void need_gpus(int ranks) {
    const int there = count_gpus().count - ordinal;
    if (ranks > there)
      throw GpuRefusal{fmt::format("needs {} GPUs, this machine has {}", ranks, there)};
    while (static_cast<int>(gpus.size()) < ranks)
      gpus.push_back(std::make_unique<CudaGpu>(ordinal + static_cast<int>(gpus.size())));
  }
  const std::vector<Nccl::Communicator>& need_communicators(int ranks) {
    const Nccl* const nccl = find_nccl();
    if (nccl == nullptr) throw GpuRefusal{"no NCCL here (libnccl.so.2)"};
    std::vector<Nccl::Communicator>& list = communicators[ranks];
    if (!list.empty()) return list;
    std::vector<int> ordinals;
    for (int rank = 0; rank < ranks; ++rank) ordinals.push_back(ordinal + rank);
    std::vector<Nccl::Communicator> made(static_cast<std::size_t>(ranks));
    require_nccl(*nccl, nccl->init_all(made.data(), ranks, ordinals.data()), "ncclCommInitAll");
    list = std::move(made);
    return list;
  }

  int ordinal;
  std::vector<std::unique_ptr<CudaGpu>> gpus{};
  std::map<int, std::vector<Nccl::Communicator>> communicators{};
};

namespace {

/// One operation over all ranks. Elements are bf16.
class CollectiveKernel final : public ReadyKernel {
 public:
  CollectiveKernel(Collectives::World& world, const KernelShape& shape, std::uint64_t seed)
      : world_(world),
        shape_(shape),
        ranks_(static_cast<std::size_t>(shape.ranks)),
        all_(shape.bytes / 2),
        part_(all_ / shape.ranks),
        copied_(shape.op == "p2p" && elementwise_kernel(shape) == "copy") {
    world_.need_gpus(static_cast<int>(shape.ranks));
    if (copied_)
      open_peers();
    else
      communicators_ = world_.need_communicators(static_cast<int>(shape.ranks));
    const std::int64_t sent = shape.op == "all_gather" ? part_ : all_;
    const std::int64_t received = shape.op == "reduce_scatter" ? part_ : all_;
    for (std::size_t rank = 0; rank < ranks_; ++rank) {
      CudaGpu& gpu = *world_.gpus[rank];
      gpu.enter();
      from_.emplace_back(gpu, Element::bf16, sent, seed + rank);
      to_.emplace_back(gpu, Element::bf16, received);
      for (std::vector<cudaEvent_t>* events : {&begins_, &ends_}) {
        events->push_back(nullptr);
        require(cudaEventCreate(&events->back()), "cudaEventCreate");
      }
    }
  }
  ~CollectiveKernel() override {
    for (const std::vector<cudaEvent_t>* events : {&begins_, &ends_})
      for (cudaEvent_t event : *events)
        if (event != nullptr) static_cast<void>(cudaEventDestroy(event));
  }

  [[nodiscard]] std::string check() override {
    for (std::size_t rank = 0; rank < ranks_; ++rank) {
      world_.gpus[rank]->enter();
      to_[rank].poison();
    }
    launch();
    for (std::size_t rank = 0; rank < ranks_; ++rank) world_.gpus[rank]->wait();
    std::string wrong;
    const std::size_t first = shape_.op == "p2p" ? 1 : 0;
    for (std::size_t rank = first; rank < ranks_ && wrong.empty(); ++rank) {
      world_.gpus[rank]->enter();
      wrong = to_[rank].unwritten();
      const std::int64_t count = shape_.op == "reduce_scatter" ? part_ : all_;
      for (std::int64_t at = 0; at < count && wrong.empty(); at += count / 32 + 1)
        wrong = compare(rank, at);
    }
    return wrong;
  }
  void evict() override {}

  [[nodiscard]] LaunchTime time(std::int64_t launches) override {
    mark(begins_);
    for (std::int64_t i = 0; i < launches; ++i) launch();
    mark(ends_);
    double slowest = 0;
    for (std::size_t rank = 0; rank < ranks_; ++rank) {
      world_.gpus[rank]->enter();
      require(cudaEventSynchronize(ends_[rank]), "a collective");
      float milliseconds = 0;
      require(cudaEventElapsedTime(&milliseconds, begins_[rank], ends_[rank]),
              "cudaEventElapsedTime");
      slowest = std::max(slowest, static_cast<double>(milliseconds) * 1e6);
    }
    return {std::max(1.0, slowest) / static_cast<double>(launches), 0};
  }

 private:
  [[nodiscard]] cudaStream_t stream(std::size_t rank) const {
    return static_cast<cudaStream_t>(world_.gpus[rank]->stream(0));
  }
  void mark(const std::vector<cudaEvent_t>& events) const {
    for (std::size_t rank = 0; rank < ranks_; ++rank) {
      world_.gpus[rank]->enter();
      require(cudaEventRecord(events[rank], stream(rank)), "cudaEventRecord");
    }
  }
  /// Memory of the other GPU seen directly, where the hardware can.
  void open_peers() const {
    for (int rank = 0; rank < 2; ++rank) {
      world_.gpus[static_cast<std::size_t>(rank)]->enter();
      const cudaError_t status = cudaDeviceEnablePeerAccess(world_.ordinal + 1 - rank, 0);
      if (status != cudaSuccess) static_cast<void>(cudaGetLastError());
    }
  }
  void launch() {
    if (copied_) {
      world_.gpus[0]->enter();
      require(cudaMemcpyPeerAsync(to_[1].data(), world_.ordinal + 1, from_[0].data(),
                                  world_.ordinal, static_cast<std::size_t>(2 * all_), stream(0)),
              "cudaMemcpyPeerAsync");
      return;
    }
    const Nccl& nccl = *find_nccl();
    require_nccl(nccl, nccl.group_start(), "ncclGroupStart");
    try {
      for (std::size_t rank = 0; rank < ranks_; ++rank) queue_rank(nccl, rank);
    } catch (...) {
      // A group that stays open would only queue what comes after it.
      static_cast<void>(nccl.group_end());
      throw;
    }
    require_nccl(nccl, nccl.group_end(), shape_.op.c_str());
  }
  void queue_rank(const Nccl& nccl, std::size_t rank) {
    const void* const from = from_[rank].data();
    void* const to = to_[rank].data();
    const Nccl::Communicator own = communicators_[rank];
    const auto all = static_cast<std::size_t>(all_), part = static_cast<std::size_t>(part_);
    int status = 0;
    if (shape_.op == "all_reduce") {
      status = nccl.all_reduce(from, to, all, kNcclBf16, kNcclSum, own, stream(rank));
    } else if (shape_.op == "all_gather") {
      status = nccl.all_gather(from, to, part, kNcclBf16, own, stream(rank));
    } else if (shape_.op == "reduce_scatter") {
      status = nccl.reduce_scatter(from, to, part, kNcclBf16, kNcclSum, own, stream(rank));
    } else if (shape_.op == "all_to_all") {
      for (std::size_t peer = 0; peer < ranks_; ++peer) {
        const auto* const at = static_cast<const Bf16*>(from) + peer * part;
        auto* const place = static_cast<Bf16*>(to) + peer * part;
        const int number = static_cast<int>(peer);
        require_nccl(nccl, nccl.send(at, part, kNcclBf16, number, own, stream(rank)), "ncclSend");
        require_nccl(nccl, nccl.receive(place, part, kNcclBf16, number, own, stream(rank)),
                     "ncclRecv");
      }
    } else if (rank == 0) {
      status = nccl.send(from, all, kNcclBf16, 1, own, stream(rank));
    } else {
      status = nccl.receive(to, all, kNcclBf16, 0, own, stream(rank));
    }
    require_nccl(nccl, status, shape_.op.c_str());
  }
  [[nodiscard]] std::string compare(std::size_t rank, std::int64_t at) const {
    const auto own = static_cast<std::int64_t>(rank);
    double want = 0, allowed = 0;
    if (shape_.op == "all_gather") {
      want = from_[static_cast<std::size_t>(at / part_)].at(at % part_);
    } else if (shape_.op == "all_to_all") {
      want = from_[static_cast<std::size_t>(at / part_)].at(own * part_ + at % part_);
    } else if (shape_.op == "p2p") {
      want = from_[0].at(at);
    } else {
      const std::int64_t place = shape_.op == "all_reduce" ? at : own * part_ + at;
      for (const Operand& operand : from_) {
        want += operand.at(place);
        // Each hop may round the sum so far.
        allowed += std::abs(operand.at(place)) * kBf16Error * static_cast<double>(shape_.ranks);
      }
    }
    return differs(at, to_[rank].at(at), want, allowed);
  }

  Collectives::World& world_;
  KernelShape shape_;
  std::size_t ranks_;
  std::int64_t all_, part_;
  bool copied_;
  std::vector<Nccl::Communicator> communicators_{};
  std::vector<Operand> from_{};
  std::vector<Output> to_{};
  std::vector<cudaEvent_t> begins_{}, ends_{};
};

}  // namespace

Collectives::Collectives(int ordinal) : world_(std::make_unique<World>(ordinal)) {}
Collectives::~Collectives() = default;

bool Collectives::knows(const KernelShape& shape) {
  return shape.op == "all_reduce" || shape.op == "all_gather" || shape.op == "reduce_scatter" ||
         shape.op == "all_to_all" || (shape.op == "p2p" && shape.ranks == 2);
}

Preparation Collectives::prepare(const KernelShape& shape, std::uint64_t seed) {
  if (shape.ranks < 2 || shape.bytes < 2 * shape.ranks || shape.bytes % (2 * shape.ranks) != 0)
    return {nullptr, "expected a message of whole bf16 numbers for each of two ranks or more"};
  return {std::make_unique<CollectiveKernel>(*world_, shape, seed), {}};
}

std::string Collectives::text() const {
  const Nccl* const nccl = find_nccl();
  return nccl == nullptr ? "no NCCL" : "NCCL " + nccl->version;
}

}  // namespace headroom::gpu
