#include "glmv/net/media_fetcher.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

namespace glmv::net {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// Answers each connection with what a test says, byte by byte if it wants.
class RawServer {
 public:
  using Answer = std::function<void(int socket, const std::string& head)>;

  explicit RawServer(Answer answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }
  ~RawServer() {
    thread_.request_stop();
    thread_.join();
    ::close(listener_);
  }
  std::string port() const { return std::to_string(port_); }
  int num_requests() const { return num_requests_; }
  std::string last_head() const {
    const std::lock_guard lock(mutex_);
    return head_;
  }

 private:
  // The first record of TLS, whole.
  static bool is_hello(const std::string& head) {
    const auto byte = [&head](size_t i) { return size_t{static_cast<unsigned char>(head[i])}; };
    return head.size() > 5 && byte(0) == 0x16 && head.size() == 5 + (byte(3) << 8 | byte(4));
  }
  void serve(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      pollfd entry{listener_, POLLIN, 0};
      if (::poll(&entry, 1, 20) <= 0) continue;
      const int socket = ::accept(listener_, nullptr, nullptr);
      std::string head;
      char c = 0;
      while (!head.ends_with("\r\n\r\n") && !is_hello(head) && ::recv(socket, &c, 1, 0) == 1)
        head += c;
      {
        const std::lock_guard lock(mutex_);
        head_ = head;
      }
      ++num_requests_;
      answer_(socket, head);
      ::close(socket);
    }
  }

  Answer answer_;
  int listener_ = -1;
  uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::string head_;
  std::atomic<int> num_requests_ = 0;
  std::jthread thread_;
};

bool send_text(int socket, std::string_view text) {
  return ::send(socket, text.data(), text.size(), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(text.size());
}

RawServer::Answer fixed(std::string text) {
  return [text = std::move(text)](int socket, const std::string&) { send_text(socket, text); };
}

std::string ok(const std::string& body, const std::string& headers = {}) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers +
         "\r\n" + body;
}
std::string redirect(const std::string& location) {
  return "HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + "\r\n\r\n";
}

std::vector<IpAddress> addresses(const std::vector<std::string>& texts) {
  std::vector<IpAddress> out;
  for (const std::string& text : texts) out.push_back(IpAddress::parse(text).value());
  return out;
}

bool only_loopback(const IpAddress& address) { return address.text() == "127.0.0.1"; }

// pics.test and other.test are this machine, which is all that may be reached.
MediaFetchOptions options(std::vector<std::string> domains) {
  MediaFetchOptions options;
  options.allowed_domains = std::move(domains);
  options.resolver = [](const std::string& host) {
    return host.ends_with(".test") ? addresses({"127.0.0.1"}) : std::vector<IpAddress>();
  };
  options.address_policy = only_loopback;
  return options;
}

MediaFetcher fetcher(MediaFetchOptions given) {
  auto created = MediaFetcher::create(std::move(given));
  EXPECT_TRUE(created) << created.error().message;
  return std::move(*created);
}

using Fetched = std::expected<std::string, FetchFault>;
Fetched fault(FetchFault fault) { return std::unexpected(fault); }
const Fetched kFailed = std::unexpected(FetchFault::kFailed);

TEST(MediaFetcher, FetchesFromAListedHost) {
  const RawServer server(fixed(ok("picture", "Set-Cookie: a=b\r\n")));
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ::setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
  const MediaFetcher fetch = fetcher(options({"PICS.test:" + server.port()}));
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(fetch.fetch("http://pics.TEST:" + server.port() + "/a/../b?c#d", {}),
              Fetched("picture"));
  }
  ::unsetenv("http_proxy");
  ::unsetenv("ALL_PROXY");
  const std::string head = server.last_head();
  EXPECT_TRUE(head.starts_with("GET /b?c HTTP/1.1\r\n")) << head;
  EXPECT_NE(head.find("Host: pics.test:" + server.port() + "\r\n"), std::string::npos) << head;
  EXPECT_NE(head.find("Accept-Encoding: identity\r\n"), std::string::npos) << head;
  for (const char* absent : {"Cookie", "Authorization", "Proxy", "Referer"}) {
    EXPECT_EQ(head.find(absent), std::string::npos) << head;
  }
}

