// Timelines of edge sites: each task's way, and the sentence that says why it missed.
#include "reports/edge_timeline.h"

#include <map>

#include "tests/catch.h"
#include "tests/cli/program.h"
#include "tests/policies/edge_world.h"
#include "tests/reports/timeline_file.h"

using namespace headroom;
using namespace headroom::edge_test;

namespace {

/// The events of a run of a world, in the order of the file.
std::vector<JsonNode> timeline_of(World& world, std::uint64_t most = kMostTimelineTasks) {
  const TimelineFile file;
  EdgeTimeline timeline(file.path(), world.setup.types, most);
  world.open();
  world.setup.observers.push_back(&timeline);
  while (world.site->next() < Instant::never()) world.site->step();
  world.site->finish();
  timeline.commit();
  CHECK(timeline.left_out() + std::min<std::uint64_t>(most, world.arrivals.size()) ==
        world.arrivals.size());
  world.setup.observers.clear();
  return file.document().find("traceEvents")->children;
}

std::string text_of(const JsonNode& event, const char* key) {
  const JsonNode* found = event.find(key);
  return found == nullptr ? "" : found->text;
}

std::string argument(const JsonNode& event, const char* key) {
  const JsonNode* args = event.find("args");
  return args == nullptr ? "" : text_of(*args, key);
}

/// "name start..end" of a task's slices in milliseconds, its outermost first, "; " between.
std::string way_of(const std::vector<JsonNode>& events, const std::string& id) {
  std::vector<std::string> slices;
  std::vector<std::size_t> open;
  const auto ms_text = [](const JsonNode& event) {
    return std::to_string(std::stoll(text_of(event, "ts")) / 1000);
  };
  for (const JsonNode& event : events) {
    if (text_of(event, "id") != id) continue;
    const std::string phase = text_of(event, "ph");
    if (phase == "b") {
      open.push_back(slices.size());
      slices.push_back(text_of(event, "name") + " " + ms_text(event) + "..");
    } else if (phase == "e") {
      slices[open.back()] += ms_text(event);
      open.pop_back();
    } else if (phase == "n") {
      slices.push_back(text_of(event, "name") + " " + ms_text(event));
    }
  }
  CHECK(open.empty());
  std::string text;
  for (const std::string& slice : slices) text += (text.empty() ? "" : "; ") + slice;
  return text;
}

std::string why_of(const std::vector<JsonNode>& events, const std::string& name) {
  for (const JsonNode& event : events) {
    if (text_of(event, "name") == name && text_of(event, "ph") == "b") {
      return argument(event, "why");
    }
  }
  return "no such task";
}

}  // namespace

TEST_CASE("a task's way is its places in order, nested in the task") {
  // HV runs to 174, DEV waits for it and runs to 346; CD of 500 ms slack fits nowhere.
  World world("edge-cloud");
  world.arrive(0, "HV");
  world.arrive(0, "DEV");
  world.arrive(10, "CD", 500);
  const std::vector<JsonNode> events = timeline_of(world);
  CHECK(way_of(events, "0x0") == "HV 0..174; runs at the edge 0..174");
  CHECK(way_of(events, "0x1") ==
        "DEV 0..346; queued at the edge 0..174; runs at the edge 174..346");
  CHECK(way_of(events, "0x2") == "CD missed: no_place_in_time 10..10");
  CHECK(why_of(events, "CD missed: no_place_in_time") ==
        "dropped with 500.0 ms left: 563.0 ms are expected at the edge behind its queue, 878.0 ms "
        "in the cloud");
  for (const JsonNode& event : events) {
    if (text_of(event, "id") == "0x2" && text_of(event, "ph") == "b") {
      CHECK(argument(event, "dropped by") == "its arrival");
    }
  }
}

TEST_CASE(
    "a call is its wait, network, start and execution; a missed one says which was too much") {
  World world("cloud-only");
  world.setup.cloud.concurrency = 1;
  world.setup.cloud.cold_start = ms(20);
  world.setup.cloud.network = {{Instant(), ms(30), BytesPerSecond(0)}};
  world.arrive(0, "HV");
  world.arrivals.back().cloud_actual = ms(640);  // 30 + 20 + 640 = 690 > 650
  world.arrive(0, "MD", 3000);
  const std::vector<JsonNode> events = timeline_of(world);
  CHECK(way_of(events, "0x0") ==
        "HV missed: cloud_slow 0..690; call: network 0..30; call: instance starts 30..50; call: "
        "executes 50..690; deadline 650");
  CHECK(why_of(events, "HV missed: cloud_slow") ==
        "the call executed 640.0 ms, 398.0 ms expected: 40.00 ms late");
  CHECK(way_of(events, "0x1") ==
        "MD 0..1329; waits for a call 0..690; call: network 690..720; call: instance starts "
        "720..740; call: executes 740..1329");
}

TEST_CASE("a slice says what sent the task there") {
  // As in the oracle of the repaired scheduler: DEV's place is taken, so that it is parked and
  // called 50 ms before its trigger.
  World world("dems");
  for (const char* name : {"BP", "CD", "HV", "DEV"}) world.arrive(0, name);
  const std::vector<JsonNode> events = timeline_of(world);
  std::map<std::string, std::string> sent;  // slice of DEV, which has id 3
  for (const JsonNode& event : events) {
    if (text_of(event, "id") == "0x3" && text_of(event, "ph") == "b") {
      sent[text_of(event, "name")] = argument(event, "sent by");
    }
  }
  CHECK(sent["parked for its trigger"] == "its arrival");
  CHECK(way_of(events, "0x3")
            .starts_with("DEV 0..690; parked for its trigger 0..261; call: executes"));
}

