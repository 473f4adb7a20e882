#include "glmv/net/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "glmv/base/files.h"

namespace glmv::net {
namespace {

namespace ssl = boost::asio::ssl;

constexpr size_t kMaxPemBytes = size_t{1} << 20;

// Why the last call of OpenSSL failed.
std::string reason() {
  const unsigned long error = ::ERR_peek_last_error();
  const char* text = ::ERR_reason_error_string(error);
  ::ERR_clear_error();
  return text == nullptr ? "unknown reason" : text;
}

// OpenSSL would ask on the terminal.
int no_pass_phrase(char*, int, int, void*) { return 0; }

// Clients that offer other protocols too are told that this is HTTP/1.1.
int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned in_size, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  const int found =
      ::SSL_select_next_proto(&chosen, out_size, kHttp11, sizeof kHttp11 - 1, in, in_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

Result<std::shared_ptr<ssl::context>> make_tls_context(const std::string& certificate,
                                                       const std::string& key) {
  GLMV_RETURN_IF_ERROR(read_file(certificate, kMaxPemBytes));
  GLMV_RETURN_IF_ERROR(read_file(key, kMaxPemBytes));
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* const native = context->native_handle();
  ::ERR_clear_error();
  ::SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  ::SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  ::SSL_CTX_set_default_passwd_cb(native, no_pass_phrase);
  ::SSL_CTX_set_alpn_select_cb(native, choose_protocol, nullptr);
  if (::SSL_CTX_use_certificate_chain_file(native, certificate.c_str()) != 1) {
    return invalid_argument("{}: holds no certificate in PEM form ({})", certificate, reason());
  }
  if (::SSL_CTX_use_PrivateKey_file(native, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    const std::string why = reason();
    if (why.find("mismatch") != std::string::npos) {
      return invalid_argument("{}: is not the key of the certificate {}", key, certificate);
    }
    return invalid_argument("{}: holds no private key in PEM form without a pass phrase ({})", key,
                            why);
  }
  if (::SSL_CTX_check_private_key(native) != 1) {
    return invalid_argument("{}: is not the key of the certificate {} ({})", key, certificate,
                            reason());
  }
  return context;
}

}  // namespace glmv::net
