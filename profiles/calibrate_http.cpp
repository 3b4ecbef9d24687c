#include "profiles/calibrate_http.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <ctime>
#include <limits>
#include <string_view>
#include <utility>

#include "profiles/calibrate_stream.h"
#include "profiles/measure_plan.h"
#include "profiles/measure_stats.h"

namespace headroom {
namespace {

/// Seconds of a clock that is never set.
double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void sleep_s(double seconds) {
  std::timespec span{};
  span.tv_nsec = static_cast<long>(std::clamp(seconds, 0.0, 0.5) * 1e9);
  ::nanosleep(&span, nullptr);
}

constexpr std::string_view kCompletions = "/completions", kChat = "/chat/completions";

/// Short English words: about one token each in the vocabularies that models have.
constexpr std::array<const char*, 64> kWords{
    "time",   "year",   "people", "way",    "day",    "man",    "thing", "woman", "life", "child",
    "world",  "school", "state",  "family", "group",  "hand",   "part",  "place", "case", "week",
    "work",   "night",  "water",  "room",   "mother", "area",   "money", "story", "fact", "month",
    "lot",    "right",  "study",  "book",   "eye",    "job",    "word",  "side",  "kind", "head",
    "house",  "page",   "friend", "father", "power",  "hour",   "game",  "line",  "end",  "member",
    "law",    "car",    "city",   "name",   "team",   "minute", "idea",  "kid",   "body", "back",
    "parent", "face",   "level",  "office"};

std::string printable(const std::string& text) {
  constexpr std::size_t kMost = 120;
  std::string result;
  for (const char c : text.substr(0, kMost)) result += (c >= ' ' && c <= '~') ? c : ' ';
  return '"' + result + '"';
}

using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

/// One request on its way.
struct Transfer {
  Easy easy{nullptr, curl_easy_cleanup};
  std::string body{};
  std::int64_t words = 0;  ///< of the prompt
  std::int64_t asked = 0;  ///< tokens of the answer
  bool added = false;      ///< to the transfers under way
  bool over = false;
  bool judged = false;   ///< status and kind of the answer were looked at
  bool refused = false;  ///< the answer is an error page: `page` has its beginning
  double start_s = std::numeric_limits<double>::infinity();
  std::string page{};
  std::string fault{};
  CompletionStream stream{};
  ServedRequest served{};
};

int before_sending(void* where, char* /*ip*/, char* /*own*/, int /*port*/, int /*own_port*/) {
  static_cast<Transfer*>(where)->served.sent_s = now_s();
  return CURL_PREREQFUNC_OK;
}

/// Looks at the answer's head before its first byte.
void judge(Transfer& transfer) {
  transfer.judged = true;
  long status = 0;
  const char* kind = nullptr;
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_CONTENT_TYPE, &kind);
  const std::string type = kind == nullptr ? "" : kind;
  if (status != 200) {
    transfer.refused = true;
    transfer.fault = "expected HTTP status 200, got " + std::to_string(status);
  } else if (!type.starts_with("text/event-stream")) {
    transfer.refused = true;
    transfer.fault = "expected a stream of events (text/event-stream), got " +
                     (type.empty() ? "no content type" : printable(type)) +
                     "; the server must know \"stream\": true";
  }
}

std::size_t take_bytes(char* bytes, std::size_t size, std::size_t count, void* where) {
  Transfer& transfer = *static_cast<Transfer*>(where);
  const double now = now_s();
  const std::size_t length = size * count;
  if (!transfer.judged) judge(transfer);
  if (transfer.refused) {
    constexpr std::size_t kMostPage = 4096;
    transfer.page.append(bytes, std::min(length, kMostPage - transfer.page.size()));
    return transfer.page.size() < kMostPage ? length : 0;
  }
  if (!transfer.stream.feed({bytes, length}, now)) return 0;
  constexpr std::int64_t kSlack = 8;
  const auto got = static_cast<std::int64_t>(transfer.stream.times_s().size());
  if (got > 2 * transfer.asked + kSlack) {
    transfer.fault = "expected at most " + std::to_string(transfer.asked) +
                     " tokens as \"max_tokens\" says, got " + std::to_string(got) +
                     "; the server does not heed it";
    return 0;
  }
  return length;
}

std::size_t take_page(char* bytes, std::size_t size, std::size_t count, void* where) {
  std::string& page = *static_cast<std::string*>(where);
  constexpr std::size_t kMostPage = std::size_t{1} << 20;
  if (page.size() + size * count > kMostPage) return 0;
  page.append(bytes, size * count);
  return size * count;
}

/// A place in an experiment's answers, for those that wait for others' tokens.
double trigger_s(const Experiment& experiment, std::size_t index,
                 const std::vector<Transfer>& transfers) {
  const PlannedRequest& request = experiment.requests[index];
  if (!request.after) return 0;
  const std::vector<double>& times = transfers[*request.after].stream.times_s();
  const std::size_t at = std::max<std::size_t>(request.after_tokens, 1) - 1;
  return at < times.size() ? times[at] + request.delay_s : std::numeric_limits<double>::infinity();
}

}  // namespace

