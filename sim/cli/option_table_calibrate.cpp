// The command line of `headroom profile calibrate`.
#include "sim/cli/commands.h"
#include "sim/cli/option_table.h"

namespace headroom {

CommandSpec calibrate_spec() {
  return {"profile calibrate",
          "",
          0,
          0,
          "a running server's costs, measured from outside",
          {{"headroom profile calibrate --url http://localhost:8000 --output my-server",
            "two files to simulate it with; interrupted, the same command goes on"},
           {"headroom profile calibrate --url http://localhost:8000 --concurrency 1,8,32,64 --list",
            "what it would send, and nothing sent"}},
          {{"url", "URL",
            "of any OpenAI-compatible server: http://HOST:PORT, or its /v1/chat/completions"},
           {"output", "NAME", "writes NAME.cost.json and NAME.engine.json; calibrated if left out"},
           {"model", "NAME", "the server's name of its model; the first it lists when left out"},
           {"concurrency", "LIST", "requests at a time to fit on; 1,2,4,8 when left out"},
           {"hold-out", "LIST",
            "requests at a time to check the fit with, or none; 3,6 as far as "
            "--concurrency reaches when left out"},
           {"prompts", "LIST", "tokens of lone prompts; 32,128,512,1024 when left out"},
           {"contexts", "LIST", "tokens of concurrent requests' prompts; 32,512 when left out"},
           {"tokens", "N", "of an answer, at least; 24 when left out"},
           {"rounds", "N", "times everything is measured; 3 when left out"},
           {"late", "N", "requests into a running decode, of each length; 8 when left out"},
           {"fields", "JSON", "members to add to each request; null takes one of ours out"},
           {"key-variable", "NAME", "environment variable with the server's API key"},
           {"engine", "NAME", "bundled engine whose other figures hold; vllm when left out"},
           {"request-seconds", "N", "longest time of one request; 120 when left out"},
           {"most-seconds", "N", "longest time of everything; 1800 when left out"},
           {"seed", "N", "of the order and the prompts; 1 when left out"},
           {"list", "", "say what would be sent, and send nothing"},
           {"quiet", "", "nothing on stderr but complaints"}},
          command_profile_calibrate};
}

}  // namespace headroom
