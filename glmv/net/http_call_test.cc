#include "glmv/net/http_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>

#include "glmv/net/certificate_for_test.h"
#include "glmv/net/http_client_for_test.h"
#include "glmv/net/http_server.h"
#include "glmv/net/scripted_server_for_test.h"

namespace glmv::net {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using testing::HasSubstr;
using Peer = ScriptedServer::Peer;
using Request = ScriptedServer::Request;

HttpCall call_to(const std::string& url) {
  HttpCall call;
  call.url = *parse_url(url);
  return call;
}

TEST(HttpCall, SendsAndReads) {
  ScriptedServer server([](const Peer& peer, const Request&) {
    peer.send("HTTP/1.1 201 Created\r\nX-One: a\r\nx-one: b\r\nContent-Length: 5\r\n\r\nhello");
  });
  HttpCall call = call_to(server.url() + "/things?x=1");
  call.method = "POST";
  call.body = "{}";
  call.headers = {{"Authorization", "Bearer K"}};
  std::string body;
  call.on_body = [&](const TransferHead& head, std::string_view bytes) {
    EXPECT_EQ(head.status, 201);
    body += bytes;
    return true;
  };
  const auto head = http_call(call);
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->status, 201);
  EXPECT_EQ(head->header("X-ONE"), "b");
  EXPECT_EQ(body, "hello");
  const Request sent = server.requests().at(0);
  EXPECT_THAT(sent.head, HasSubstr("POST /v1/things?x=1 HTTP/1.1"));
  EXPECT_THAT(sent.head, HasSubstr("Authorization: Bearer K"));
  EXPECT_THAT(sent.head, testing::Not(HasSubstr("Expect")));
  EXPECT_EQ(sent.body, "{}");
}

TEST(HttpCall, FollowsNoRedirect) {
  ScriptedServer server([](const Peer& peer, const Request&) {
    peer.send("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
  });
  const auto head = http_call(call_to(server.url()));
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 302);
  EXPECT_EQ(server.requests().size(), 1u);
}

struct Fault {
  const char* answer;
  const char* text;
};

TEST(HttpCall, NamesWhatWentWrong) {
  const Fault kFaults[] = {
      {"", "cut"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", "cut"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "cut"},
      {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", "compressed"},
      {"SSH-2.0-OpenSSH_9\r\n", ""},
  };
  for (const Fault& fault : kFaults) {
    ScriptedServer server([&](const Peer& peer, const Request&) { peer.send(fault.answer); });
    const auto head = http_call(call_to(server.url()));
    ASSERT_FALSE(head) << fault.answer;
    EXPECT_EQ(head.error().code, Code::kUnavailable);
    EXPECT_THAT(head.error().message, HasSubstr(fault.text));
  }
  const auto refused = http_call(call_to("http://127.0.0.1:1/"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("Connection refused"));
  const auto unknown = http_call(call_to("http://no-such-host.invalid/"));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, Code::kUnavailable);
}

TEST(HttpCall, LongHeadersAreRefused) {
  ScriptedServer server([](const Peer& peer, const Request&) {
    peer.send("HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 2000; ++i) {
      if (!peer.send("X-Filler: " + std::string(100, 'x') + "\r\n")) return;
    }
    peer.send("\r\n");
  });
  const auto head = http_call(call_to(server.url()));
  ASSERT_FALSE(head);
}

TEST(HttpCall, SilenceEndsIt) {
  ScriptedServer server([](const Peer& peer, const Request&) { peer.gone_within(5s); });
  HttpCall call = call_to(server.url());
  call.silence_timeout = 200ms;
  const Clock::time_point start = Clock::now();
  const auto head = http_call(call);
  ASSERT_FALSE(head);
  EXPECT_THAT(head.error().message, HasSubstr("not a byte"));
  EXPECT_LT(Clock::now() - start, 3s);
}

TEST(HttpCall, BytesNowAndThenAreNoSilence) {
  ScriptedServer server([](const Peer& peer, const Request&) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n");
    for (int i = 0; i < 6; ++i) {
      std::this_thread::sleep_for(150ms);
      peer.send("x");
    }
  });
  HttpCall call = call_to(server.url());
  call.silence_timeout = 600ms;
  EXPECT_TRUE(http_call(call));
}

// Nobody wants the answer any more, and no byte comes.
TEST(HttpCall, EndsAtOnce) {
  std::atomic<bool> closed = false;
  ScriptedServer server([&](const Peer& peer, const Request&) { closed = peer.gone_within(5s); });
  HttpCall call = call_to(server.url());
  const Clock::time_point start = Clock::now();
  Clock::time_point refused;
  call.wanted = [&] {
    if (Clock::now() - start < 300ms) return true;
    refused = Clock::now();
    return false;
  };
  const auto head = http_call(call);
  EXPECT_LT(Clock::now() - refused, 100ms);
  ASSERT_FALSE(head);
  EXPECT_EQ(head.error().code, Code::kCancelled);
  for (int i = 0; i < 100 && !closed; ++i) std::this_thread::sleep_for(10ms);
  EXPECT_TRUE(closed);
}

TEST(HttpCall, EnoughIsNoError) {
  ScriptedServer server([](const Peer& peer, const Request&) {
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    while (peer.send("xxxxxxxxxxxxxxxx")) {
    }
  });
  HttpCall call = call_to(server.url());
  call.on_body = [](const TransferHead&, std::string_view) { return false; };
  const auto head = http_call(call);
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->status, 200);
}

// An answer that comes while the request is still sent.
TEST(HttpCall, AnEarlyRefusalIsRead) {
  ScriptedServer server([](const Peer& peer, const Request&) {
    peer.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 4\r\n\r\nmuch");
  });
  HttpCall call = call_to(server.url());
  call.method = "POST";
  const std::string body(size_t{4} << 20, 'x');
  call.body = body;
  std::string text;
  call.on_body = [&](const TransferHead&, std::string_view bytes) {
    text += bytes;
    return true;
  };
  const auto head = http_call(call);
  ASSERT_TRUE(head) << head.error().message;
  EXPECT_EQ(head->status, 413);
  EXPECT_EQ(text, "much");
}

TEST(HttpCall, TlsIsChecked) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("glmv_call_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const TestCertificate made = make_test_certificate();
  const std::string certificate = folder / "c.pem", key = folder / "k.pem";
  std::ofstream(certificate) << made.certificate;
  std::ofstream(key) << made.key;
  const auto server = HttpServer::start(
      {.tls_certificate = certificate, .tls_key = key},
      [](const HttpRequest&, HttpReply& reply) { reply.send(200, {}, "ok"); }, text_error);
  ASSERT_TRUE(server) << server.error().message;
  const std::string port = std::to_string((*server)->port());
  HttpCall call = call_to("https://localhost:" + port + "/");
  const auto unknown = http_call(call);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("TLS: "));
  EXPECT_THAT(unknown.error().message, HasSubstr("certificate"));
  call.ca_file = certificate;
  const auto known = http_call(call);
  EXPECT_TRUE(known) << known.error().message;
  HttpCall other = call_to("https://127.0.0.1:" + port + "/");
  other.ca_file = certificate;
  EXPECT_FALSE(http_call(other));  // the certificate is of another name
  EXPECT_FALSE(http_call(call_to("https://127.0.0.1:1/")));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace glmv::net
