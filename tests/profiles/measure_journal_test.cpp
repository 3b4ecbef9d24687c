#include "profiles/measure_journal.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "sim/check.h"
#include "tests/catch.h"
#include "tests/scratch.h"

namespace {

namespace fs = std::filesystem;
using namespace headroom;

struct Scratch : test::ScratchFolder {
  [[nodiscard]] std::string file() const { return ScratchFolder::file("journal"); }
};

StepRecord record(std::int64_t step) {
  StepRecord made;
  made.step = step;
  made.state = StepState::noisy;
  made.launches = 16;
  made.clock = 1755.5;
  made.note = "tab\tand\nline";
  made.device_ns = {1.25, 1000000.5, 3};
  made.wall_ns = {2, 4, 5.75};
  return made;
}

std::string bytes_of(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string message_of(const std::string& path, const std::string& identity) {
  try {
    MeasureJournal journal(path, identity);
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("a journal gives back what was appended, to a later process too") {
  const Scratch scratch;
  {
    MeasureJournal journal(scratch.file(), "x");
    for (std::int64_t step = 0; step < 3; ++step) journal.append(record(step));
  }
  MeasureJournal again(scratch.file(), "x");
  REQUIRE(again.records().size() == 3);
  const StepRecord& read = again.records()[2];
  CHECK(read.step == 2);
  CHECK(read.state == StepState::noisy);
  CHECK(read.launches == 16);
  CHECK(read.clock == 1755.5);
  CHECK(read.note == "tab and line");
  CHECK(read.device_ns == std::vector<double>{1.25, 1000000.5, 3});
  CHECK(read.wall_ns == std::vector<double>{2, 4, 5.75});
}

TEST_CASE("a journal cut at any byte holds the whole lines before the cut, and can be continued") {
  const Scratch scratch;
  std::vector<std::size_t> ends;
  {
    MeasureJournal journal(scratch.file(), "x");
    ends.push_back(bytes_of(scratch.file()).size());
    for (std::int64_t step = 0; step < 3; ++step) {
      journal.append(record(step));
      ends.push_back(bytes_of(scratch.file()).size());
    }
  }
  const std::string whole = bytes_of(scratch.file());
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    std::ofstream(scratch.file(), std::ios::binary) << whole.substr(0, cut);
    std::size_t expected = 0;
    for (std::size_t i = 1; i < ends.size(); ++i)
      if (ends[i] <= cut) ++expected;
    {
      MeasureJournal journal(scratch.file(), "x");
      REQUIRE(journal.records().size() == expected);
      journal.append(record(9));
    }
    MeasureJournal journal(scratch.file(), "x");
    REQUIRE(journal.records().size() == expected + 1);
    CHECK(journal.records().back().step == 9);
  }
}

TEST_CASE("a changed byte ends the journal before its line") {
  const Scratch scratch;
  {
    MeasureJournal journal(scratch.file(), "x");
    journal.append(record(0));
    journal.append(record(1));
  }
  std::string bytes = bytes_of(scratch.file());
  bytes[bytes.rfind("noisy")] = 'N';
  std::ofstream(scratch.file(), std::ios::binary) << bytes;
  MeasureJournal journal(scratch.file(), "x");
  CHECK(journal.records().size() == 1);
}

TEST_CASE("another measurement's journal, another file and a journal in use are refused") {
  const Scratch scratch;
  {
    MeasureJournal journal(scratch.file(), "device a");
    CHECK(message_of(scratch.file(), "device a").find("in use") != std::string::npos);
  }
  const std::string other = message_of(scratch.file(), "device b");
  CHECK(other.find("expected a measurement of device b, got one of device a") != std::string::npos);
  std::ofstream(scratch.file(), std::ios::binary) << "my letters, not yours";
  CHECK(message_of(scratch.file(), "x").find("move it away") != std::string::npos);
  CHECK(bytes_of(scratch.file()) == "my letters, not yours");
  CHECK(message_of(scratch.file() + "/below", "x").find("expected a place") != std::string::npos);
}

TEST_CASE("a full disk loses the step in progress alone") {
  const Scratch scratch;
  ::rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  {
    MeasureJournal journal(scratch.file(), "x");
    journal.append(record(0));
    ::rlimit tight = before;
    tight.rlim_cur = bytes_of(scratch.file()).size() + 20;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
    bool refused = false;
    try {
      journal.append(record(1));
    } catch (const InputError& error) {
      refused = std::string(error.what()).find("free the disk") != std::string::npos;
    }
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK(refused);
    CHECK(journal.records().size() == 1);
    journal.append(record(2));
  }
  static_cast<void>(std::signal(SIGXFSZ, old_handler));
  MeasureJournal journal(scratch.file(), "x");
  REQUIRE(journal.records().size() == 2);
  CHECK(journal.records()[1].step == 2);
}
