#pragma once
// The program on a pseudo terminal, and servers that answer as a test says.

#include <memory>
#include <string>
#include <vector>

#include "glmv/net/scripted_server_for_test.h"
#include "glmv/terminal/pty_for_test.h"
#include "tests/e2e/fixtures.h"

namespace glmv::e2e {

inline std::unique_ptr<terminal::PtyProgram> on_terminal(const Words& arguments, int columns = 160,
                                                         int rows = 30) {
  std::vector<std::string> words = join({GLMV_BINARY}, arguments);
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  return std::make_unique<terminal::PtyProgram>(
      [&pointers] {
        ::execv(GLMV_BINARY, pointers.data());
        return 127;
      },
      columns, rows);
}

// The list of the server's models, of which there is one.
inline void answer_models(const net::ScriptedServer::Peer& peer) {
  const std::string body = R"({"object":"list","data":[{"id":"scripted","object":"model"}]})";
  peer.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
            std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body);
}

// A stream of chat completions; false: the client is gone.
class AnswerStream {
 public:
  explicit AnswerStream(const net::ScriptedServer::Peer& peer) : peer_(peer) {
    peer_.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
  }
  bool piece(const Json& delta, const Json& finish = nullptr) const {
    const Json choice = {{"index", 0}, {"delta", delta}, {"finish_reason", finish}};
    const Json event = {{"id", "x"}, {"model", "scripted"}, {"choices", Json::array({choice})}};
    return peer_.send("data: " + event.dump() + "\n\n");
  }
  void end() const {
    piece(Json::object(), "stop");
    peer_.send("data: [DONE]\n\n");
  }

 private:
  const net::ScriptedServer::Peer& peer_;
};

inline void answer_text(const net::ScriptedServer::Peer& peer,
                        const std::vector<std::string>& pieces) {
  const AnswerStream stream(peer);
  for (const std::string& piece : pieces) stream.piece({{"content", piece}});
  stream.end();
}

}  // namespace glmv::e2e
