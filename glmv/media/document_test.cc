#include "glmv/media/document.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <chrono>
#include <filesystem>
#include <random>
#include <thread>

#include "glmv/base/files.h"
#include "glmv/media/files_for_test.h"
#include "glmv/media/zip_directory.h"

namespace glmv::media {
namespace {

namespace fs = std::filesystem;
using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;

std::string golden(const std::string& name) {
  return *read_file(std::string(GLMV_SOURCE_DIR) + "/tests/golden/documents/" + name);
}

std::array<int, 3> pixel(const RgbPixels& page, double x, double y) {
  const uint8_t* at =
      page.data.get() +
      (static_cast<size_t>(y * page.height) * page.width + static_cast<size_t>(x * page.width)) * 3;
  return {at[0], at[1], at[2]};
}
constexpr std::array<int, 3> kRed = {255, 0, 0}, kGreen = {0, 255, 0}, kBlue = {0, 0, 255},
                             kWhite = {255, 255, 255}, kBlack = {0, 0, 0};

std::shared_ptr<const Document> opened(DocumentReader& reader, const std::string& bytes) {
  auto document = reader.open(bytes);
  EXPECT_TRUE(document) << document.error().message;
  return document ? *document : nullptr;
}

Status error_of(const std::string& bytes, DocumentLimits limits = {}) {
  const auto document = DocumentReader(limits).open(bytes);
  return document ? Status{Code::kInternal, "it was opened"} : document.error();
}

TEST(DocumentKind, IsSeenInTheContent) {
  const std::pair<const char*, DocumentKind> files[] = {{"three_pages.pdf", DocumentKind::kPdf},
                                                        {"slides.pptx", DocumentKind::kPptx},
                                                        {"slides.odp", DocumentKind::kOdp},
                                                        {"slides.ppt", DocumentKind::kPpt}};
  for (const auto& [name, kind] : files) EXPECT_EQ(*document_kind(golden(name)), kind) << name;
  EXPECT_EQ(*document_kind("a, b\n1, 2\n"), DocumentKind::kText);
  EXPECT_EQ(*document_kind("\xef\xbb\xbf"
                           "BM \xe4\xb8\xad\xe6\x96\x87"),
            DocumentKind::kText);
  EXPECT_EQ(*document_kind("\n\njunk %PDF-1.4"), DocumentKind::kPdf);
}

TEST(DocumentKind, OthersAreNamed) {
  const auto message = [](const std::string& bytes) {
    return document_kind(bytes).error().message;
  };
  const std::string compound = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
  const std::string slides("P\0o\0w\0e\0r\0P\0o\0i\0n\0t\0 \0D\0o\0c\0u\0m\0e\0n\0t\0"sv);
  EXPECT_EQ(message(""), "it is empty");
  EXPECT_NE(message(compound).find("save it as PDF"), std::string::npos);
  EXPECT_NE(message(compound + std::string("E\0n\0c\0r\0y\0p\0t\0e\0d\0P\0a\0c\0k\0a\0g\0e\0"sv))
                .find("encrypted"),
            std::string::npos);
  EXPECT_NE(
      message(compound + slides + std::string("\x14\0\0\0\xdf\xc4\xd1\xf3"sv)).find("encrypted"),
      std::string::npos);
  EXPECT_NE(message(zip_for_test({{"a", "b"}})).find("ZIP archive"), std::string::npos);
  EXPECT_NE(message(zip_for_test({{"[Content_Types].xml", ""}, {"word/document.xml", ""}}))
                .find("without slides"),
            std::string::npos);
  const ZipEntryForTest odp{"mimetype", "application/vnd.oasis.opendocument.presentation"};
  EXPECT_TRUE(document_kind(zip_for_test({odp})));
  EXPECT_NE(message(zip_for_test({odp, {"encrypted-package", ""}})).find("encrypted"),
            std::string::npos);
  EXPECT_NE(message(zip_for_test({odp, {"META-INF/manifest.xml", "<encryption-data>", true}}))
                .find("encrypted"),
            std::string::npos);
  EXPECT_NE(message("\x89PNG\r\n\x1a\n").find("PNG picture"), std::string::npos);
  EXPECT_NE(message("\xff\xfe"
                    "a\0b\0"s)
                .find("iconv"),
            std::string::npos);
  EXPECT_NE(message("\x01\xff\x80").find("neither PDF"), std::string::npos);
}

TEST(PdfInfoText, NumbersBehindWhatTheFileSays) {
  const auto info = internal::parse_pdf_info(
      "Title:          a\nPages:          7\nPage    1 size:  1 x 1 pts\nPages:          3\n"
      "Encrypted:      no\nPage    2 size:  595.276 x 841.89 pts (A4)\nPage    2 rot:   0\n"
      "Page    3 size:  300 x 600 pts\nPage    3 rot:   270\nFile size:      7 bytes\n",
      2, 64);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->num_pages, 3);
  ASSERT_EQ(info->sizes.size(), 2u);
  EXPECT_EQ(info->sizes[0].height, 841.89);
  EXPECT_EQ(info->sizes[1].width, 600);
  EXPECT_TRUE(info->sizes[1].turned);
  for (const char* text :
       {"", "Pages:\n", "Pages: 0\n", "Pages: -1\n", "Pages: 99999999999\n", "Pages: 3 x\n"}) {
    EXPECT_EQ(internal::parse_pdf_info(text, 1, 2).error().code, Code::kInvalidArgument) << text;
  }
  const auto odd = internal::parse_pdf_info(
      "Pages: 2\nPage 1 size: 1e300 x 5 pts\nPage 2 size: -1 x nan pts\nPage 3 size: 5 x 5 pts\n"
      "Page x size: 5 x 5 pts\nPage size: 5\nPage :\n",
      1, 64);
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->sizes[0].width, 0);
  EXPECT_EQ(odd->sizes[1].width, 0);
}

