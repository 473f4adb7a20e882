#include "glmv/net/http_server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <random>
#include <semaphore>
#include <thread>

#include "glmv/net/http_client_for_test.h"

namespace glmv::net {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<HttpServer> serve(HttpHandler handler, HttpServerOptions options = {}) {
  auto server =
      HttpServer::start(options, std::move(handler),
                        [](int status, const std::string& message, const HttpRequest& head) {
                          return HttpError{{{"X-Given", std::string(head.header("x-given"))}},
                                           std::to_string(status) + " " + message};
                        });
  EXPECT_TRUE(server) << server.error().message;
  return std::move(*server);
}

void echo(const HttpRequest& request, HttpReply& reply) {
  reply.send(200, {{"X-Path", request.path}, {"X-Query", request.query}},
             request.method + " " + request.body);
}

TEST(HttpServer, AnswersSeveralRequestsOnOneConnection) {
  const auto server = serve(echo);
  TestConnection client(server->port());
  const HttpAnswer first = client.ask("POST", "/a/b?x=1&y", "hello");
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.headers.at("x-path"), "/a/b");
  EXPECT_EQ(first.headers.at("x-query"), "x=1&y");
  EXPECT_EQ(first.body, "POST hello");
  EXPECT_EQ(client.ask("GET", "/").body, "GET ");
  // Sent at once, answered in turn.
  client.request("POST", "/", "1");
  client.request("POST", "/", "2");
  EXPECT_EQ(client.answer().body, "POST 1");
  EXPECT_EQ(client.answer().body, "POST 2");
  // A body that comes as chunks.
  client.send(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(client.answer().body, "POST abcde");
  // A head has no body, though the length of one.
  const std::string before = client.received();
  client.send(
      "HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET /next HTTP/1.1\r\nHost: x\r\nConnection: "
      "close\r\n\r\n");
  while (client.more()) {
  }
  EXPECT_EQ(client.received().find("HTTP/1.1 200 OK"), 0u);
  EXPECT_NE(client.received().find("\r\n\r\nHTTP/1.1 200 OK"), std::string::npos);
  EXPECT_TRUE(client.received().ends_with("GET "));
}

TEST(HttpServer, StreamsPiecesAndHeartbeats) {
  const auto server = serve([](const HttpRequest&, HttpReply& reply) {
    reply.start(200, {{"Content-Type", "text/event-stream"}}, ": beat\n", 0.2);
    EXPECT_TRUE(reply.write("one\n"));
    std::this_thread::sleep_for(700ms);
    EXPECT_TRUE(reply.write("two\n"));
    EXPECT_TRUE(reply.write(""));  // an empty chunk would end the body
    EXPECT_TRUE(reply.write("three\n"));
    reply.finish();
  });
  TestConnection client(server->port());
  const HttpAnswer answer = client.ask("GET", "/");
  EXPECT_TRUE(answer.complete);
  EXPECT_EQ(answer.headers.at("content-type"), "text/event-stream");
  std::string body = answer.body;
  int beats = 0;
  for (size_t at; (at = body.find(": beat\n")) != std::string::npos; ++beats) body.erase(at, 7);
  EXPECT_EQ(body, "one\ntwo\nthree\n");
  EXPECT_GE(beats, 1);
  EXPECT_EQ(client.ask("GET", "/").status, 200);  // the connection goes on
}

TEST(HttpServer, TellsTheHandlerThatItsClientIsGone) {
  std::binary_semaphore began(0), noticed(0);
  const auto server = serve([&](const HttpRequest& request, HttpReply& reply) {
    if (request.path == "/quick") return reply.send(200, {}, "ok");
    if (request.path == "/stream") {
      reply.start(200, {}, {}, 10);
      began.release();
      while (reply.write("piece")) std::this_thread::sleep_for(5ms);
    } else {
      began.release();
      while (!reply.client_gone()) std::this_thread::sleep_for(5ms);
    }
    noticed.release();
  });
  for (const char* path : {"/stream", "/wait"}) {
    TestConnection client(server->port());
    client.request("GET", path);
    began.acquire();
    client.close();
    EXPECT_TRUE(noticed.try_acquire_for(5s)) << path;
  }
  TestConnection client(server->port());
  EXPECT_EQ(client.ask("GET", "/quick").body, "ok");
}

TEST(HttpServer, AReaderThatDoesNotReadIsGivenUp) {
  std::binary_semaphore ended(0);
  std::atomic<size_t> written = 0;
  HttpServerOptions options;
  options.write_timeout = std::chrono::seconds(1);
  const auto server = serve(
      [&](const HttpRequest&, HttpReply& reply) {
        reply.start(200, {}, {}, 10);
        const std::string piece(10'000, 'x');
        while (reply.write(piece)) written += piece.size();
        ended.release();
      },
      options);
  TestConnection client(server->port());
  client.request("GET", "/");
  EXPECT_TRUE(ended.try_acquire_for(15s));
  EXPECT_LT(written, size_t{64} << 20);  // what the buffers of both sides take, not all there is
}

TEST(HttpServer, AThrowingHandlerCostsItsRequestOnly) {
  const auto server = serve([](const HttpRequest& request, HttpReply& reply) {
    if (request.path == "/late") reply.start(200, {}, {}, 10);
    if (request.path == "/late") reply.write("begun");
    if (request.path == "/nothing") return;
    if (request.path != "/fine") throw std::runtime_error("broken");
    reply.send(200, {}, "fine");
  });
  TestConnection client(server->port());
  EXPECT_EQ(client.ask("GET", "/early").body, "500 broken");
  EXPECT_EQ(client.ask("GET", "/nothing").status, 500);
  EXPECT_EQ(client.ask("GET", "/fine").body, "fine");
  const HttpAnswer late = client.ask("GET", "/late");
  EXPECT_EQ(late.body, "begun");
  EXPECT_FALSE(late.complete);  // cut: the client must not take it for the whole
}

TEST(HttpServer, RefusesWhatIsTooLargeOrMalformed) {
  HttpServerOptions options;
  options.max_body_bytes = 1000;
  options.max_header_bytes = 2000;
  const auto server = serve(echo, options);
  const auto status_of = [&](const std::string& bytes) {
    TestConnection client(server->port());
    client.send(bytes);
    return client.answer().status;
  };
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n"), 413);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"),
            400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"), 400);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
                      std::string("7d0\r\n") + std::string(2000, 'x') + "\r\n0\r\n\r\n"),
            413);
  EXPECT_EQ(status_of("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            400);
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(3000, 'x') + "\r\n\r\n"),
            431);
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 150; ++i) many += "a: b\r\n";
  EXPECT_EQ(status_of(many + "\r\n"), 431);
  EXPECT_EQ(status_of("rubbish\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET / HTTP/9.9\r\n\r\n"), 400);
  EXPECT_EQ(status_of(std::string("GET /\0 HTTP/1.1\r\n\r\n", 20)), 400);
  EXPECT_EQ(
      status_of(
          "POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"),
      415);
  // Who answers sees what could be read.
  TestConnection known(server->port());
  known.send("POST / HTTP/1.1\r\nHost: x\r\nX-Given: mine\r\nContent-Length: 2000\r\n\r\n");
  EXPECT_EQ(known.answer().headers["x-given"], "mine");
  // A body that never comes: nothing is answered, and the server goes on.
  TestConnection half(server->port());
  half.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc");
  half.close();
  EXPECT_EQ(status_of("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
}

// A proxy in front that reads a request otherwise must find no second one in it.
TEST(HttpServer, RefusesTwoWaysToReadOneRequest) {
  const auto server = serve(echo);
  const auto statuses = [&](const std::string& bytes) {
    TestConnection client(server->port());
    client.send(bytes);
    std::vector<int> all;
    for (HttpAnswer answer = client.answer(); answer.status != 0; answer = client.answer()) {
      all.push_back(answer.status);
      if (answer.status != 200) break;
    }
    return all;
  };
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\n";
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
  for (const char* fields :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nContent-Length: 6\r\n", "Content-Length: 5, 6\r\n",
        "Content-Length: +5\r\n", "Content-Length: 0x5\r\n", "Content-Length: 5 5\r\n",
        "Transfer-Encoding: chunked, identity\r\n", "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: identity\r\nContent-Length: 5\r\n", "Transfer-Encoding : chunked\r\n",
        "Content-Length : 5\r\n", "Transfer-Encoding:\x0b chunked\r\n",
        "Host: y\r\nContent-Length: 5\r\n", "X: a\rContent-Length: 5\r\n", "X\r\n"}) {
    const std::vector<int> found = statuses(head + fields + "\r\n0\r\n\r\n" + smuggled);
    EXPECT_TRUE(found == std::vector<int>{400} || found == std::vector<int>{501})
        << fields << found.size() << (found.empty() ? 0 : found[0]);
  }
  EXPECT_EQ(statuses("GET / HTTP/1.1\r\n\r\n"), std::vector<int>{400});  // without a host
  EXPECT_EQ(statuses("GET / HTTP/1.0\r\n\r\n"), std::vector<int>{200});
  EXPECT_EQ(statuses("GET  / HTTP/1.1\r\nHost: x\r\n\r\n"), std::vector<int>{400});
  EXPECT_EQ(statuses("GET /\t HTTP/1.1\r\nHost: x\r\n\r\n"), std::vector<int>{400});
  // The same length twice is one length; spaces around it are none.
  EXPECT_EQ(statuses(head + "Content-Length:  5  \r\nConnection: close\r\n\r\nhello"),
            std::vector<int>{200});
}

