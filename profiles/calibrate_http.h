// A streaming completions server behind HTTP, asked through libcurl.
//
// Law: no more requests are open at a time than an experiment has; every request is a connection of
// its own and ends by its answer, a fault, a time limit or a stop, at which all are closed. Answers
// are never more than twice as long as asked for. Prompts are words drawn anew for each request, so
// that no cache of prefixes answers.
// Cost: the server's time; tokens are stamped when their bytes arrive, in this thread.
// Not here: what is asked (profiles/calibrate_plan.h), what bytes mean
// (profiles/calibrate_stream.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "profiles/calibrate_session.h"

namespace headroom {

/// "http://HOST:PORT", perhaps with "/v1", "/v1/completions" or "/v1/chat/completions" behind it,
/// as the address that completions (of chat, where it says so) are asked at. Throws
/// InputError{where} for anything else than http or https with a host, and for user names in it.
[[nodiscard]] std::string completions_url(const std::string& url, const std::string& where);

struct HttpServerOptions {
  std::string url{};       ///< of `completions_url`
  std::string model{};     ///< empty: the first that the server lists
  std::string fields{};    ///< further members of requests, a JSON object
  std::string api_key{};   ///< sent as a bearer token; empty: none
  double request_s = 120;  ///< longest time of one request
  double all_s = 1800;     ///< longest time of everything
  std::uint64_t seed = 1;  ///< of the prompts' words
  const std::atomic<bool>* stop = nullptr;
};

class HttpServer final : public CompletionServer {
 public:
  /// Asks for nothing yet but, where no model is given, for the list of models.
  explicit HttpServer(HttpServerOptions options);
  ~HttpServer() override;
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::optional<std::vector<ServedRequest>> serve(
      const Experiment& experiment) override;

  /// The name that the server gives its model, else the one asked for; may be empty.
  [[nodiscard]] const std::string& model() const;

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace headroom
