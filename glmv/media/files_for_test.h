#pragma once
// PDF, ZIP and picture files made up for tests.

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace glmv::media {

struct PdfPageForTest {
  double width = 595, height = 842;
  int turn = 0;
  double red = 1, green = 1, blue = 1;  // of the whole page; but its lower left ninth is black
};

inline std::string pdf_for_test(const std::vector<PdfPageForTest>& pages,
                                std::string_view title = "") {
  std::string pdf = "%PDF-1.4\n";
  std::vector<size_t> places;
  const auto add = [&](const std::string& object) {
    places.push_back(pdf.size());
    pdf += fmt::format("{} 0 obj\n{}\nendobj\n", places.size(), object);
  };
  std::string kids;
  for (size_t i = 0; i < pages.size(); ++i) kids += fmt::format("{} 0 R ", 4 + 2 * i);
  add("<</Type/Catalog/Pages 2 0 R>>");
  add(fmt::format("<</Type/Pages/Count {}/Kids[{}]>>", pages.size(), kids));
  add(fmt::format("<</Title({})>>", title));
  for (const PdfPageForTest& page : pages) {
    add(fmt::format("<</Type/Page/Parent 2 0 R/MediaBox[0 0 {} {}]/Rotate {}/Contents {} 0 R>>",
                    page.width, page.height, page.turn, places.size() + 2));
    const std::string drawing =
        fmt::format("{} {} {} rg 0 0 {} {} re f 0 0 0 rg 0 0 {} {} re f", page.red, page.green,
                    page.blue, page.width, page.height, page.width / 3, page.height / 3);
    add(fmt::format("<</Length {}>>\nstream\n{}\nendstream", drawing.size(), drawing));
  }
  const size_t table = pdf.size();
  pdf += fmt::format("xref\n0 {}\n0000000000 65535 f \n", places.size() + 1);
  for (const size_t place : places) pdf += fmt::format("{:010} 00000 n \n", place);
  return pdf + fmt::format("trailer\n<</Size {}/Root 1 0 R/Info 3 0 R>>\nstartxref\n{}\n%%EOF\n",
                           places.size() + 1, table);
}

inline std::string pdf_for_test(int num_pages) {
  return pdf_for_test(std::vector<PdfPageForTest>(static_cast<size_t>(num_pages)));
}

// So many zero bytes, deflated without ever being there, and their CRC-32.
struct ZerosForTest {
  std::string packed;
  uint32_t crc = 0;
};
inline ZerosForTest deflated_zeros_for_test(size_t num_bytes, int window_bits = -MAX_WBITS) {
  std::string zeros(size_t{1} << 20, '\0'), out(size_t{1} << 16, '\0');
  z_stream stream{};
  deflateInit2(&stream, 1, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  ZerosForTest result;
  for (bool done = false; !done;) {
    const size_t size = std::min(num_bytes, zeros.size());
    num_bytes -= size;
    result.crc = static_cast<uint32_t>(
        ::crc32(result.crc, reinterpret_cast<const Bytef*>(zeros.data()), static_cast<uInt>(size)));
    stream.next_in = reinterpret_cast<Bytef*>(zeros.data());
    stream.avail_in = static_cast<uInt>(size);
    do {
      stream.next_out = reinterpret_cast<Bytef*>(out.data());
      stream.avail_out = static_cast<uInt>(out.size());
      done = deflate(&stream, num_bytes == 0 ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_END;
      result.packed.append(out, 0, out.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }
  deflateEnd(&stream);
  return result;
}

// Number as bytes, the least or the most valuable first.
inline std::string little_endian_for_test(uint64_t value, int num_bytes) {
  std::string out;
  for (int i = 0; i < num_bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}
inline std::string big_endian_for_test(uint64_t value, int num_bytes) {
  std::string out = little_endian_for_test(value, num_bytes);
  return {out.rbegin(), out.rend()};
}

// A black picture of one bit a pixel, whole, and small whatever its size.
inline std::string png_for_test(uint32_t width, uint32_t height) {
  const auto chunk = [](const std::string& type_and_data) {
    const auto crc =
        static_cast<uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(type_and_data.data()),
                                      static_cast<uInt>(type_and_data.size())));
    return big_endian_for_test(type_and_data.size() - 4, 4) + type_and_data +
           big_endian_for_test(crc, 4);
  };
  const size_t num_bytes = (size_t{width} + 15) / 8 * height;
  return "\x89PNG\r\n\x1a\n" +
         chunk("IHDR" + big_endian_for_test(width, 4) + big_endian_for_test(height, 4) + "\1" +
               std::string(4, '\0')) +
         chunk("IDAT" + deflated_zeros_for_test(num_bytes, MAX_WBITS).packed) + chunk("IEND");
}

// Entries, and what to write of them in place of the truth.
struct ZipEntryForTest {
  std::string name, bytes;
  bool deflate = false;
  int64_t declared = -1;  // size; -1: the true one
  uint16_t flags = 0;
  uint16_t method = 0xffff;  // 0xffff: the true one
  std::string local_name = {};
  int64_t offset = -1;  // of the local header; -1: the true one
  size_t zeros = 0;     // not 0: so many zero bytes, deflated, instead of `bytes`
};

inline std::string deflated_for_test(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

inline std::string zip_for_test(const std::vector<ZipEntryForTest>& entries) {
  const auto number = little_endian_for_test;
  std::string file, directory;
  for (const ZipEntryForTest& entry : entries) {
    ZerosForTest zeros;
    if (entry.zeros > 0) zeros = deflated_zeros_for_test(entry.zeros);
    const bool deflate = entry.deflate || entry.zeros > 0;
    const std::string packed = entry.zeros > 0 ? zeros.packed
                               : deflate       ? deflated_for_test(entry.bytes)
                                               : entry.bytes;
    const uint64_t size = entry.declared >= 0 ? static_cast<uint64_t>(entry.declared)
                                              : entry.bytes.size() + entry.zeros;
    const uint16_t method = entry.method != 0xffff ? entry.method : deflate ? 8 : 0;
    const auto crc =
        entry.zeros > 0
            ? zeros.crc
            : static_cast<uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(entry.bytes.data()),
                                            static_cast<uInt>(entry.bytes.size())));
    const std::string common = number(20, 2) + number(entry.flags, 2) + number(method, 2) +
                               number(0, 4) + number(crc, 4) + number(packed.size(), 4) +
                               number(size, 4);
    const std::string& local = entry.local_name.empty() ? entry.name : entry.local_name;
    const uint64_t at = entry.offset >= 0 ? static_cast<uint64_t>(entry.offset) : file.size();
    file += "PK\x03\x04" + common + number(local.size(), 2) + number(0, 2) + local + packed;
    directory += "PK\x01\x02" + number(20, 2) + common + number(entry.name.size(), 2) +
                 number(0, 12) + number(at, 4) + entry.name;
  }
  return file + directory + "PK\x05\x06" + number(0, 4) + number(entries.size(), 2) +
         number(entries.size(), 2) + number(directory.size(), 4) + number(file.size(), 4) +
         number(0, 2);
}

}  // namespace glmv::media
