// HTTPS: what holds for plain connections holds here, and what is wrong with certificates is said.

#include "glmv/net/tls.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <semaphore>
#include <thread>

#include "glmv/base/files.h"
#include "glmv/net/certificate_for_test.h"
#include "glmv/net/http_client_for_test.h"
#include "glmv/net/http_server.h"

namespace glmv::net {
namespace {

using namespace std::chrono_literals;

class Https : public testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);  // OpenSSL's own writes of the client
    folder_ = std::filesystem::temp_directory_path() / ("glmv_tls_" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    const TestCertificate mine = make_test_certificate();
    write("cert.pem", mine.certificate);
    write("key.pem", mine.key);
    write("encrypted.pem", mine.encrypted_key);
    write("other.pem", make_test_certificate().key);
    write("rubbish.pem", "rubbish\n");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) {
    ASSERT_TRUE(write_file_atomic(folder_ / name, text));
  }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  std::unique_ptr<HttpServer> serve(HttpHandler handler, HttpServerOptions options = {}) {
    options.tls_certificate = path("cert.pem");
    options.tls_key = path("key.pem");
    auto server = HttpServer::start(options, std::move(handler), text_error);
    EXPECT_TRUE(server) << server.error().message;
    return std::move(*server);
  }

  std::filesystem::path folder_;
};

void echo(const HttpRequest& request, HttpReply& reply) {
  reply.send(200, {}, request.method + " " + request.body);
}

TEST_F(Https, AnswersStreamsAndEnds) {
  const auto server = serve([](const HttpRequest& request, HttpReply& reply) {
    if (request.path != "/stream") return echo(request, reply);
    reply.start(200, {}, ": beat\n", 0.1);
    for (int i = 0; i < 50; ++i) reply.write(std::string(10'000, 'x'));
    std::this_thread::sleep_for(300ms);
    reply.finish();
  });
  TlsTestConnection client(server->port());
  ASSERT_TRUE(client.secured());
  EXPECT_EQ(client.version(), "TLSv1.3");
  const std::string large(300'000, 'x');
  EXPECT_EQ(client.ask("POST", "/", large).body, "POST " + large);
  const HttpAnswer stream = client.ask("GET", "/stream");
  EXPECT_TRUE(stream.complete);
  EXPECT_EQ(std::ranges::count(stream.body, 'x'), 500'000);
  EXPECT_NE(stream.body.find(": beat\n"), std::string::npos);
  EXPECT_EQ(client.ask("GET", "/", "", "Connection: close\r\n").status, 200);
  EXPECT_FALSE(client.more());
  EXPECT_TRUE(client.told_end());  // else a client must take the answer for a cut one
}

TEST_F(Https, OldVersionsAreRefused) {
  const auto server = serve(echo);
  EXPECT_FALSE(TlsTestConnection(server->port(), TLS1_1_VERSION).secured());
  TlsTestConnection client(server->port(), TLS1_2_VERSION);
  ASSERT_TRUE(client.secured());
  EXPECT_EQ(client.ask("GET", "/").status, 200);
}

TEST_F(Https, PlainHttpIsToldSo) {
  HttpServerOptions options;
  options.handshake_timeout = std::chrono::seconds(1);
  const auto server = serve(echo, options);
  TestConnection client(server->port());
  const HttpAnswer answer = client.ask("GET", "/");
  EXPECT_EQ(answer.status, 400);
  EXPECT_NE(answer.body.find("https://"), std::string::npos);
  TestConnection rubbish(server->port());
  rubbish.send("\x16\x03\x01\x00\x05hello and more than that");
  while (rubbish.more()) {
  }
  EXPECT_EQ(TlsTestConnection(server->port()).ask("GET", "/").status, 200);
}

TEST_F(Https, HalfOpenHandshakesEnd) {
  HttpServerOptions options;
  options.handshake_timeout = std::chrono::seconds(1);
  const auto server = serve(echo, options);
  TestConnection silent(server->port()), half(server->port());
  half.send(std::string_view("\x16\x03\x01\x01\x00\x01", 6));
  EXPECT_EQ(TlsTestConnection(server->port()).ask("GET", "/").status, 200);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(silent.more());
  while (half.more()) {
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
  for (int i = 0; i < 100 && server->num_connections() > 0; ++i) std::this_thread::sleep_for(50ms);
  EXPECT_EQ(server->num_connections(), 0);
}

TEST_F(Https, AClientThatLeavesIsNoticed) {
  std::binary_semaphore began(0), noticed(0);
  const auto server = serve([&](const HttpRequest&, HttpReply& reply) {
    began.release();
    while (!reply.client_gone()) std::this_thread::sleep_for(5ms);
    noticed.release();
  });
  TlsTestConnection client(server->port());
  client.request("GET", "/");
  began.acquire();
  client.close();
  EXPECT_TRUE(noticed.try_acquire_for(5s));
}

TEST_F(Https, WrongFilesAreNamed) {
  const auto error = [&](const std::string& certificate, const std::string& key) {
    const auto context = make_tls_context(path(certificate), path(key));
    EXPECT_FALSE(context);
    return context ? Status{} : context.error();
  };
  EXPECT_EQ(error("missing.pem", "key.pem").code, Code::kNotFound);
  EXPECT_EQ(error("cert.pem", "missing.pem").code, Code::kNotFound);
  EXPECT_NE(error("rubbish.pem", "key.pem").message.find("holds no certificate"),
            std::string::npos);
  EXPECT_NE(error("cert.pem", "rubbish.pem").message.find("holds no private key"),
            std::string::npos);
  EXPECT_NE(error("cert.pem", "encrypted.pem").message.find("pass phrase"), std::string::npos);
  EXPECT_NE(error("cert.pem", "other.pem").message.find("is not the key of"), std::string::npos);
  HttpServerOptions half;
  half.tls_certificate = path("cert.pem");
  EXPECT_FALSE(HttpServer::start(half, echo, {}));
}

}  // namespace
}  // namespace glmv::net