class HttpServer::Work {
 public:
  explicit Work(HttpServerOptions options)
      : options_(std::move(options)),
        chat_(options_.url.ends_with(kChat)),
        random_(options_.seed),
        begin_s_(now_s()) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    multi_ = curl_multi_init();
    // Checked before anything is sent.
    static_cast<void>(request_body({"", 1, "", options_.fields, chat_}));
    model_ = options_.model.empty() ? listed_model() : options_.model;
  }
  ~Work() { curl_multi_cleanup(multi_); }
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;

  [[nodiscard]] std::optional<std::vector<ServedRequest>> serve(const Experiment& experiment);
  [[nodiscard]] const std::string& model() const { return named_.empty() ? model_ : named_; }

 private:
  [[nodiscard]] bool stopped() const { return options_.stop != nullptr && options_.stop->load(); }
  [[noreturn]] void fail(const std::string& what) const {
    throw ServerFailure(options_.url + ": " + what);
  }
  void common_options(CURL* easy) const;
  [[nodiscard]] std::string listed_model() const;
  [[nodiscard]] std::string prompt(std::int64_t words);
  void prepare(Transfer& transfer, const PlannedRequest& request);
  void start_due(const Experiment& experiment, std::vector<Transfer>& transfers);
  void collect();
  void wait(const std::vector<Transfer>& transfers);
  void finish(Transfer& transfer, CURLcode result);
  [[nodiscard]] ServedRequest served(Transfer& transfer, const PlannedRequest& request);
  void learn_lengths(const ServedRequest& request, std::int64_t words);

  HttpServerOptions options_;
  bool chat_;
  SplitMix random_;
  double begin_s_;
  CURLM* multi_ = nullptr;
  Headers headers_{nullptr, curl_slist_free_all};
  std::string model_{}, named_{};
  double tokens_a_word_ = 1;
  double extra_tokens_ = 0;                           ///< that the server puts before each prompt
  std::vector<std::pair<double, double>> lengths_{};  ///< words, tokens
};

void HttpServer::Work::common_options(CURL* easy) const {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, 10'000L);
  curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
  for (const char* local : {"://127.", "://localhost", "://[::1]"})
    if (options_.url.find(local) != std::string::npos) curl_easy_setopt(easy, CURLOPT_PROXY, "");
  if (!options_.api_key.empty()) {
    curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, options_.api_key.c_str());
  }
}

/// Servers of several models want one named. Empty where the server does not say.
std::string HttpServer::Work::listed_model() const {
  const Easy easy(curl_easy_init(), curl_easy_cleanup);
  common_options(easy.get());
  std::string url = options_.url, page;
  url.replace(url.rfind(chat_ ? kChat : kCompletions), std::string::npos, "/models");
  curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT_MS, 10'000L);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, take_page);
  curl_easy_setopt(easy.get(), CURLOPT_WRITEDATA, &page);
  long status = 0;
  if (curl_easy_perform(easy.get()) != CURLE_OK) return {};
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  return status == 200 ? first_model(page) : std::string();
}

