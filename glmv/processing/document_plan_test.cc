#include "glmv/processing/document_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "glmv/base/files.h"
#include "glmv/media/base64.h"
#include "glmv/media/files_for_test.h"

namespace glmv::processing {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string golden_path(const std::string& name) {
  return std::string(GLMV_SOURCE_DIR) + "/tests/golden/documents/" + name;
}

text::ContentPart document_part(std::string pages = {}) {
  return {.kind = text::PartKind::kDocument, .pages = std::move(pages)};
}

class DocumentPlans : public testing::Test {
 protected:
  std::shared_ptr<const media::Document> pdf(int num_pages) {
    return pdf(std::vector<media::PdfPageForTest>(static_cast<size_t>(num_pages)));
  }
  std::shared_ptr<const media::Document> pdf(const std::vector<media::PdfPageForTest>& pages) {
    return *reader_.open(media::pdf_for_test(pages));
  }
  Result<DocumentPlan> plan(const media::Document& document, const text::ContentPart& part = {},
                            int64_t max_pixels = 0) {
    return plan_document(document, part, config_, rule_, max_pixels);
  }
  static std::vector<int> numbers(const Result<DocumentPlan>& plan) {
    std::vector<int> out;
    if (plan) {
      for (const media::PageView& view : plan->pages) out.push_back(view.page);
    }
    return out;
  }

  media::DocumentReader reader_;
  ProcessorConfig config_;
  DocumentRule rule_;
};

TEST_F(DocumentPlans, FewPagesHave180Dpi) {
  const auto document = pdf(3);
  const auto found = plan(*document);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->dpi, 180);
  // 595 x 842 points are 1488 x 2105 pixels there, to multiples of 28.
  EXPECT_EQ(found->pages[0], (media::PageView{1, 1484, 2100}));
  EXPECT_EQ(found->num_tokens, 3 * (53 * 75 + 10));
}

TEST_F(DocumentPlans, ManyPagesShareTheBudget) {
  const auto document = pdf(40);
  const auto found = plan(*document);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pages.size(), 40u);
  EXPECT_LE(found->num_tokens, rule_.max_tokens);
  EXPECT_GT(found->num_tokens, rule_.max_tokens * 9 / 10);
  // Finer than the rule would allow is asked for, or less.
  text::ContentPart part = document_part("1-2");
  part.dpi = 72;
  const auto asked = plan(*document, part);
  EXPECT_EQ(asked->pages[0], (media::PageView{1, 588, 840}));
  part.dpi = 0;
  part.max_tokens = 300;
  EXPECT_LE(plan(*document, part)->num_tokens, 300);
  // Limits of the picture itself hold too.
  part = document_part("1");
  EXPECT_LE(plan(*document, part, 100'000)->pages[0].width * 332, 100'000);
  rule_.max_tokens = 40 * 11;
  EXPECT_EQ(plan(*document).error().code, Code::kResourceExhausted);
}

TEST_F(DocumentPlans, PagesAreChosen) {
  const auto document = pdf(100);
  EXPECT_THAT(numbers(plan(*document, document_part("7,1-3,2"))), ElementsAre(1, 2, 3, 7));
  EXPECT_THAT(numbers(plan(*document, document_part("99-"))), ElementsAre(99, 100));
  const auto beyond = plan(*document, document_part("98-101"));
  EXPECT_EQ(beyond.error().code, Code::kInvalidArgument);
  EXPECT_THAT(beyond.error().message, HasSubstr("no page 101: the document has 100 pages"));
  EXPECT_EQ(plan(*document, document_part("200-")).error().code, Code::kInvalidArgument);
  EXPECT_EQ(plan(*document, document_part("x")).error().code, Code::kInvalidArgument);
  const auto all = plan(*document);
  EXPECT_EQ(all.error().code, Code::kResourceExhausted);
  EXPECT_THAT(all.error().message, HasSubstr("all of 100 pages are too many: at most 60"));
  EXPECT_TRUE(plan(*document, document_part("41-100")));
  EXPECT_FALSE(plan(*document, document_part("40-100")));
}

TEST_F(DocumentPlans, OfManySlidesSomeAreTaken) {
  const auto slides = reader_.open(*read_file(golden_path("slides.odp")));
  ASSERT_TRUE(slides) << slides.error().message;
  EXPECT_THAT(numbers(plan(**slides)), ElementsAre(1, 2, 3));
  rule_.max_slides = 2;
  EXPECT_THAT(numbers(plan(**slides)), ElementsAre(1, 3));
  EXPECT_THAT(numbers(plan(**slides, document_part("2-3"))), ElementsAre(2, 3));
  EXPECT_THAT(numbers(plan(**slides, document_part("1-3"))), ElementsAre(1, 2, 3));
}

