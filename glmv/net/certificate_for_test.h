#pragma once
// Self-made certificates, and a client that speaks TLS, for tests.

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "glmv/net/http_client_for_test.h"

namespace glmv::net {

struct TestCertificate {
  std::string certificate, key, encrypted_key;  // PEM
};

// Of "localhost", valid for an hour, signed by itself.
inline TestCertificate make_test_certificate() {
  const auto text_of = [](BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string text(data, static_cast<size_t>(size));
    ::BIO_free(bio);
    return text;
  };
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, void (*)(X509*)> certificate(X509_new(), X509_free);
  ::X509_set_version(certificate.get(), 2);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate.get()), 1);
  ::X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -60);
  ::X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
  ::X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* const name = ::X509_get_subject_name(certificate.get());
  ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  ::X509_set_issuer_name(certificate.get(), name);
  ::X509_sign(certificate.get(), key.get(), EVP_sha256());
  TestCertificate out;
  BIO* bio = ::BIO_new(::BIO_s_mem());
  ::PEM_write_bio_X509(bio, certificate.get());
  out.certificate = text_of(bio);
  bio = ::BIO_new(::BIO_s_mem());
  ::PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  out.key = text_of(bio);
  bio = ::BIO_new(::BIO_s_mem());
  char phrase[] = "phrase";
  ::PEM_write_bio_PrivateKey(bio, key.get(), EVP_aes_256_cbc(), nullptr, 0, nullptr, phrase);
  out.encrypted_key = text_of(bio);
  return out;
}

// Trusts any certificate.
class TlsTestConnection : public TestConnection {
 public:
  // `max_version` 0: the newest.
  explicit TlsTestConnection(uint16_t port, int max_version = 0)
      : TestConnection(port),
        context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
        ssl_(nullptr, SSL_free) {
    if (max_version != 0) {
      ::SSL_CTX_set_security_level(context_.get(), 0);
      ::SSL_CTX_set_min_proto_version(context_.get(), max_version);
      ::SSL_CTX_set_max_proto_version(context_.get(), max_version);
    }
    ssl_.reset(::SSL_new(context_.get()));
    ::SSL_set_fd(ssl_.get(), fd());
    secured_ = ::SSL_connect(ssl_.get()) == 1;
  }
  bool secured() const { return secured_; }
  std::string version() const { return ::SSL_get_version(ssl_.get()); }
  // Whether the peer said that it has sent all.
  bool told_end() const { return (::SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }

 protected:
  ssize_t write_some(const char* data, size_t size) override {
    return secured_ ? ::SSL_write(ssl_.get(), data, static_cast<int>(size)) : -1;
  }
  ssize_t read_some(char* data, size_t size) override {
    return secured_ ? ::SSL_read(ssl_.get(), data, static_cast<int>(size)) : -1;
  }

 private:
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
  bool secured_ = false;
};

}  // namespace glmv::net