std::string HttpServer::Work::prompt(std::int64_t words) {
  std::string text;
  for (std::int64_t i = 0; i < words; ++i) {
    if (i > 0) text += ' ';
    text += kWords[random_.next() % kWords.size()];
  }
  return text;
}

void HttpServer::Work::prepare(Transfer& transfer, const PlannedRequest& request) {
  transfer.asked = request.output_tokens;
  const double wanted =
      (static_cast<double>(request.prompt_tokens) - extra_tokens_) / tokens_a_word_;
  transfer.words = std::max<std::int64_t>(1, std::llround(wanted));
  transfer.body =
      request_body({prompt(transfer.words), request.output_tokens, model_, options_.fields, chat_});
  transfer.easy.reset(curl_easy_init());
  CURL* easy = transfer.easy.get();
  common_options(easy);
  if (headers_ == nullptr) {
    headers_.reset(curl_slist_append(nullptr, "Content-Type: application/json"));
    curl_slist_append(headers_.get(), "Accept: text/event-stream");
    // No waiting for leave to send a long prompt.
    curl_slist_append(headers_.get(), "Expect:");
  }
  curl_easy_setopt(easy, CURLOPT_URL, options_.url.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, transfer.body.c_str());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, static_cast<long>(transfer.body.size()));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.request_s * 1e3));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_sending);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
}

void HttpServer::Work::start_due(const Experiment& experiment, std::vector<Transfer>& transfers) {
  const double now = now_s();
  for (std::size_t i = 0; i < transfers.size(); ++i) {
    Transfer& transfer = transfers[i];
    if (transfer.added) continue;
    transfer.start_s = trigger_s(experiment, i, transfers);
    const PlannedRequest& request = experiment.requests[i];
    // An answer that ended before its time never starts what waits for it.
    if (request.after && transfers[*request.after].over &&
        transfer.start_s == std::numeric_limits<double>::infinity())
      fail("expected " + std::to_string(experiment.requests[*request.after].output_tokens) +
           " tokens as asked for, got " +
           std::to_string(transfers[*request.after].stream.times_s().size()) +
           "; the server ends answers early: ask it not to with --fields");
    if (transfer.start_s > now) continue;
    transfer.added = true;
    curl_multi_add_handle(multi_, transfer.easy.get());
  }
}

void HttpServer::Work::finish(Transfer& transfer, CURLcode result) {
  transfer.over = true;
  if (!transfer.judged && result == CURLE_OK) judge(transfer);
  if (!transfer.fault.empty()) {
    if (!transfer.page.empty()) transfer.fault += ": " + printable(transfer.page);
    fail(transfer.fault);
  }
  if (!transfer.stream.fault().empty()) fail(transfer.stream.fault());
  if (result == CURLE_OPERATION_TIMEDOUT)
    fail("expected an answer within " + std::to_string(static_cast<int>(options_.request_s)) +
         " s, got none or not all of it; allow more with --request-seconds");
  if (result == CURLE_COULDNT_CONNECT || result == CURLE_COULDNT_RESOLVE_HOST)
    fail(std::string("expected a server, got \"") + curl_easy_strerror(result) +
         "\"; start it, or mend --url");
  if (!transfer.stream.finish()) fail(transfer.stream.fault());
  // Some servers close without a last chunk: the stream itself says whether it is whole.
  if (result != CURLE_OK && result != CURLE_PARTIAL_FILE && result != CURLE_RECV_ERROR)
    fail(std::string("expected a stream of tokens, got \"") + curl_easy_strerror(result) + "\"");
}

void HttpServer::Work::collect() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    char* where = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &where);
    finish(*reinterpret_cast<Transfer*>(where), message->data.result);
  }
}

