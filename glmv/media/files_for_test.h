#pragma once
// PDF and ZIP files made up for tests.

#include <fmt/format.h>
#include <zlib.h>

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

// Entries, and what to write of them in place of the truth.
struct ZipEntryForTest {
  std::string name, bytes;
  bool deflate = false;
  int64_t declared = -1;  // size; -1: the true one
  uint16_t flags = 0;
  uint16_t method = 0xffff;  // 0xffff: the true one
  std::string local_name = {};
  int64_t offset = -1;  // of the local header; -1: the true one
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
  const auto number = [](uint64_t value, int num_bytes) {
    std::string out;
    for (int i = 0; i < num_bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
    return out;
  };
  std::string file, directory;
  for (const ZipEntryForTest& entry : entries) {
    const std::string packed = entry.deflate ? deflated_for_test(entry.bytes) : entry.bytes;
    const uint64_t size =
        entry.declared >= 0 ? static_cast<uint64_t>(entry.declared) : entry.bytes.size();
    const uint16_t method = entry.method != 0xffff ? entry.method : entry.deflate ? 8 : 0;
    const auto crc =
        static_cast<uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(entry.bytes.data()),
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