TEST_CASE("a displaced task names the newcomer") {
  World world("dem");
  EdgeTaskType rich = world.setup.types[world.type("DEV")];
  rich.name = "RICH";
  rich.benefit = 1000;
  rich.cloud_price = 900;
  world.setup.types.push_back(rich);
  EdgeTaskType blocker = rich;
  blocker.name = "X";
  blocker.edge_time = ms(400);
  world.setup.types.push_back(blocker);
  world.arrive(0, "X", 20'000);
  world.arrive(1, "CD", 1000);   // ends 963 of 1001
  world.arrive(1, "RICH", 750);  // ends 572 of 751; CD would end 1135
  const std::vector<JsonNode> events = timeline_of(world);
  bool named = false;
  for (const JsonNode& event : events) {
    named = named || (text_of(event, "id") == "0x1" &&
                      argument(event, "sent by") == "the arrival of task 2");
  }
  CHECK(world.outcome("CD") == EdgeOutcome::rescheduled_cloud);
  CHECK(named);
  // All three arrive before the queue moves, so that of CD's way only the call takes time.
  CHECK(way_of(events, "0x1") == "CD 1..879; call: executes 1..879");
}

TEST_CASE("only the first tasks are shown, whole, and the accelerator never runs two") {
  World world("edge-fifo");
  for (std::int64_t i = 0; i < 20; ++i) world.arrive(i * 100, "HV", 5000);
  const std::vector<JsonNode> few = timeline_of(world, 3);
  CHECK(way_of(few, "0x2") ==
        "HV 200..522; queued at the edge 200..348; runs at the edge 348..522");
  CHECK(way_of(few, "0x3").empty());
  World all("edge-fifo");
  for (std::int64_t i = 0; i < 20; ++i) all.arrive(i * 100, "HV", 5000);
  double free = 0;
  std::size_t runs = 0;
  for (const JsonNode& event : timeline_of(all)) {
    if (text_of(event, "ph") != "X") continue;
    CHECK(std::stod(text_of(event, "ts")) >= free);
    free = std::stod(text_of(event, "ts")) + std::stod(text_of(event, "dur"));
    ++runs;
  }
  CHECK(runs == 20);
}

TEST_CASE("every cause has its sentence") {
  EdgeTaskType type;
  type.benefit = 40;
  type.cloud_price = 43;
  type.cloud_time = ms(400);
  EdgeResult result;
  result.task.deadline = at_ms(700);
  result.task.edge_time = ms(100);
  result.task.cloud_time = ms(400);
  result.when = at_ms(750);
  result.actual = ms(180);
  CloudCall call;
  call.waited = ms(11);
  call.network = ms(12);
  call.cold_start = ms(13);
  const auto why = [&](MissCause cause) { return why_missed(type, result, cause, &call); };
  CHECK(why(MissCause::none).empty());
  CHECK(why(MissCause::edge_slow) == "ran 180.0 ms at the edge, 100.0 ms expected: 50.00 ms late");
  CHECK(why(MissCause::cloud_wait) == "waited 11.00 ms for its turn to call: 50.00 ms late");
  CHECK(why(MissCause::cloud_network) ==
        "the call's upload and latency took 12.00 ms: 50.00 ms late");
  CHECK(why(MissCause::cloud_cold) == "the call started an instance for 13.00 ms: 50.00 ms late");
  CHECK(why(MissCause::cloud_timeout) == "the call was given up or refused after 180.0 ms");
  result.when = at_ms(640);
  CHECK(why(MissCause::edge_wait) ==
        "its turn at the edge came with 60.00 ms left, 100.0 ms are expected there");
  CHECK(why_missed(type, result, MissCause::cloud_wait, nullptr) ==
        "its turn for a call came with 60.00 ms left, 400.0 ms are expected");
  CHECK(why(MissCause::not_worth_cloud) ==
        "dropped with 60.00 ms left: the edge had no room, and a call costs 43 of the 40 points "
        "that it gives");
}

TEST_CASE(
    "headroom run writes a timeline of edge sites, with a serving cluster beside them or not") {
  const cli_test::Folder folder;
  const std::string run = "run drones --set edge.fleet.duration='20 s' ";
  const cli_test::Outcome plain = folder.headroom(run);
  const cli_test::Outcome watched = folder.headroom(run + "--timeline t.json");
  CHECK(watched.code == 0);
  CHECK(watched.out == plain.out);  // who looks on changes nothing
  const JsonNode document = parse_json(folder.read("t.json"), "t.json");
  std::size_t tasks = 0;
  for (const JsonNode& event : document.find("traceEvents")->children) {
    if (text_of(event, "ph") == "b" && !argument(event, "outcome").empty()) ++tasks;
  }
  CHECK(tasks == 14 * 20 * 6);
  const cli_test::Outcome joint =
      folder.headroom("run drones-on-a-cluster --set edge.fleet.duration='5 s' --timeline -");
  CHECK(joint.code == 0);
  CHECK(joint.out.starts_with("{\"displayTimeUnit\""));
  CHECK(folder.files() == std::set<std::string>{"t.json"});
}