TEST_F(DocumentPlans, PagesOfABadShapeAreNamed) {
  const auto document = pdf({{}, {14'000, 10}});
  EXPECT_THAT(plan(*document).error().message, HasSubstr("page 2"));
  EXPECT_TRUE(plan(*document, document_part("1")));
  // Large ones are as large as pictures can be.
  const auto large = pdf({{100'000, 100'000}});
  const auto found = plan(*large);
  ASSERT_TRUE(found);
  EXPECT_LE(int64_t{found->pages[0].width} * found->pages[0].height, config_.image.max_pixels);
}

TEST_F(DocumentPlans, PagesStandBehindTheirNumbers) {
  const auto document = pdf({{595, 842, 0, 1, 0, 0}, {595, 842, 0, 0, 1, 0}});
  const auto found = plan(*document);
  ASSERT_TRUE(found);
  const auto pictures = document->render(found->pages);
  ASSERT_TRUE(pictures);
  const auto parts = page_parts(*found, *pictures);
  ASSERT_EQ(parts.size(), 4u);
  EXPECT_EQ(parts[0].text, "Page 1:\n");
  EXPECT_EQ(parts[1].kind, text::PartKind::kImage);
  EXPECT_TRUE(parts[1].pixels_fit);
  EXPECT_EQ(parts[2].text, "\nPage 2:\n");
  EXPECT_EQ(parts[3].pixels[0].data.get()[1], 255);
  const auto one = plan(*document, document_part("2"));
  EXPECT_EQ(page_parts(*one, {&(*pictures)[1], 1}).size(), 1u);
}

TEST(TextFiles, AreFenced) {
  EXPECT_EQ(text_file_part("a.csv", "1,2\n").text, "a.csv:\n```csv\n1,2\n```\n");
  EXPECT_EQ(text_file_part("", "x").text, "```\nx\n```\n");
  EXPECT_EQ(text_file_part("a.md", "\xef\xbb\xbf````\n`````\n").text,
            "a.md:\n``````md\n````\n`````\n``````\n");
  EXPECT_EQ(text_file_part("odd.a b", "x").text, "odd.a b:\n```\nx\n```\n");
}

TEST(ExpandDocuments, ReadsFilesAndUrls) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "glmv_expand";
  std::filesystem::create_directories(folder);
  const std::string odd = (folder / "two\nlines.txt").string();
  std::ofstream(odd) << "text";
  text::Message message = text::Message::user("question");
  text::ContentPart inlined{.kind = text::PartKind::kDocument,
                            .source = "data:text/plain;base64," + media::encode_base64("b,c"),
                            .name = "b.csv"};
  text::ContentPart file{.kind = text::PartKind::kDocument, .source = odd};
  text::ContentPart pages{
      .kind = text::PartKind::kDocument, .source = golden_path("three_pages.pdf"), .pages = "1,3"};
  message.content.insert(message.content.begin(), {inlined, file, pages});
  const text::Message other = text::Message::system("untouched");
  const std::vector<text::Message> messages = {other, message};
  media::DocumentReader reader;
  EXPECT_TRUE(has_documents(messages));
  EXPECT_FALSE(has_documents({&other, 1}));
  const auto out = expand_documents(messages, reader, {}, {}, 0);
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_TRUE((*out)[0].content_is_string);
  const auto& content = (*out)[1].content;
  ASSERT_EQ(content.size(), 7u);
  EXPECT_EQ(content[0].text, "b.csv:\n```csv\nb,c\n```\n");
  EXPECT_EQ(content[1].text, "two lines.txt:\n```txt\ntext\n```\n");
  EXPECT_EQ(content[4].text, "\nPage 3:\n");
  EXPECT_EQ(content[6].text, "question");
  EXPECT_FALSE((*out)[1].content_is_string);
  std::filesystem::remove_all(folder);
}

TEST(ExpandDocuments, ErrorsNameTheFile) {
  media::DocumentReader reader;
  const auto error = [&](text::ContentPart part, DocumentRule rule = {}) {
    part.kind = text::PartKind::kDocument;
    text::Message message = text::Message::user("q");
    message.content.push_back(part);
    const auto out = expand_documents({&message, 1}, reader, {}, rule, 0);
    return out ? Status{Code::kInternal, "none"} : out.error();
  };
  const Status locked = error({.source = golden_path("password.pdf")});
  EXPECT_EQ(locked.code, Code::kUnsupported);
  EXPECT_THAT(locked.message, testing::StartsWith("document password.pdf: it is encrypted"));
  EXPECT_THAT(error({.source = "data:application/pdf;base64,JVBERi0="}).message,
              testing::StartsWith("messages[0].content[1]: the document: "));
  const Status missing = error({.source = "/no/such/a\nb.pdf"});
  EXPECT_EQ(missing.code, Code::kNotFound);
  EXPECT_THAT(missing.message, HasSubstr("document /no/such/a b.pdf: no such file"));
  EXPECT_THAT(error({.source = GLMV_SOURCE_DIR}).message, HasSubstr("not a regular file"));
  EXPECT_THAT(error({.source = "https://example.org/a.pdf"}).message, HasSubstr("downloaded"));
  EXPECT_THAT(error({.source = golden_path("broken.pdf")}).message, HasSubstr("damaged"));
  EXPECT_THAT(error({.source = golden_path("three_pages.pdf"), .pages = "4"}).message,
              HasSubstr("no page 4"));
  const std::string text = std::string(GLMV_SOURCE_DIR) + "/CMakeLists.txt";
  EXPECT_THAT(error({.source = text, .pages = "1"}).message, HasSubstr("no pages"));
  EXPECT_EQ(error({.source = text}, {.max_text_bytes = 10}).code, Code::kResourceExhausted);
  EXPECT_EQ(error({.source = text}, {.max_bytes = 10}).code, Code::kResourceExhausted);
}

}  // namespace
}  // namespace glmv::processing
