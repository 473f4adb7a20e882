#include "glmv/net/http_server.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/core/string.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <list>
#include <thread>

#include "glmv/net/exchange.h"
#include "glmv/net/handler_pool.h"
#include "glmv/net/request_reading.h"
#include "glmv/net/tls.h"

namespace glmv::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using ErrorCode = boost::system::error_code;
using Protocol = asio::generic::stream_protocol;
using Stream = beast::basic_stream<Protocol>;
using TlsStream = asio::ssl::stream<Stream>;
using Clock = std::chrono::steady_clock;

constexpr size_t kMaxHeaders = 100;
constexpr size_t kWriteAtOnce = size_t{64} << 10;
// How often a running reply looks whether its client is still there.
constexpr std::chrono::milliseconds kLookInterval{100};

auto into(ErrorCode& error) { return asio::redirect_error(asio::use_awaitable, error); }

// The connection under TLS, or the stream itself: it has the socket and the timer.
template <class S>
Stream& lowest(S& stream) {
  return beast::get_lowest_layer(stream);
}

// Whether the client has closed its side, without reading what it may have sent (with TLS its last
// words are still there).
bool has_left(Stream& stream) {
  pollfd look{stream.socket().native_handle(), POLLRDHUP, 0};
  return ::poll(&look, 1, 0) > 0 &&
         (look.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0;
}

// Null: plain HTTP.
Result<std::shared_ptr<asio::ssl::context>> tls_context(const HttpServerOptions& options) {
  if (options.tls_certificate.empty() && options.tls_key.empty()) return nullptr;
  if (options.tls_certificate.empty() || options.tls_key.empty()) {
    return invalid_argument("HTTPS needs both a certificate and its key");
  }
  return make_tls_context(options.tls_certificate, options.tls_key);
}

class Server final : public HttpServer {
 public:
  Server(const HttpServerOptions& options, HttpHandler handler, HttpErrorAnswer error_answer)
      : options_(options),
        handler_(std::move(handler)),
        error_answer_(std::move(error_answer)),
        pool_(std::make_unique<HandlerPool>(options.max_handlers)) {}

  ~Server() override {
    stop_accepting();
    cutting_ = true;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& weak : running_) {
        if (const auto exchange = weak.lock()) exchange->lose_client();
      }
    }
    pool_.reset();
    io_.stop();
    for (std::thread& thread : threads_) thread.join();
    if (!options_.unix_socket.empty()) ::unlink(options_.unix_socket.c_str());
  }

  Result<void> listen() {
    GLMV_ASSIGN(tls_, tls_context(options_));
    GLMV_RETURN_IF_ERROR(options_.unix_socket.empty() ? listen_tcp() : listen_unix());
    for (int i = 0; i < std::max(1, options_.num_io_threads); ++i) {
      threads_.emplace_back([this] { io_.run(); });
    }
    return {};
  }

  uint16_t port() const override { return port_; }

  bool drain(std::chrono::milliseconds timeout) override {
    stop_accepting();
    draining_ = true;
    const auto deadline = Clock::now() + timeout;
    if (!pool_->wait_idle(timeout)) return false;
    // What the handlers have said is still to be sent.
    while (num_answers_ > 0 && Clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return num_answers_ == 0;
  }

  int num_connections() const override { return num_connections_; }
  int num_handlers() const override { return pool_->num_active(); }

 private:
  Result<void> listen_tcp() {
    using Tcp = asio::ip::tcp;
    ErrorCode error;
    const std::string where = fmt::format("{}:{}", options_.host, options_.port);
    Tcp::resolver resolver(io_);
    const auto found = resolver.resolve(options_.host, std::to_string(options_.port), error);
    if (error || found.empty()) {
      return invalid_argument("cannot listen on {}: {}", where, error.message());
    }
    const Tcp::endpoint endpoint = found.begin()->endpoint();
    Tcp::acceptor acceptor(io_);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(Tcp::acceptor::max_listen_connections, error);
    if (error) {
      return unavailable("cannot listen on {}: {}; choose another port or address", where,
                         error.message());
    }
    port_ = acceptor.local_endpoint().port();
    begin(std::make_shared<Tcp::acceptor>(std::move(acceptor)));
    return {};
  }

  Result<void> listen_unix() {
    using Local = asio::local::stream_protocol;
    const std::string& path = options_.unix_socket;
    if (path.size() >= sizeof(sockaddr_un{}.sun_path)) {
      return invalid_argument("{}: a socket's path has less than {} bytes", path,
                              sizeof(sockaddr_un{}.sun_path));
    }
    ErrorCode error;
    // A socket that nobody listens on is of a server that was killed.
    struct stat info{};
    if (::lstat(path.c_str(), &info) == 0) {
      Local::socket probe(io_);
      probe.connect(Local::endpoint(path), error);
      if (!S_ISSOCK(info.st_mode) || !error) {
        return unavailable(
            "{}: {}; choose another path", path,
            S_ISSOCK(info.st_mode) ? "another server listens there" : "a file is there");
      }
      ::unlink(path.c_str());
      error.clear();
    }
    Local::acceptor acceptor(io_);
    acceptor.open({}, error);
    if (!error) acceptor.bind(Local::endpoint(path), error);
    if (!error) acceptor.listen(Local::acceptor::max_listen_connections, error);
    if (error) return unavailable("cannot listen on {}: {}", path, error.message());
    begin(std::make_shared<Local::acceptor>(std::move(acceptor)));
    return {};
  }

  template <class Acceptor>
  void begin(std::shared_ptr<Acceptor> acceptor) {
    close_acceptor_ = [this, acceptor] {
      asio::post(io_, [acceptor] {
        ErrorCode ignored;
        acceptor->close(ignored);
      });
    };
    asio::co_spawn(io_, accept(acceptor), asio::detached);
  }

  void stop_accepting() {
    if (close_acceptor_) std::exchange(close_acceptor_, nullptr)();
  }

  template <class Acceptor>
  asio::awaitable<void> accept(std::shared_ptr<Acceptor> acceptor) {
    while (acceptor->is_open()) {
      ErrorCode error;
      auto socket = co_await acceptor->async_accept(asio::make_strand(io_), into(error));
      if (error == asio::error::operation_aborted || !acceptor->is_open()) break;
      if (error) {  // no descriptors left, say: the rest of the server goes on
        asio::steady_timer pause(io_, kLookInterval);
        co_await pause.async_wait(into(error));
        continue;
      }
      if (num_connections_ >= options_.max_connections) continue;
      std::string peer = "unix";
      if constexpr (std::is_same_v<Acceptor, asio::ip::tcp::acceptor>) {
        const auto remote = socket.remote_endpoint(error);
        if (error) continue;
        peer = remote.address().to_string();
        socket.set_option(asio::ip::tcp::no_delay(true), error);
      }
      const auto executor = socket.get_executor();
      asio::co_spawn(executor, session(Stream(Protocol::socket(std::move(socket))), peer),
                     asio::detached);
    }
  }

  struct Counted {
    explicit Counted(std::atomic<int>& counter) : count(counter) { ++count; }
    ~Counted() { --count; }
    std::atomic<int>& count;
  };

  asio::awaitable<void> session(Stream stream, std::string peer) {
    const Counted counted(num_connections_);
    if (tls_ == nullptr) co_return co_await converse(stream, std::move(peer));
    TlsStream secured(std::move(stream), *tls_);
    ErrorCode error;
    lowest(secured).expires_after(options_.handshake_timeout);
    co_await secured.async_handshake(asio::ssl::stream_base::server, into(error));
    if (is_plain_http(error)) {
      co_return co_await refuse(lowest(secured), HttpRequest(), 400,
                                "this port speaks HTTPS: use https:// in the address");
    }
    if (error) co_return;
    co_await converse(secured, std::move(peer));
    if (!lowest(secured).socket().is_open()) co_return;
    lowest(secured).expires_after(std::chrono::seconds(1));
    co_await secured.async_shutdown(into(error));
  }

  static bool is_plain_http(ErrorCode error) {
    return error.category() == asio::error::get_ssl_category() &&
           ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_HTTP_REQUEST;
  }

  // Requests and their answers until the connection ends. `S`: Stream or TlsStream.
  template <class S>
  asio::awaitable<void> converse(S& stream, std::string peer) {
    beast::flat_buffer buffer;
    while (!draining_ && !cutting_) {
      http::request_parser<http::string_body> parser;
      parser.header_limit(static_cast<uint32_t>(options_.max_header_bytes));
      parser.body_limit(options_.max_body_bytes);
      ErrorCode error;
      if (buffer.size() == 0) {
        lowest(stream).expires_after(options_.idle_timeout);
        const size_t n = co_await stream.async_read_some(buffer.prepare(4096), into(error));
        if (error) co_return;
        buffer.commit(n);
      }
      lowest(stream).expires_after(options_.read_timeout);
      co_await http::async_read_header(stream, buffer, parser, into(error));
      const auto& fields = parser.get();
      if (!error && std::distance(fields.begin(), fields.end()) > std::ptrdiff_t{kMaxHeaders}) {
        error = http::error::header_limit;
      }
      if (!error) {
        HeadProblem problem = head_problem(fields);
        if (problem.status != 0) {
          co_return co_await refuse(stream, read_head(fields.base(), peer), problem.status,
                                    std::move(problem.message));
        }
      }
      if (!error && beast::iequals(fields[http::field::expect], "100-continue")) {
        constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
        co_await asio::async_write(stream, asio::buffer(kContinue), into(error));
      }
      if (!error) co_await http::async_read(stream, buffer, parser, into(error));
      if (error) co_return co_await refuse(stream, read_head(parser.get().base(), peer), error);
      const bool keep_alive = parser.get().keep_alive() && !draining_;
      if (!co_await answer(stream, to_request(parser.release(), peer), keep_alive)) co_return;
    }
  }

  // A request that could not be read.
  template <class S>
  asio::awaitable<void> refuse(S& stream, HttpRequest head, ErrorCode error) {
    if (error == http::error::header_limit) {
      co_return co_await refuse(stream, std::move(head), 431,
                                fmt::format("the header is larger than {} bytes or {} fields",
                                            options_.max_header_bytes, kMaxHeaders));
    }
    if (error == http::error::body_limit) {
      co_return co_await refuse(
          stream, std::move(head), 413,
          fmt::format("the body is larger than {} bytes", options_.max_body_bytes));
    }
    const bool malformed =
        error.category() == http::make_error_code(http::error::bad_method).category() &&
        error != http::error::end_of_stream && error != http::error::partial_message;
    // Gone, or too slow: there is nobody to tell. (Clients repeat a request that ends with 408.)
    if (!malformed) co_return;
    co_return co_await refuse(stream, std::move(head), 400,
                              "not an HTTP/1.1 request: " + error.message());
  }

  template <class S>
  asio::awaitable<void> refuse(S& stream, HttpRequest head, int status, std::string message) {
    Exchange exchange(options_.max_pending_bytes, options_.write_timeout, false, false, [] {});
    HttpError answer = error_answer_(status, message, head);
    exchange.send(status, answer.headers, std::move(answer.body));
    const Exchange::Taken taken = exchange.take();
    if (!co_await write(stream, taken.bytes)) co_return;
    // What the client still sends is read and dropped for a moment: closing at once would reset the
    // connection before it has read the answer.
    ErrorCode error;
    lowest(stream).socket().shutdown(Protocol::socket::shutdown_send, error);
    std::string dropped(kWriteAtOnce, '\0');
    lowest(stream).expires_after(std::chrono::seconds(1));
    while (!error) co_await stream.async_read_some(asio::buffer(dropped), into(error));
  }

  template <class S>
  asio::awaitable<bool> write(S& stream, std::string_view bytes) {
    ErrorCode error;
    while (!bytes.empty() && !error) {
      const std::string_view piece = bytes.substr(0, kWriteAtOnce);
      lowest(stream).expires_after(options_.write_timeout);
      co_await asio::async_write(stream, asio::buffer(piece), into(error));
      bytes.remove_prefix(piece.size());
    }
    co_return !error;
  }

  // False: the connection ends.
  template <class S>
  asio::awaitable<bool> answer(S& stream, HttpRequest request, bool keep_alive) {
    const Counted counted(num_answers_);
    const auto executor = co_await asio::this_coro::executor;
    const auto timer = std::make_shared<asio::steady_timer>(executor);
    const auto exchange = std::make_shared<Exchange>(
        options_.max_pending_bytes, options_.write_timeout, keep_alive, request.method == "HEAD",
        [timer, executor] { asio::post(executor, [timer] { timer->cancel(); }); });
    start_handler(exchange, std::move(request));
    auto last_sent = Clock::now();
    bool connected = true;
    while (true) {
      Exchange::Taken taken = exchange->take();
      if (cutting_) break;
      const std::chrono::duration<double> silent = Clock::now() - last_sent;
      if (taken.bytes.empty() && !taken.ended && !taken.heartbeat.empty() &&
          silent.count() >= taken.heartbeat_seconds) {
        taken.bytes = taken.heartbeat;
      }
      if (!taken.bytes.empty() && connected) {
        connected = co_await write(stream, taken.bytes);
        last_sent = Clock::now();
      }
      if (taken.aborted) break;
      if (taken.ended) co_return connected && exchange->keep_alive();
      if (connected && has_left(lowest(stream))) connected = false;
      if (!connected) exchange->lose_client();  // its handler comes to an end
      // What came during the write: the timer was not there to be woken.
      if (connected && !taken.bytes.empty()) continue;
      ErrorCode ignored;
      timer->expires_after(kLookInterval);
      co_await timer->async_wait(into(ignored));
    }
    ErrorCode ignored;
    lowest(stream).socket().close(ignored);
    co_return false;
  }

  void start_handler(std::shared_ptr<Exchange> exchange, HttpRequest request) {
    {
      const std::lock_guard lock(mutex_);
      std::erase_if(running_, [](const auto& weak) { return weak.expired(); });
      running_.push_back(exchange);
    }
    pool_->post([this, exchange = std::move(exchange), request = std::move(request)] {
      std::string problem = "the handler gave no reply";
      if (cutting_) exchange->lose_client();
      try {
        handler_(request, *exchange);
      } catch (const std::exception& error) {
        problem = error.what();
      }
      exchange->handler_returned([&] { return error_answer_(500, problem, request); });
    });
  }

  const HttpServerOptions options_;
  const HttpHandler handler_;
  const HttpErrorAnswer error_answer_;
  std::shared_ptr<asio::ssl::context> tls_;
  std::function<void()> close_acceptor_;
  uint16_t port_ = 0;
  std::atomic<bool> draining_ = false;
  std::atomic<bool> cutting_ = false;
  std::atomic<int> num_connections_ = 0;
  std::atomic<int> num_answers_ = 0;  // that are made or sent
  std::mutex mutex_;
  std::list<std::weak_ptr<Exchange>> running_;
  asio::io_context io_;  // after what its coroutines use
  std::unique_ptr<HandlerPool> pool_;
  std::vector<std::thread> threads_;
};

}  // namespace

Result<void> check_tls_files(const HttpServerOptions& options) {
  GLMV_RETURN_IF_ERROR(tls_context(options));
  return {};
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpServerOptions& options,
                                                      HttpHandler handler,
                                                      HttpErrorAnswer error_answer) {
  auto server = std::make_unique<Server>(options, std::move(handler), std::move(error_answer));
  GLMV_RETURN_IF_ERROR(server->listen());
  return server;
}

}  // namespace glmv::net