TEST(PpmReader, TakesPicturesInAnyPieces) {
  const std::string stream = "P6\n2 1\n255\nabcdefP6\n1 1\n255\nxyz";
  for (size_t step = 1; step <= stream.size(); ++step) {
    std::vector<Image> pages;
    internal::PpmReader reader(4, [&](Image page) {
      pages.push_back(std::move(page));
      return true;
    });
    for (size_t at = 0; at < stream.size(); at += step) {
      ASSERT_TRUE(reader.add(std::string_view(stream).substr(at, step)));
    }
    ASSERT_EQ(reader.num_pages(), 2);
    EXPECT_FALSE(reader.inside());
    EXPECT_EQ(pages[0].data[5], 'f');
    EXPECT_EQ(pages[1].width, 1);
    EXPECT_EQ(pages[1].data[0], 'x');
  }
  for (const char* text : {"P5\n1 1\n255\n", "P6\n3 2\n255\n", "P6\n0 1\n255\n", "P6\n-1 -1\n255\n",
                           "P6\n1 1\n65535\n", "P6\n99999999999 1\n255\n", "P6\n1\n255\n",
                           "a very long line that is no header of any picture"}) {
    internal::PpmReader reader(5, [](Image) { return true; });
    EXPECT_FALSE(reader.add(text)) << text;
    EXPECT_TRUE(reader.failed()) << text;
  }
}

TEST(Documents, PagesOfAPdf) {
  DocumentReader reader;
  const auto pdf = opened(reader, golden("three_pages.pdf"));
  EXPECT_EQ(pdf->num_pages(), 3);
  const std::vector<int> numbers = {1, 2, 3};
  const auto sizes = pdf->page_sizes(numbers);
  ASSERT_TRUE(sizes);
  EXPECT_EQ((*sizes)[0].height, 842);
  EXPECT_EQ((*sizes)[1].width, 595);
  EXPECT_EQ((*sizes)[2].width, 600);  // turned
  EXPECT_EQ((*sizes)[2].height, 300);
  const std::vector<PageView> views = {{3, 196, 84}, {1, 140, 196}, {2, 140, 112}, {1, 14, 20}};
  const auto pages = pdf->render(views);
  ASSERT_TRUE(pages) << pages.error().message;
  const std::array<int, 3> colours[] = {kBlue, kRed, kGreen, kRed};
  for (size_t i = 0; i < views.size(); ++i) {
    EXPECT_EQ((*pages)[i].width, views[i].width);
    EXPECT_EQ((*pages)[i].height, views[i].height);
    // The whole page, to its edges.
    for (const double x : {0.02, 0.98}) EXPECT_EQ(pixel((*pages)[i], x, 0.03), colours[i]) << i;
  }
  // The same memory again.
  EXPECT_EQ((*pdf->render({&views[1], 1}))[0].data, (*pages)[1].data);
  EXPECT_EQ((*opened(reader, golden("three_pages.pdf"))->render({&views[2], 1}))[0].data,
            (*pages)[2].data);
  EXPECT_EQ(pdf->render(views, [] { return false; })->size(), 4u);
  const PageView fresh{1, 28, 28};
  EXPECT_EQ(pdf->render({&fresh, 1}, [] { return false; }).error().code, Code::kCancelled);
}

