// An OpenAI-compatible completions server on loopback, in a thread of its own, whose costs are
// those of a known engine in real time; or one that misbehaves in a chosen way.
//
// Steps end at the moments that the costs say, however late the thread wakes up: what a busy
// machine adds does not add up. Prompts have a token a word and one before them.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/profiles/known_engine.h"

namespace headroom::known {

enum class Manner {
  good,
  not_streaming,    ///< one JSON document
  fails,            ///< status 500
  wants_no_extras,  ///< status 400 where "ignore_eos" is given
  endless,          ///< ten times as many tokens as asked for
  cuts,             ///< closes in the middle of the answer
  complains,        ///< an error event instead of tokens
  says_nothing,     ///< takes the request and never answers
  talks_nonsense,   ///< events that are no JSON
  dies_later,       ///< fails from the tenth request on
};

class Server {
 public:
  explicit Server(const Costs& costs, Manner manner = Manner::good)
      : engine_(costs), manner_(manner) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (listener_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        ::listen(listener_, 64) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) != 0)
      std::abort();
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { loop(); });
  }
  ~Server() {
    stop_ = true;
    thread_.join();
    for (auto& [id, connection] : connections_) ::close(connection.socket);
    ::close(listener_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] int requests() const { return requests_; }
  /// By how much this thread woke up after the moments that the costs say, on average: what the
  /// machine adds to a front end, for the server cannot see a request before it runs.
  [[nodiscard]] double late_s() const {
    return steps_ == 0 ? 0 : static_cast<double>(late_ns_) * 1e-9 / steps_;
  }

 private:
  struct Connection {
    int socket = -1;
    std::string received{};
    bool asked = false, chat = false;
    std::int64_t prompt = 0, tokens = 0, sent = 0;
  };

  static double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }

  void loop() {
    while (!stop_) {
      while (engine_.next() <= now()) {
        late_ns_ += static_cast<std::int64_t>((now() - engine_.next()) * 1e9);
        ++steps_;
        for (const Engine::Token& token : engine_.advance()) send_token(token);
      }
      std::vector<pollfd> polled{{listener_, POLLIN, 0}};
      std::vector<std::size_t> ids{0};
      for (const auto& [id, connection] : connections_) {
        polled.push_back({connection.socket, POLLIN, 0});
        ids.push_back(id);
      }
      const double wait = std::clamp(engine_.next() - now(), 0.0, 0.05);
      timespec span{0, static_cast<long>(wait * 1e9)};
      if (::ppoll(polled.data(), polled.size(), &span, nullptr) <= 0) continue;
      if (polled[0].revents != 0) accept_one();
      for (std::size_t i = 1; i < polled.size(); ++i)
        if (polled[i].revents != 0) receive(ids[i]);
    }
  }

  void accept_one() {
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) return;
    const int on = 1;
    ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections_[++last_id_].socket = socket;
  }

  void drop(std::size_t id) {
    ::close(connections_[id].socket);
    connections_.erase(id);
  }

  void receive(std::size_t id) {
    Connection& connection = connections_[id];
    char bytes[65536];
    const ssize_t got = ::recv(connection.socket, bytes, sizeof bytes, 0);
    if (got <= 0) {
      drop(id);
      return;
    }
    connection.received.append(bytes, static_cast<std::size_t>(got));
    const std::string& text = connection.received;
    const std::size_t head = text.find("\r\n\r\n");
    if (head == std::string::npos || connection.asked) return;
    if (text.starts_with("GET ")) {
      if (text.starts_with("GET /v1/models "))
        page(id, "200 OK", R"({"data":[{"id":"known-model"}]})");
      else
        page(id, "404 Not Found", "{}");
      return;
    }
    if (text.size() < head + 4 + number_after(text, "Content-Length: ")) return;
    connection.asked = true;
    ask(id, text.substr(head + 4), text.starts_with("POST /v1/chat/completions "));
  }

  static std::size_t number_after(const std::string& text, const std::string& word) {
    const std::size_t at = text.find(word);
    return at == std::string::npos ? 0
                                   : std::strtoull(text.c_str() + at + word.size(), nullptr, 10);
  }

  void ask(std::size_t id, const std::string& body, bool chat) {
    ++requests_;
    Connection& connection = connections_[id];
    const std::string key = chat ? "\"content\":\"" : "\"prompt\":\"";
    const std::size_t from = body.find(key) + key.size();
    const std::string prompt = body.substr(from, body.find('"', from) - from);
    connection.chat = chat;
    connection.prompt = std::count(prompt.begin(), prompt.end(), ' ') + 2;
    connection.tokens = static_cast<std::int64_t>(number_after(body, "\"max_tokens\":"));
    constexpr int kDiesAt = 10;
    if (manner_ == Manner::fails || (manner_ == Manner::dies_later && requests_ >= kDiesAt)) {
      page(id, "500 Internal Server Error", "{\"error\":{\"message\":\"out of memory\"}}");
    } else if (manner_ == Manner::wants_no_extras && body.find("ignore_eos") != std::string::npos) {
      page(id, "400 Bad Request", "{\"error\":\"unknown field ignore_eos\"}");
    } else if (manner_ == Manner::not_streaming) {
      page(id, "200 OK", R"({"choices":[{"text":"all of it"}]})");
    } else if (manner_ != Manner::says_nothing) {
      send(id,
           "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
           "Transfer-Encoding: chunked\r\n\r\n");
      if (manner_ == Manner::endless) connection.tokens *= 10;
      engine_.submit(id, now(), connection.prompt, connection.tokens);
    }
  }

  void page(std::size_t id, const std::string& status, const std::string& text) {
    send(id, "HTTP/1.1 " + status + "\r\nContent-Type: application/json\r\nContent-Length: " +
                 std::to_string(text.size()) + "\r\nConnection: close\r\n\r\n" + text);
    drop(id);
  }

  /// Small writes into an empty socket buffer: they fit, or the client is gone.
  void send(std::size_t id, const std::string& text) {
    static_cast<void>(!::send(connections_[id].socket, text.data(), text.size(), MSG_NOSIGNAL));
  }

  void event(std::size_t id, const std::string& data) {
    const std::string text = "data: " + data + "\n\n";
    char size[32];
    std::snprintf(size, sizeof size, "%zx\r\n", text.size());
    send(id, size + text + "\r\n");
  }

  void send_token(const Engine::Token& token) {
    const std::size_t id = token.request;
    const auto it = connections_.find(id);
    if (it == connections_.end()) return;  // the client left; the work is done all the same
    if (manner_ == Manner::complains) {
      event(id, R"({"error":{"message":"no such model"}})");
      return;
    }
    if (manner_ == Manner::talks_nonsense) {
      event(id, "<html>");
      return;
    }
    event(id, std::string(R"({"id":"x","model":"known-model","choices":[{"index":0,)") +
                  (it->second.chat ? R"("delta":{"content":" w"})" : R"("text":" w")") +
                  R"(,"finish_reason":)" + (token.last ? "\"length\"" : "null") + "}]}");
    ++it->second.sent;
    if (manner_ == Manner::cuts && it->second.sent == 3) {
      drop(id);
      return;
    }
    if (!token.last) return;
    event(id, R"({"choices":[],"usage":{"prompt_tokens":)" + std::to_string(it->second.prompt) +
                  R"(,"completion_tokens":)" + std::to_string(it->second.sent) + "}}");
    event(id, "[DONE]");
    send(id, "0\r\n\r\n");
  }

  Engine engine_;
  Manner manner_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<int> requests_{0};
  std::atomic<int> steps_{0};
  std::atomic<std::int64_t> late_ns_{0};
  std::size_t last_id_ = 0;
  std::map<std::size_t, Connection> connections_{};
  std::thread thread_{};
};

}  // namespace headroom::known
