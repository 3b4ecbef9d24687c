// headroom profile measure as a user meets it: interrupted, killed, out of space, without a device.
#include "tests/catch.h"
#include "tests/cli/program.h"

using namespace headroom::cli_test;

namespace {

/// Steps that the journal in the folder holds; its first line is its header.
long steps_kept(const Folder& folder) {
  long lines = -1;
  for (const std::string& name : folder.files())
    if (name.find(".measuring-") != std::string::npos) {
      const std::string text = folder.read(name);
      lines = std::count(text.begin(), text.end(), '\n') - 1;
    }
  return lines;
}

bool cpu_can_be_measured(const Folder& folder) {
  // Ended at once by an alarm where it can, by exit 2 where OpenBLAS is missing.
  const Outcome outcome =
      folder.shell("timeout -s INT 2 \"$HEADROOM\" profile measure first.db --device cpu");
  if (outcome.code != 2) return true;
  WARN("skipped: " << outcome.err);
  CHECK(outcome.err.find("install it") != std::string::npos);
  CHECK(std::getenv("HEADROOM_CI") == nullptr);
  return false;
}

}  // namespace

TEST_CASE("a measurement that is interrupted, killed or out of space keeps what it has measured") {
  const Folder probe;
  if (!cpu_can_be_measured(probe)) return;
  const Folder folder;
  // In the foreground, timeout signals once; otherwise its child and its group, and a second one
  // kills.
  const Outcome stopped =
      folder.shell("timeout --foreground -s INT 3 \"$HEADROOM\" profile measure k.db --device cpu");
  INFO(stopped.err);
  CHECK(stopped.code == 124);  // of timeout: the program was still running
  CHECK(stopped.err.find("run the same command again to go on") != std::string::npos);
  const long after_interrupt = steps_kept(folder);
  CHECK(after_interrupt >= 1);

  static_cast<void>(
      folder.shell("timeout -s KILL 3 \"$HEADROOM\" profile measure k.db --device cpu"));
  const long after_kill = steps_kept(folder);
  CHECK(after_kill > after_interrupt);

  // Files may grow by a kilobyte at most: less than a few steps take.
  const Outcome full = folder.shell(
      "size=$(stat -c %s k.db.measuring-*) && ulimit -f $((size / 1024 + 1)) && "
      "\"$HEADROOM\" profile measure k.db --device cpu");
  INFO(full.err);
  CHECK(full.code == 2);
  CHECK(full.err.find("goes on where it stopped") != std::string::npos);
  CHECK(steps_kept(folder) >= after_kill);
  CHECK(folder.headroom("profile list k.db").err.find("got none") != std::string::npos);
}

TEST_CASE("what cannot be measured is one line and exit code 2") {
  const Folder folder;
  const auto refused = [&](const std::string& arguments, const std::string& part) {
    const Outcome outcome = folder.headroom("profile measure k.db " + arguments);
    INFO(arguments << ": " << outcome.err);
    CHECK(outcome.code == 2);
    CHECK(outcome.error_lines() == 1);
    CHECK(outcome.err.find(part) != std::string::npos);
  };
  refused("--device tpu", "expected cpu or cuda:N");
  refused("--device cuda:x", "expected cpu or cuda:N");
  refused("--plan tiny", "expected quick, model or full");
  refused("--plan model", "add --model NAME");
  refused("--plan full --model llama-3.1-8b", "with the plan model only");
  refused("--model mixtral-8x7b", "expected a dense model on a CPU");
  refused("--device cuda:0 --model deepseek-v3", "expected a model with plain attention");
  refused("--passes 1", "--passes");
}

TEST_CASE("without a GPU, measuring one is a line that says so") {
  // With a GPU of its own a machine measures it instead: hidden from the driver there is none.
  const Folder folder;
  const Outcome outcome =
      folder.shell("CUDA_VISIBLE_DEVICES= \"$HEADROOM\" profile measure k.db --device cuda:0");
  INFO(outcome.err);
  CHECK(outcome.code == 2);
  CHECK(outcome.error_lines() == 1);
  CHECK(outcome.err.find("--device cuda:0: expected ") != std::string::npos);
}

TEST_CASE("a plan is listed without measuring, and without a device") {
  const Folder folder;
  const Outcome cpu = folder.headroom("profile measure k.db --list");
  CHECK(cpu.code == 0);
  CHECK(cpu.out.find("gemm fp32/fp32 m=1 n=512 k=1536 [cold]\n") != std::string::npos);
  const Outcome gpu =
      folder.headroom("profile measure k.db --device cuda:0 --model llama-3.1-8b --tp 4 --list");
  CHECK(gpu.code == 0);
  // (32 + 2 x 8) x 128 / 4 columns of query, key and value.
  CHECK(gpu.out.find("n=1536 k=4096 [cold]\n") != std::string::npos);
  const Outcome experts =
      folder.headroom("profile measure k.db --device cuda:0 --model mixtral-8x7b --tp 4 --list");
  CHECK(experts.code == 0);
  CHECK(experts.out.find("moe ") != std::string::npos);
  CHECK(folder.files().empty());
}
