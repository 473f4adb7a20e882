// Preloaded into a program: connections to 1.2.3.4 arrive at this machine, so that a server of a
// test has an address of the public Internet.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstring>

extern "C" int connect(int socket, const sockaddr* address, socklen_t size) {
  sockaddr_in home{};
  if (address->sa_family == AF_INET && size >= sizeof home) {
    std::memcpy(&home, address, sizeof home);
    if (home.sin_addr.s_addr == htonl(0x01020304)) {
      home.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address = reinterpret_cast<const sockaddr*>(&home);
    }
  }
  return static_cast<int>(::syscall(SYS_connect, socket, address, size));
}
