// libFuzzer target: any text is a URL with an unambiguous host, or an error.

#include <cstddef>
#include <cstdint>

#include "glmv/base/check.h"
#include "glmv/net/url.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace glmv;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static const net::Url base = *net::parse_url("https://example.com:8443/a/b?c");
  for (const auto& url : {net::parse_url(text), net::resolve_url(base, text)}) {
    if (!url) {
      GLMV_CHECK(!url.error().message.empty() && url.error().message.size() < 200);
      continue;
    }
    const auto again = net::parse_url(url->text());
    GLMV_CHECK(again && again->text() == url->text() && again->host == url->host &&
               again->port == url->port);
    GLMV_CHECK(!url->host.empty() && url->host.find_first_of("\\@/?#%[]") == std::string::npos);
    GLMV_CHECK(url->address || url->host.find(':') == std::string::npos);
    GLMV_CHECK(url->target.starts_with('/') && url->port != 0);
  }
  return 0;
}