void HttpServer::Work::wait(const std::vector<Transfer>& transfers) {
  constexpr double kLongest = 0.1;  // a stop is seen within it
  constexpr double kCoarse = 2e-3;  // poll counts in milliseconds
  double until = kLongest;
  for (const Transfer& transfer : transfers)
    if (!transfer.added) until = std::min(until, transfer.start_s - now_s());
  if (until > kCoarse) {
    curl_multi_poll(multi_, nullptr, 0, static_cast<int>((until - kCoarse / 2) * 1e3), nullptr);
  } else {
    sleep_s(std::min(until, 2e-4));
  }
}

std::optional<std::vector<ServedRequest>> HttpServer::Work::serve(const Experiment& experiment) {
  std::vector<Transfer> transfers(experiment.requests.size());
  for (std::size_t i = 0; i < transfers.size(); ++i) prepare(transfers[i], experiment.requests[i]);
  // Whatever ends this function takes its requests off the wire.
  struct Taken {
    CURLM* multi;
    std::vector<Transfer>& transfers;
    ~Taken() {
      for (Transfer& transfer : transfers)
        if (transfer.added) curl_multi_remove_handle(multi, transfer.easy.get());
    }
  };
  const Taken taken{multi_, transfers};
  const auto over = [](const Transfer& transfer) { return transfer.over; };
  while (!std::all_of(transfers.begin(), transfers.end(), over)) {
    if (stopped()) return std::nullopt;
    if (now_s() - begin_s_ > options_.all_s)
      fail("expected to be done within " + std::to_string(static_cast<int>(options_.all_s)) +
           " s, got no further; ask for less, or allow more with --most-seconds");
    start_due(experiment, transfers);
    int running = 0;
    curl_multi_perform(multi_, &running);
    collect();
    start_due(experiment, transfers);
    wait(transfers);
  }
  std::vector<ServedRequest> answers;
  for (std::size_t i = 0; i < transfers.size(); ++i)
    answers.push_back(served(transfers[i], experiment.requests[i]));
  return answers;
}

ServedRequest HttpServer::Work::served(Transfer& transfer, const PlannedRequest& request) {
  ServedRequest answer = std::move(transfer.served);
  curl_off_t looked_up = 0, connected = 0;
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_NAMELOOKUP_TIME_T, &looked_up);
  curl_easy_getinfo(transfer.easy.get(), CURLINFO_CONNECT_TIME_T, &connected);
  answer.connect_s = static_cast<double>(std::max<curl_off_t>(connected - looked_up, 0)) * 1e-6;
  answer.token_s = transfer.stream.times_s();
  answer.completion_tokens = transfer.stream.completion_tokens();
  answer.prompt_tokens = transfer.stream.prompt_tokens();
  if (named_.empty()) named_ = transfer.stream.model();
  if (answer.prompt_tokens > 0) {
    learn_lengths(answer, transfer.words);
  } else {
    answer.prompt_tokens = request.prompt_tokens;
  }
  return answer;
}

/// From the first two answers: how many tokens a word has, so that prompts are as long as planned.
void HttpServer::Work::learn_lengths(const ServedRequest& request, std::int64_t words) {
  constexpr std::size_t kEnough = 2;
  if (lengths_.size() >= kEnough) return;
  const auto tokens = static_cast<double>(request.prompt_tokens);
  lengths_.emplace_back(static_cast<double>(words), tokens);
  tokens_a_word_ = tokens / static_cast<double>(words);
  if (lengths_.size() < kEnough || lengths_[0].first == lengths_[1].first) return;
  const auto& [short_words, short_tokens] = lengths_[0];
  const auto& [long_words, long_tokens] = lengths_[1];
  const double slope = (long_tokens - short_tokens) / (long_words - short_words);
  if (!(slope > 0)) return;
  tokens_a_word_ = slope;
  extra_tokens_ = short_tokens - slope * short_words;
}

HttpServer::HttpServer(HttpServerOptions options)
    : work_(std::make_unique<Work>(std::move(options))) {}
HttpServer::~HttpServer() = default;

std::optional<std::vector<ServedRequest>> HttpServer::serve(const Experiment& experiment) {
  return work_->serve(experiment);
}

const std::string& HttpServer::model() const { return work_->model(); }

}  // namespace headroom