TEST(MediaFetcher, NothingIsFetchedThatIsNotListed) {
  const RawServer server(fixed(ok("picture")));
  std::atomic<int> num_resolved = 0;
  const auto with = [&](std::vector<std::string> domains) {
    MediaFetchOptions given = options(std::move(domains));
    given.resolver = [&num_resolved](const std::string&) {
      ++num_resolved;
      return addresses({"127.0.0.1"});
    };
    return fetcher(std::move(given));
  };
  const std::string url = "http://pics.test:" + server.port() + "/";
  for (const auto& domains : std::vector<std::vector<std::string>>{{},
                                                                   {"pics.test"},
                                                                   {"*"},
                                                                   {"test:" + server.port()},
                                                                   {"other.test:" + server.port()},
                                                                   {"a.pics.test:" + server.port()},
                                                                   {"pics.test:1"},
                                                                   {"*:1"}}) {
    EXPECT_EQ(with(domains).fetch(url, {}), fault(FetchFault::kNotAllowed));
  }
  const MediaFetcher all = with({"*:" + server.port()});
  for (const std::string& bad : {std::string("file:///etc/passwd"), std::string("ftp://pics.test/"),
                                 url + " ", "http://user@pics.test:" + server.port() + "/",
                                 "http://pics.test:" + server.port() + "\\@evil.test/"}) {
    EXPECT_EQ(all.fetch(bad, {}), fault(FetchFault::kNotAllowed)) << bad;
  }
  EXPECT_EQ(num_resolved, 0);
  EXPECT_EQ(server.num_requests(), 0);
  EXPECT_EQ(all.fetch(url, {}), Fetched("picture"));
}

TEST(MediaFetcher, ForbiddenAddressesAreNeverConnectedTo) {
  const RawServer server(fixed(ok("secret")));
  const auto with = [&](std::vector<std::string> answer) {
    MediaFetchOptions given;  // with the policy that a server has
    given.allowed_domains = {"*:" + server.port()};
    given.resolver = [answer](const std::string&) { return addresses(answer); };
    return fetcher(std::move(given));
  };
  const std::string port = server.port();
  // By a name, alone and among good ones; by an address. All end like a closed port.
  for (const auto& answer : std::vector<std::vector<std::string>>{{"127.0.0.1"},
                                                                  {"8.8.8.8", "127.0.0.1"},
                                                                  {"127.0.0.1", "8.8.8.8"},
                                                                  {"::ffff:127.0.0.1"},
                                                                  {"::1"},
                                                                  {"169.254.169.254"},
                                                                  {"2606:4700::1", "fd00::1"},
                                                                  {}}) {
    EXPECT_EQ(with(answer).fetch("http://pics.test:" + port + "/", {}), kFailed);
  }
  for (const char* host : {"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0.0.0.0",
                           "[::]", "10.0.0.1", "169.254.169.254"}) {
    EXPECT_EQ(with({"8.8.8.8"}).fetch(fmt::format("http://{}:{}/", host, port), {}), kFailed)
        << host;
  }
  EXPECT_EQ(server.num_requests(), 0);
  EXPECT_EQ(fetcher(options({"pics.test:1"})).fetch("http://pics.test:1/", {}), kFailed);  // closed
}

