#include "glmv/net/transfers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "glmv/net/certificate_for_test.h"
#include "glmv/net/http_client_for_test.h"
#include "glmv/net/http_server.h"

namespace glmv::net {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::unique_ptr<HttpServer> serve(const HttpHandler& handler, HttpServerOptions options = {}) {
  auto server = HttpServer::start(options, handler, text_error);
  EXPECT_TRUE(server.has_value());
  return std::move(*server);
}

Url url_of(const HttpServer& server, const std::string& target = "/") {
  return *parse_url("http://127.0.0.1:" + std::to_string(server.port()) + target);
}

std::vector<TransferEnd> wait_for(Transfers& transfers, size_t count) {
  std::vector<TransferEnd> ends;
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (ends.size() < count && std::chrono::steady_clock::now() < end) {
    for (TransferEnd& one : transfers.wait(20ms)) ends.push_back(std::move(one));
  }
  EXPECT_EQ(ends.size(), count);
  ends.resize(count);
  return ends;
}

TransferEnd get(TransferRequest request, std::string* body = nullptr) {
  Transfers transfers;
  request.on_body = [body](std::string_view bytes) {
    if (body != nullptr) *body += bytes;
    return true;
  };
  transfers.start(std::move(request));
  return wait_for(transfers, 1)[0];
}

TEST(Transfers, GivesHeadAndBodyAndFollowsNothing) {
  const auto server = serve([](const HttpRequest& request, HttpReply& reply) {
    if (request.path == "/from") return reply.send(302, {{"Location", "/to"}}, "moved");
    reply.send(200, {{"ETag", "\"x\""}, {"X-Sent", std::string(request.header("authorization"))}},
               request.method + request.path);
  });
  std::string body;
  TransferEnd end =
      get({.url = url_of(*server, "/a"), .headers = {{"Authorization", "me"}}}, &body);
  EXPECT_TRUE(end.complete);
  EXPECT_EQ(end.head.status, 200);
  EXPECT_EQ(end.head.header("etag"), "\"x\"");
  EXPECT_EQ(end.head.header("x-sent"), "me");
  EXPECT_EQ(body, "GET/a");
  end = get({.url = url_of(*server, "/from")});
  EXPECT_EQ(end.head.status, 302);
  EXPECT_EQ(end.head.header("Location"), "/to");
  end = get({.url = url_of(*server, "/a"), .head_only = true}, &body);
  EXPECT_TRUE(end.complete);
  EXPECT_EQ(body, "GET/a");  // nothing came
}

TEST(Transfers, ManyRunAtOnce) {
  std::atomic<int> num_together = 0, most = 0;
  const auto server = serve([&](const HttpRequest& request, HttpReply& reply) {
    most = std::max(most.load(), ++num_together);
    std::this_thread::sleep_for(50ms);
    --num_together;
    reply.send(200, {}, request.path);
  });
  Transfers transfers;
  std::map<int, std::string> bodies;
  for (int i = 0; i < 5; ++i) {
    auto body = std::make_shared<std::string>();
    TransferRequest request{.url = url_of(*server, "/" + std::to_string(i))};
    request.on_body = [body](std::string_view bytes) { return body->append(bytes), true; };
    transfers.start(std::move(request));
  }
  const int cancelled = transfers.start({.url = url_of(*server, "/x")});
  transfers.cancel(cancelled);
  EXPECT_EQ(transfers.num_running(), 5);
  for (const TransferEnd& end : wait_for(transfers, 5)) EXPECT_TRUE(end.complete);
  EXPECT_EQ(transfers.num_running(), 0);
  EXPECT_GT(most, 1);
}

TEST(Transfers, ReadersMayEndThem) {
  const auto server = serve(
      [](const HttpRequest&, HttpReply& reply) { reply.send(200, {}, std::string(1 << 20, 'x')); });
  Transfers transfers;
  size_t received = 0;
  TransferRequest request{.url = url_of(*server)};
  request.on_body = [&](std::string_view bytes) { return (received += bytes.size()) < 1000; };
  transfers.start(request);
  EXPECT_FALSE(wait_for(transfers, 1)[0].complete);
  EXPECT_LT(received, size_t{1} << 20);
  request.on_head = [](const TransferHead& head) { return head.status != 200; };
  received = 0;
  transfers.start(request);
  EXPECT_FALSE(wait_for(transfers, 1)[0].complete);
  EXPECT_EQ(received, 0);
}

TEST(Transfers, FaultsAreTold) {
  const auto server = serve([](const HttpRequest& request, HttpReply& reply) {
    if (request.path == "/packed") return reply.send(200, {{"Content-Encoding", "gzip"}}, "x");
    if (request.path == "/long") return reply.send(200, {{"X", std::string(70'000, 'x')}}, "x");
    reply.start(200, {});
    reply.write("some");
    std::this_thread::sleep_for(request.path == "/silent" ? 4s : 50ms);
    reply.abort();
  });
  EXPECT_THAT(get({.url = url_of(*server, "/packed")}).problem, HasSubstr("compressed"));
  EXPECT_THAT(get({.url = url_of(*server, "/long")}).problem, HasSubstr("64 KiB"));
  std::string body;
  EXPECT_FALSE(get({.url = url_of(*server, "/cut")}, &body).complete);
  EXPECT_EQ(body, "some");
  TransferRequest silent{.url = url_of(*server, "/silent")};
  silent.stall_timeout = 1s;
  EXPECT_FALSE(get(silent).complete);
  const TransferEnd refused = get({.url = *parse_url("http://127.0.0.1:9/")});
  EXPECT_EQ(refused.head.status, 0);
  EXPECT_FALSE(refused.problem.empty());
}

TEST(Transfers, CertificatesAreChecked) {
  const TestCertificate made = make_test_certificate();
  const std::string folder = testing::TempDir();
  HttpServerOptions options{.tls_certificate = folder + "transfers.pem",
                            .tls_key = folder + "transfers.key"};
  std::ofstream(options.tls_certificate) << made.certificate;
  std::ofstream(options.tls_key) << made.key;
  const auto server =
      serve([](const HttpRequest&, HttpReply& reply) { reply.send(200, {}, "secret"); }, options);
  TransferRequest request{.url = *parse_url("https://localhost:" + std::to_string(server->port()))};
  request.on_body = [](std::string_view) { return true; };
  Transfers strangers;
  strangers.start(request);
  EXPECT_FALSE(wait_for(strangers, 1)[0].complete);
  Transfers friends(options.tls_certificate);
  friends.start(request);
  const TransferEnd end = wait_for(friends, 1)[0];
  EXPECT_TRUE(end.complete) << end.problem;
  std::filesystem::remove(options.tls_certificate);
  std::filesystem::remove(options.tls_key);
}

}  // namespace
}  // namespace glmv::net