TEST(Documents, APasswordToOpenIsAnErrorOneToChangeIsNot) {
  const Status locked = error_of(golden("password.pdf"));
  EXPECT_EQ(locked.code, Code::kUnsupported);
  EXPECT_NE(locked.message.find("encrypted"), std::string::npos);
  DocumentReader reader;
  const PageView view{2, 56, 56};
  const auto pages = opened(reader, golden("restricted.pdf"))->render({&view, 1});
  ASSERT_TRUE(pages);
  EXPECT_EQ(pixel((*pages)[0], 0.9, 0.1), kGreen);
}

TEST(Documents, LettersOfFontsThatAreNotInTheFile) {
  DocumentReader reader;
  const PageView view{1, 588, 840};
  const auto pages = opened(reader, golden("chinese.pdf"))->render({&view, 1});
  ASSERT_TRUE(pages);
  int num_dark = 0;
  for (int i = 0; i < 588 * 840; ++i) num_dark += (*pages)[0].data.get()[3 * i] < 128;
  EXPECT_GT(num_dark, 1000);  // four characters of 40 points
}

// Where LibreOffice's files are made: nothing else makes files there, and nothing stays.
class FolderOfSlides {
 public:
  FolderOfSlides() {
    std::string name = (fs::temp_directory_path() / "glmv-documents-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    path_ = name;
    ::setenv("TMPDIR", path_.c_str(), 1);
  }
  ~FolderOfSlides() {
    ::unsetenv("TMPDIR");
    EXPECT_TRUE(fs::is_empty(path_));
    fs::remove_all(path_);
  }

 private:
  fs::path path_;
};

TEST(Documents, SlidesOfEveryKind) {
  const FolderOfSlides folder;
  DocumentReader reader;
  for (const char* name : {"slides.pptx", "slides.odp", "slides.ppt"}) {
    const auto slides = opened(reader, golden(name));
    ASSERT_NE(slides, nullptr) << name;
    ASSERT_EQ(slides->num_pages(), 3) << name;
    const std::vector<PageView> views = {{1, 280, 168}, {2, 280, 168}, {3, 280, 168}};
    const auto pages = slides->render(views);
    ASSERT_TRUE(pages) << name;
    EXPECT_EQ(pixel((*pages)[0], 0.5, 0.5), kRed) << name;
    EXPECT_EQ(pixel((*pages)[1], 0.5, 0.5), kGreen) << name;
    EXPECT_EQ(pixel((*pages)[2], 0.5, 0.5), kBlue) << name;
    EXPECT_EQ(pixel((*pages)[2], 0.05, 0.9), kWhite) << name;
    // Not converted again.
    EXPECT_EQ(opened(reader, golden(name)), slides);
  }
}

TEST(Documents, ThousandsOfPagesAndAbsurdSizes) {
  DocumentReader reader;
  const auto many = opened(reader, pdf_for_test(10'000));
  EXPECT_EQ(many->num_pages(), 10'000);
  const std::vector<int> last = {10'000, 1, 5000};
  EXPECT_EQ((*many->page_sizes(last))[0].width, 595);
  const PageView view{10'000, 56, 84};
  EXPECT_EQ(pixel((*many->render({&view, 1}))[0], 0.1, 0.95), kBlack);
  const auto odd = opened(reader, pdf_for_test({{200'000, 300'000}, {0.5, 0.5}, {14'000, 10}}));
  const std::vector<PageView> views = {{1, 112, 168}, {2, 112, 112}, {3, 1400, 28}};
  const auto pages = odd->render(views);
  ASSERT_TRUE(pages) << pages.error().message;
  EXPECT_EQ(pixel((*pages)[0], 0.9, 0.1), kWhite);
  EXPECT_EQ(pixel((*pages)[0], 0.1, 0.9), kBlack);
}

TEST(Documents, TitlesSayNothingOfPages) {
  DocumentReader reader;
  const auto pdf =
      opened(reader, pdf_for_test({{}, {}}, "a\\nPages: 7\\nPage    1 size: 3 x 3 pts"));
  EXPECT_EQ(pdf->num_pages(), 2);
  const std::vector<int> first = {1};
  EXPECT_EQ((*pdf->page_sizes(first))[0].width, 595);
}

TEST(Documents, BrokenOnes) {
  EXPECT_EQ(error_of(golden("broken.pdf")).code, Code::kInvalidArgument);
  EXPECT_EQ(error_of("%PDF-1.7\n").code, Code::kInvalidArgument);
  EXPECT_EQ(error_of(pdf_for_test(0)).code, Code::kInvalidArgument);
  EXPECT_EQ(error_of("just text").code, Code::kUnsupported);
  // Slides by name, nothing in them.
  const Status empty = error_of(zip_for_test({{"ppt/presentation.xml", "<a/>"}}));
  EXPECT_EQ(empty.code, Code::kInvalidArgument);
  EXPECT_NE(empty.message.find("damaged"), std::string::npos);
}

TEST(Documents, BombsAndLimits) {
  const std::string zeros(size_t{30} << 20, '\0');
  const std::string bomb =
      zip_for_test({{"ppt/presentation.xml", "<a/>"}, {"ppt/media/a.png", zeros, true}});
  const Status large = error_of(bomb, {.slides = {.max_unpacked_bytes = 1 << 20}});
  EXPECT_EQ(large.code, Code::kResourceExhausted);
  EXPECT_NE(large.message.find("unpacks"), std::string::npos);
  const Status slow = error_of(golden("slides.pptx"), {.slides = {.max_seconds = 0.2}});
  EXPECT_EQ(slow.code, Code::kResourceExhausted);
  EXPECT_EQ(error_of(golden("three_pages.pdf"), {.max_seconds = 0.0001}).code,
            Code::kResourceExhausted);
}

// A slide filled with a picture of 900 million pixels that packs into 110 kB.
TEST(Documents, AHugePictureWithinSlides) {
  const std::string packed = golden("slides.pptx");
  const auto originals = read_zip_directory(packed);
  ASSERT_TRUE(originals);
  std::vector<ZipEntryForTest> entries = {{"ppt/media/huge.png", png_for_test(30'000, 30'000)}};
  const auto replace = [](std::string& text, std::string_view old, std::string_view with) {
    const size_t at = text.find(old);
    ASSERT_NE(at, text.npos) << old;
    text.replace(at, old.size(), with);
  };
  for (const ZipEntry& entry : *originals) {
    entries.push_back({std::string(entry.name), *unpack(entry, 1 << 22), true});
    std::string& bytes = entries.back().bytes;
    if (entry.name == "ppt/slides/slide1.xml") {
      replace(bytes, "<a:solidFill><a:srgbClr val=\"ff0000\"/></a:solidFill>",
              "<a:blipFill><a:blip r:embed=\"rId2\"/><a:stretch><a:fillRect/></a:stretch>"
              "</a:blipFill>");
    } else if (entry.name == "ppt/slides/_rels/slide1.xml.rels") {
      replace(bytes, "</Relationships>",
              "<Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/officeDocument/"
              "2006/relationships/image\" Target=\"../media/huge.png\"/></Relationships>");
    }
  }
  const auto begin = std::chrono::steady_clock::now();
  DocumentReader reader({.slides = {.max_seconds = 30}});
  const auto slides = reader.open(zip_for_test(entries));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  if (slides) {
    EXPECT_EQ((*slides)->num_pages(), 3);
  } else {
    EXPECT_TRUE(slides.error().code == Code::kResourceExhausted ||
                slides.error().code == Code::kInvalidArgument)
        << slides.error().message;
  }
}

TEST(Documents, WhatNobodyWantsEndsAtOnce) {
  const auto start = std::chrono::steady_clock::now();
  const auto spent = [&] { return std::chrono::steady_clock::now() - start; };
  const std::chrono::milliseconds patience(200);
  DocumentReader reader;
  // LibreOffice needs longer than that to start.
  const auto slides = reader.open(golden("slides.pptx"), [&] { return spent() < patience; });
  ASSERT_FALSE(slides);
  EXPECT_EQ(slides.error().code, Code::kCancelled);
  EXPECT_LT(spent(), patience + std::chrono::seconds(1));
  const auto document = opened(reader, pdf_for_test(40));
  std::vector<PageView> views;
  for (int page = 1; page <= 40; ++page) views.push_back({page, 1500, 1500});
  std::atomic<int64_t> num_done = 0;
  const auto some =
      document->render(views, [&] { return num_done < 3; }, [&](int64_t done) { num_done = done; });
  ASSERT_FALSE(some);
  EXPECT_EQ(some.error().code, Code::kCancelled);
  EXPECT_LT(num_done, 20);
  views.resize(3);
  EXPECT_TRUE(document->render(views, {}, [&](int64_t done) { num_done = done; }));
  EXPECT_EQ(num_done, 3);
}

// What is missing around it.
class DocumentsWithout : public testing::Test {
 protected:
  void TearDown() override {
    ::setenv("PATH", path_.c_str(), 1);
    ::unsetenv("TMPDIR");
  }
  const std::string path_ = ::getenv("PATH");
};

TEST_F(DocumentsWithout, Programs) {
  ::setenv("PATH", "/nowhere", 1);
  const Status pdf = error_of(golden("three_pages.pdf"));
  EXPECT_EQ(pdf.code, Code::kUnavailable);
  EXPECT_NE(pdf.message.find("apt-get install poppler-utils"), std::string::npos);
  const Status slides = error_of(golden("slides.odp"));
  EXPECT_EQ(slides.code, Code::kUnavailable);
  EXPECT_NE(slides.message.find("apt-get install libreoffice-impress-nogui"), std::string::npos);
  EXPECT_EQ(check_pdf_programs().error().code, Code::kUnavailable);
}

TEST_F(DocumentsWithout, RoomForFiles) {
  EXPECT_TRUE(check_pdf_programs());
  ::setenv("TMPDIR", "/proc/self", 1);  // no files can be made there
  const Status slides = error_of(golden("slides.odp"));
  EXPECT_EQ(slides.code, Code::kUnavailable);
  EXPECT_NE(slides.message.find("TMPDIR"), std::string::npos);
  // PDF files need none.
  EXPECT_TRUE(DocumentReader().open(golden("three_pages.pdf")));
}

// A limit on the size of files stands for a disk that is full.
TEST_F(DocumentsWithout, RoomOnTheDisk) {
  const FolderOfSlides folder;
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{8'000, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const Status slides = error_of(golden("slides.odp"));
  ::setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(slides.code, Code::kUnavailable) << slides.message;
  EXPECT_NE(slides.message.find("TMPDIR"), std::string::npos) << slides.message;
}

TEST(Documents, ManyAskAtOnce) {
  DocumentReader reader;
  std::atomic<int> num_good = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      const auto pdf = reader.open(pdf_for_test(10));
      if (!pdf) return;
      for (int i = 0; i < 5; ++i) {
        const std::vector<PageView> views = {{1 + i, 28 + t, 28}, {10 - i, 28, 28 + i}};
        const auto pages = (*pdf)->render(views);
        if (pages && (*pages)[0].width == 28 + t && (*pages)[1].height == 28 + i) ++num_good;
      }
    });
  }
  threads.clear();
  EXPECT_EQ(num_good, 30);
}

// Through the real programs: every file is refused or gives its pages.
TEST(Documents, CutAndFlippedFiles) {
  DocumentReader reader;
  std::mt19937 random(7);
  int num_opened = 0, num_refused = 0;
  const auto check = [&](const std::string& bytes) {
    const auto document = reader.open(bytes);
    if (!document) {
      EXPECT_FALSE(document.error().message.empty());
      EXPECT_NE(document.error().code, Code::kInternal);
      return void(++num_refused);
    }
    const PageView view{1, 56, 56};
    const auto pages = (*document)->render({&view, 1});
    EXPECT_TRUE(!pages || (*pages)[0].width == 56);
    ++num_opened;
  };
  for (const char* name : {"three_pages.pdf", "restricted.pdf", "chinese.pdf"}) {
    const std::string good = golden(name);
    for (int i = 0; i < 12; ++i) {
      check(good.substr(0, random() % good.size()));
      std::string bad = good;
      for (int flips = 0; flips < 1 + i; ++flips) {
        bad[random() % bad.size()] ^= static_cast<char>(1 << random() % 8);
      }
      check(bad);
    }
  }
  EXPECT_GT(num_opened, 10);
  EXPECT_GT(num_refused, 10);
  // LibreOffice takes seconds for each: one of a kind.
  std::string slides = golden("slides.ppt");
  for (int flips = 0; flips < 200; ++flips) {
    slides[4096 + random() % (slides.size() - 4096)] ^= static_cast<char>(1 << random() % 8);
  }
  check(slides);
  // Changed inside, and a whole ZIP file again.
  const std::string packed = golden("slides.pptx");
  std::vector<ZipEntryForTest> entries;
  const auto originals = read_zip_directory(packed);
  ASSERT_TRUE(originals);
  for (const ZipEntry& entry : *originals) {
    entries.push_back({std::string(entry.name), *unpack(entry, 1 << 22)});
    std::string& bytes = entries.back().bytes;
    if (bytes.empty() || random() % 4 != 0) continue;
    if (random() % 2 != 0) bytes.resize(random() % bytes.size() + 1);
    bytes[random() % bytes.size()] ^= 4;
  }
  check(zip_for_test(entries));
}

}  // namespace
}  // namespace glmv::media