TEST(MediaFetcher, ANameIsAskedForOnce) {
  // The second answer would lead to another place.
  std::atomic<int> num_resolved = 0;
  const RawServer server([](int socket, const std::string&) {
    send_text(socket, "HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  });
  MediaFetchOptions given = options({"pics.test:" + server.port()});
  given.resolver = [&num_resolved](const std::string&) {
    return addresses({num_resolved++ == 0 ? "127.0.0.1" : "127.0.0.2"});
  };
  EXPECT_EQ(fetcher(std::move(given)).fetch("http://pics.test:" + server.port() + "/", {}),
            kFailed);
  EXPECT_EQ(num_resolved, 1);
  EXPECT_EQ(server.num_requests(), 2);  // the retry went to the checked address
}

TEST(MediaFetcher, OneRetryAfterAServerError) {
  int count = 0;
  const RawServer server([&count](int socket, const std::string& head) {
    if (head.starts_with("GET /missing")) {
      send_text(socket, "HTTP/1.1 404 No\r\nContent-Length: 3\r\n\r\nno.");
    } else {
      send_text(socket, ++count == 1 ? "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"
                                     : ok("picture"));
    }
  });
  const MediaFetcher fetch = fetcher(options({"pics.test:" + server.port()}));
  EXPECT_EQ(fetch.fetch("http://pics.test:" + server.port() + "/", {}), Fetched("picture"));
  EXPECT_EQ(server.num_requests(), 2);
  EXPECT_EQ(fetch.fetch("http://pics.test:" + server.port() + "/missing", {}), kFailed);
  EXPECT_EQ(server.num_requests(), 3);
}

TEST(MediaFetcher, RedirectsAreOffOrCheckedEachTime) {
  const RawServer inside(fixed(ok("secret")));
  std::string port;
  const RawServer server([&](int socket, const std::string& head) {
    const std::string path = head.substr(4, head.find(' ', 4) - 4);
    if (path == "/end") return void(send_text(socket, ok("picture")));
    if (path == "/one") return void(send_text(socket, redirect("/end")));
    if (path == "/two")
      return void(send_text(socket, redirect("http://other.test:" + port + "/one")));
    if (path == "/loop") return void(send_text(socket, redirect("/loop")));
    send_text(socket, redirect(path.substr(4)));  // /to:URL
  });
  port = server.port();
  const auto with = [&](int max_redirects) {
    MediaFetchOptions given =
        options({"pics.test:" + port, "other.test:" + port, "inside.test:" + inside.port(),
                 "127.0.0.2:" + inside.port()});
    given.max_redirects = max_redirects;
    given.resolver = [](const std::string& host) {
      return addresses({host == "inside.test" ? "127.0.0.2" : "127.0.0.1"});
    };
    return fetcher(std::move(given));
  };
  const std::string base = "http://pics.test:" + port;
  EXPECT_EQ(with(0).fetch(base + "/one", {}), kFailed);
  EXPECT_EQ(with(1).fetch(base + "/one", {}), Fetched("picture"));
  EXPECT_EQ(with(1).fetch(base + "/two", {}), kFailed);
  EXPECT_EQ(with(2).fetch(base + "/two", {}), Fetched("picture"));
  const int before = server.num_requests();
  EXPECT_EQ(with(3).fetch(base + "/loop", {}), kFailed);
  EXPECT_EQ(server.num_requests(), before + 4);
  for (const std::string& target :
       {"http://inside.test:" + inside.port() + "/", "http://127.0.0.2:" + inside.port() + "/",
        "http://127.0.0.1:" + inside.port() + "/", std::string("file:///etc/passwd"),
        std::string("//x@pics.test/"), std::string("http://elsewhere.test/"),
        std::string("gopher://pics.test/")}) {
    EXPECT_EQ(with(3).fetch(base + "/to:" + target, {}), kFailed) << target;
  }
  EXPECT_EQ(inside.num_requests(), 0);
  EXPECT_FALSE(MediaFetcher::create({.max_redirects = 4}));
}

TEST(MediaFetcher, BodiesAreBounded) {
  const RawServer server([](int socket, const std::string& head) {
    const auto path = [&](const char* name) {
      return head.starts_with(std::string("GET ") + name + " ");
    };
    if (path("/exact")) send_text(socket, ok(std::string(1000, 'x')));
    if (path("/more")) send_text(socket, ok(std::string(1001, 'x')));
    if (path("/short"))
      send_text(socket, "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\nonly this");
    if (path("/long"))
      send_text(socket, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfour and more");
    if (path("/claims"))
      send_text(socket, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx");
    if (path("/minus")) send_text(socket, "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nx");
    if (path("/endless")) {
      send_text(socket, "HTTP/1.1 200 OK\r\n\r\n");
      while (send_text(socket, std::string(1000, 'x'))) {
      }
    }
    if (path("/chunks")) {
      send_text(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      while (send_text(socket, "3e8\r\n" + std::string(1000, 'x') + "\r\n")) {
      }
    }
    if (path("/headers")) {
      send_text(socket, "HTTP/1.1 200 OK\r\n");
      while (send_text(socket, "X-Filler: " + std::string(1000, 'x') + "\r\n")) {
      }
    }
    if (path("/gzip")) send_text(socket, ok("\x1f\x8b", "Content-Encoding: gzip\r\n"));
    if (path("/br")) send_text(socket, ok("x", "content-encoding:  BR \r\n"));
    if (path("/te"))
      send_text(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n");
    if (path("/identity")) send_text(socket, ok("x", "Content-Encoding: identity\r\n"));
    if (path("/old")) send_text(socket, "no headers at all");
    if (path("/empty")) send_text(socket, ok(""));
  });
  const MediaFetcher fetch = fetcher(options({"pics.test:" + server.port()}));
  const auto get = [&](const std::string& path) {
    return fetch.fetch("http://pics.test:" + server.port() + path,
                       {.max_bytes = 1000, .deadline = 5s});
  };
  EXPECT_EQ(get("/exact"), Fetched(std::string(1000, 'x')));
  for (const char* path : {"/more", "/claims", "/endless", "/chunks"}) {
    EXPECT_EQ(get(path), fault(FetchFault::kTooLarge)) << path;
  }
  for (const char* path :
       {"/short", "/minus", "/headers", "/gzip", "/br", "/te", "/old", "/none"}) {
    EXPECT_EQ(get(path), kFailed) << path;
  }
  EXPECT_EQ(get("/long"), Fetched("four"));
  EXPECT_EQ(get("/identity"), Fetched("x"));
  EXPECT_EQ(get("/empty"), Fetched(""));
}

TEST(MediaFetcher, TheDeadlineIsForAllOfIt) {
  std::atomic<bool> ended = false;
  const RawServer server([&ended](int socket, const std::string& head) {
    if (head.starts_with("GET /silent")) {
      while (!ended) std::this_thread::sleep_for(10ms);
      return;
    }
    send_text(socket, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    while (send_text(socket, "x")) std::this_thread::sleep_for(100ms);  // never idle for long
  });
  const auto begin = Clock::now();
  const FetchLimits limits{.deadline = 400ms};
  const MediaFetcher fetch = fetcher(options({"pics.test:" + server.port()}));
  EXPECT_EQ(fetch.fetch("http://pics.test:" + server.port() + "/drip", limits), kFailed);
  EXPECT_EQ(fetch.fetch("http://pics.test:" + server.port() + "/silent", limits), kFailed);
  ended = true;
  MediaFetchOptions slow = options({"pics.test:" + server.port()});
  slow.resolver = [](const std::string&) {
    std::this_thread::sleep_for(2s);
    return addresses({"127.0.0.1"});
  };
  EXPECT_EQ(fetcher(std::move(slow)).fetch("http://pics.test:" + server.port() + "/", limits),
            kFailed);
  EXPECT_LT(Clock::now() - begin, 4s);
}

TEST(MediaFetcher, EndsWhenNobodyWantsIt) {
  const RawServer server([](int socket, const std::string&) {
    send_text(socket, "HTTP/1.1 200 OK\r\n\r\n");
    while (send_text(socket, "x")) std::this_thread::sleep_for(20ms);
  });
  const auto begin = Clock::now();
  const MediaFetcher fetch = fetcher(options({"pics.test:" + server.port()}));
  EXPECT_EQ(fetch.fetch("http://pics.test:" + server.port() + "/", {},
                        [&] { return Clock::now() < begin + 100ms; }),
            kFailed);
  EXPECT_LT(Clock::now() - begin, 5s);
}

// The name in the handshake is the URL's, though the connection goes to an address; and what cannot
// prove to be that name gets no request.
TEST(MediaFetcher, HttpsAsksForTheNameOfTheUrl) {
  const RawServer server(fixed(std::string("\x15\x03\x03\0\x02\x02\x28", 7)));  // an alert: no
  const MediaFetcher fetch = fetcher(options({"pics.test:" + server.port()}));
  EXPECT_EQ(fetch.fetch("https://pics.test:" + server.port() + "/secret-path", {}), kFailed);
  EXPECT_EQ(server.num_requests(), 1);
  const std::string hello = server.last_head();
  EXPECT_TRUE(hello.starts_with('\x16'));
  EXPECT_NE(hello.find("pics.test"), std::string::npos);
  EXPECT_EQ(hello.find("secret-path"), std::string::npos);
}

TEST(MediaFetcher, EntriesOfTheListAreChecked) {
  for (const char* good :
       {"example.com", "example.com:8080", "*", "*:8080", "[2001:db8::1]", "8.8.8.8:81"}) {
    EXPECT_TRUE(MediaFetcher::create({.allowed_domains = {good}})) << good;
  }
  for (const char* bad : {"", "http://example.com", "example.com/path", "*.example.com",
                          "example.com:", "a b", "user@example.com", "example.com?x", "**"}) {
    const auto created = MediaFetcher::create({.allowed_domains = {bad}});
    ASSERT_FALSE(created) << bad;
    EXPECT_NE(created.error().message.find("is no host"), std::string::npos)
        << created.error().message;
  }
}

// Downloads go through this folder only: nothing else makes client connections, and what fetches
// media for clients of the server is apart from what fetches what the user names.
TEST(MediaFetcher, NoOtherSourceConnects) {
  namespace fs = std::filesystem;
  int num_files = 0, num_expected = 0;
  for (const char* folder : {"glmv", "apps"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(GLMV_SOURCE_DIR) / folder)) {
      const std::string name = entry.path().filename().string();
      const bool source = name.ends_with(".cc") || name.ends_with(".h");
      if (!source || name.ends_with("_test.cc") || name.ends_with("_for_test.h")) continue;
      ++num_files;
      std::ifstream file(entry.path());
      std::stringstream text;
      text << file.rdbuf();
      for (const char* word :
           {"curl_easy", "curl_multi", "::connect(", " connect(", "async_connect", "getaddrinfo",
            "gethostbyname", "beast::tcp_stream(", "AF_INET, SOCK_STREAM", "popen(", "wget "}) {
        if (text.str().find(word) == std::string::npos) continue;
        const bool expected = name == "http_get.cc" || name == "media_fetcher.cc" ||
                              name == "curl_parts.h" || name == "transfers.cc";
        EXPECT_TRUE(expected) << entry.path() << " uses " << word;
        num_expected += expected;
      }
      if (text.str().find("net/http_get.h") != std::string::npos) {
        EXPECT_TRUE(name == "media_fetcher.cc" || name == "http_get.cc") << entry.path();
      }
    }
  }
  EXPECT_GT(num_files, 300);
  EXPECT_GE(num_expected, 2);
}

}  // namespace
}  // namespace glmv::net