TEST(HttpServer, OutlivesRubbish) {
  const auto server = serve(echo);
  std::mt19937 random(5);
  const std::string valid =
      "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nA: "
      "b\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  for (int round = 0; round < 300; ++round) {
    std::string bytes = valid + valid;
    for (int change = static_cast<int>(random() % 4); change >= 0; --change) {
      const size_t at = random() % bytes.size();
      switch (random() % 3) {
        case 0:
          bytes[at] = static_cast<char>(random());
          break;
        case 1:
          bytes.erase(at, random() % 8);
          break;
        default:
          bytes.insert(at, std::string(random() % 5, static_cast<char>(random())));
          break;
      }
    }
    TestConnection client(server->port());
    client.send(bytes);
    client.finish_sending();
    while (client.more()) {
    }
  }
  TestConnection client(server->port());
  EXPECT_EQ(client.ask("GET", "/").status, 200);
}

TEST(HttpServer, SaysWhenToGoOnSending) {
  const auto server = serve(echo);
  TestConnection client(server->port());
  client.send("POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  while (client.received().find("\r\n\r\n") == std::string::npos && client.more()) {
  }
  EXPECT_EQ(client.received(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  EXPECT_EQ(client.answer().status, 100);
  EXPECT_EQ(client.answer().body, "POST ok");
}

TEST(HttpServer, DrainsAndCuts) {
  std::binary_semaphore began(0);
  std::atomic<bool> go = false;
  auto server = serve([&](const HttpRequest&, HttpReply& reply) {
    began.release();
    while (!go && !reply.client_gone()) std::this_thread::sleep_for(5ms);
    reply.send(200, {}, go ? "done" : "cut");
  });
  TestConnection client(server->port());
  client.request("GET", "/");
  began.acquire();
  EXPECT_FALSE(server->drain(100ms));  // still running
  TestConnection late(server->port());
  EXPECT_TRUE(!late.ok() || late.ask("GET", "/").status == 0);
  go = true;
  EXPECT_EQ(client.answer().body, "done");
  EXPECT_TRUE(server->drain(5s));
  go = false;
  server = serve([&](const HttpRequest&, HttpReply& reply) {
    began.release();
    while (!reply.client_gone()) std::this_thread::sleep_for(5ms);
  });
  TestConnection second(server->port());
  second.request("GET", "/");
  began.acquire();
  server.reset();  // waits for the handler, which learns of it
  EXPECT_EQ(second.answer().status, 0);
}

TEST(HttpServer, DrainWaitsUntilAllIsSent) {
  const std::string body(size_t{64} << 20, 'x');
  std::binary_semaphore returned(0);
  const auto server = serve([&](const HttpRequest&, HttpReply& reply) {
    reply.send(200, {}, body);
    returned.release();
  });
  TestConnection client(server->port());
  client.request("GET", "/");
  returned.acquire();
  EXPECT_FALSE(server->drain(300ms));  // the handler is done, its reply not yet read
  EXPECT_EQ(client.answer().body.size(), body.size());
  EXPECT_TRUE(server->drain(5s));
}

TEST(HttpServer, ManyIdleConnectionsDoNotHinderOthers) {
  const auto server = serve(echo);
  std::vector<std::unique_ptr<TestConnection>> idle;
  for (int i = 0; i < 400; ++i) idle.push_back(std::make_unique<TestConnection>(server->port()));
  TestConnection client(server->port());
  EXPECT_EQ(client.ask("GET", "/").status, 200);
  EXPECT_GE(server->num_connections(), 400);
  idle.clear();
  EXPECT_EQ(client.ask("GET", "/").status, 200);
}

TEST(HttpServer, UsedPortsAndSocketsAreNamed) {
  const auto server = serve(echo);
  HttpServerOptions same;
  same.port = server->port();
  const auto again = HttpServer::start(same, echo, {});
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find(std::to_string(same.port)), std::string::npos);
  HttpServerOptions odd;
  odd.host = "no such host";
  EXPECT_FALSE(HttpServer::start(odd, echo, {}));

  const auto path = std::filesystem::temp_directory_path() / "glmv_http_test.sock";
  std::filesystem::remove(path);
  HttpServerOptions local;
  local.unix_socket = path.string();
  {
    const auto first = serve(echo, local);
    EXPECT_TRUE(std::filesystem::exists(path));
    EXPECT_FALSE(HttpServer::start(local, echo, {}));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace glmv::net
