#pragma once
// The TLS side of the server: a certificate, its key, and what versions are spoken. Private to this
// folder.

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "glmv/base/result.h"

namespace glmv::net {

// `certificate`: a PEM file with the server's certificate first and those that vouch for it behind;
// `key`: the PEM file of its private key, without a pass phrase. TLS 1.2 and 1.3.
// Errors: not_found, invalid_argument (not PEM, encrypted, a key of another certificate).
Result<std::shared_ptr<boost::asio::ssl::context>> make_tls_context(const std::string& certificate,
                                                                    const std::string& key);

}  // namespace glmv::net
