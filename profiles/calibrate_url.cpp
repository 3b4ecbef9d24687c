#include <curl/curl.h>

#include <memory>

#include "profiles/calibrate_http.h"
#include "sim/check.h"

namespace headroom {
namespace {

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::string part(const Url& url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url.get(), which, &text, 0) != CURLUE_OK) return {};
  std::string result = text;
  curl_free(text);
  return result;
}

/// At most 60 bytes, what is not printable ASCII as a point.
std::string shown(const std::string& text) {
  std::string result;
  for (const char c : text.substr(0, 60)) result += (c >= ' ' && c <= '~') ? c : '.';
  return '"' + result + '"';
}

}  // namespace

std::string completions_url(const std::string& url, const std::string& where) {
  const auto refuse = [&](const std::string& remedy) {
    throw InputError(
        where, "expected http://HOST:PORT or https://HOST, got " + shown(url) + "; " + remedy);
  };
  const Url parsed(curl_url(), curl_url_cleanup);
  if (url.find("://") == std::string::npos) refuse("write the scheme as well");
  if (url.find('\n') != std::string::npos || url.find('\r') != std::string::npos ||
      curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK)
    refuse("mend it");
  const std::string scheme = part(parsed, CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") refuse("only these two are spoken");
  if (part(parsed, CURLUPART_HOST).empty()) refuse("name the host");
  if (!part(parsed, CURLUPART_USER).empty() || !part(parsed, CURLUPART_PASSWORD).empty())
    refuse("keys go into an environment variable, see --key-variable");
  if (!part(parsed, CURLUPART_QUERY).empty() || !part(parsed, CURLUPART_FRAGMENT).empty())
    refuse("leave out what follows the path");
  std::string path = part(parsed, CURLUPART_PATH);
  while (path.ends_with('/')) path.pop_back();
  constexpr std::string_view kCompletions = "/completions";
  if (path.empty()) path = "/v1";
  if (!path.ends_with(kCompletions)) path += kCompletions;
  if (curl_url_set(parsed.get(), CURLUPART_PATH, path.c_str(), 0) != CURLUE_OK) refuse("mend it");
  return part(parsed, CURLUPART_URL);
}

}  // namespace headroom
