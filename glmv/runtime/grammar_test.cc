#include "glmv/runtime/grammar.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "glmv/base/utf8.h"
#include "glmv/runtime/json_validator_for_test.h"
#include "glmv/runtime/toy_vocabulary_for_test.h"

namespace glmv::runtime {
namespace {

using testing::HasSubstr;
using Kind = GrammarKind;

// 1,000 in the slow tests (CMakeLists.txt).
int num_samples() {
  const char* wanted = std::getenv("GLMV_GRAMMAR_SAMPLES");
  return wanted == nullptr ? 25 : std::atoi(wanted);
}

class Grammars : public testing::Test {
 protected:
  std::shared_ptr<const CompiledGrammar> compile(Kind kind, const std::string& text) {
    auto grammar = compiler_.compile({kind, text});
    EXPECT_TRUE(grammar) << text << ": " << grammar.error().message;
    return grammar ? *grammar : nullptr;
  }
  std::string error(Kind kind, const std::string& text) {
    const auto start = std::chrono::steady_clock::now();
    auto grammar = compiler_.compile({kind, text});
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(40));
    EXPECT_FALSE(grammar) << text.substr(0, 200);
    return grammar ? "" : grammar.error().message;
  }
  bool takes(const std::shared_ptr<const CompiledGrammar>& grammar, std::string_view text) {
    return grammar_takes(toy_, grammar, text);
  }

  std::string bytes_of(const std::vector<int32_t>& ids) const {
    std::string out;
    for (const int32_t id : ids) out += toy_.texts[id];
    return out;
  }
  // Valid UTF-8, or the beginning of it.
  static bool valid_so_far(const std::string& text) {
    const auto at = find_invalid_utf8(text);
    if (!at) return true;
    const DecodedChar bad = decode_utf8(text, *at);
    return bad.incomplete && *at + bad.num_bytes == text.size();
  }

  ToyVocabulary toy_;
  GrammarCompiler compiler_{toy_.vocabulary(), {.compile_seconds = 2}};
};

TEST_F(Grammars, RandomAnswersSatisfyTheirSchemas) {
  std::ifstream cases(GLMV_SOURCE_DIR "/tests/cases/json_schemas.jsonl");
  std::string line;
  int num_schemas = 0;
  while (std::getline(cases, line)) {
    ++num_schemas;
    const Json schema = Json::parse(line);
    const auto grammar = compile(Kind::kJsonSchema, line);
    ASSERT_TRUE(grammar);
    Random random(7);
    int num_whole = 0;
    for (int i = 0; i < num_samples(); ++i) {
      const auto text = random_sample(toy_, grammar, random, 300);
      if (!text) continue;
      ++num_whole;
      const Json value = Json::parse(*text, nullptr, false);
      ASSERT_FALSE(value.is_discarded()) << line << "\n" << *text;
      ASSERT_TRUE(JsonValidator(schema).valid(value)) << line << "\n" << *text;
    }
    EXPECT_GT(num_whole, num_samples() / 2) << line;
  }
  EXPECT_GE(num_schemas, 30);
}

TEST_F(Grammars, TheMaskIsWhatBruteForceFinds) {
  const std::pair<Kind, std::string> sources[] = {
      {Kind::kJsonSchema,
       R"({"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}}})"},
      {Kind::kRegex, "(ab|abc|é)+[0-9]{1,3}"},
      {Kind::kChoice, R"(["a","ab","abc","\n\n"])"},
      {Kind::kEbnf, "root ::= \"[\" (root | \"1\")* \"]\""}};
  for (const auto& [kind, text] : sources) {
    const auto grammar = compile(kind, text);
    ASSERT_TRUE(grammar);
    Random random(3);
    for (int round = 0; round < 4; ++round) {
      GrammarMatcher matcher(grammar);
      std::vector<int32_t> prefix;
      for (int step = 0; step < 6; ++step) {
        std::vector<int32_t> allowed;
        for (int32_t id = 0; id < std::ssize(toy_.texts); ++id) {
          const bool added = std::ranges::find(toy_.added, id) != toy_.added.end();
          bool taken = !toy_.texts[id].empty() && !added;
          GrammarMatcher byte_by_byte(grammar);
          for (const int32_t before : prefix) byte_by_byte.accept(before);
          if (id == toy_.eos) {
            taken = byte_by_byte.is_complete();
          } else {
            taken = taken && valid_so_far(bytes_of(prefix) + toy_.texts[id]);
            for (size_t i = 0; taken && i < toy_.texts[id].size(); ++i) {
              taken = byte_by_byte.accept(static_cast<unsigned char>(toy_.texts[id][i]));
            }
          }
          ASSERT_EQ(matcher.allows(id), taken) << text << " token " << id << " " << toy_.texts[id];
          if (taken && id != toy_.eos) allowed.push_back(id);
        }
        if (allowed.empty()) break;
        const int32_t next = allowed[static_cast<size_t>(random.uniform() * 0.999 *
                                                         static_cast<double>(allowed.size()))];
        ASSERT_TRUE(matcher.accept(next));
        prefix.push_back(next);
      }
    }
  }
}

TEST_F(Grammars, IntegersHaveNoLeadingZeroAndNoFraction) {
  const auto grammar = compile(Kind::kJsonSchema, R"({"type":"integer"})");
  EXPECT_TRUE(takes(grammar, "0"));
  EXPECT_TRUE(takes(grammar, "-17"));
  EXPECT_FALSE(takes(grammar, "01"));
  EXPECT_FALSE(takes(grammar, "1.0"));
  GrammarMatcher matcher(grammar);
  EXPECT_FALSE(matcher.allows(
      static_cast<int32_t>(std::ranges::find(toy_.texts, "01") - toy_.texts.begin())));
}

TEST_F(Grammars, AChoiceMayEndWhereAnotherGoesOn) {
  const auto grammar = compile(Kind::kChoice, R"(["a","ab"])");
  GrammarMatcher matcher(grammar);
  EXPECT_FALSE(matcher.allows(toy_.eos));
  ASSERT_TRUE(matcher.accept('a'));
  EXPECT_TRUE(matcher.is_complete());
  EXPECT_TRUE(matcher.allows(toy_.eos));
  EXPECT_TRUE(matcher.allows('b'));
  EXPECT_FALSE(matcher.is_exhausted());
  ASSERT_TRUE(matcher.accept('b'));
  EXPECT_TRUE(matcher.is_exhausted());
  EXPECT_FALSE(matcher.accept('c'));
  EXPECT_TRUE(matcher.allows(toy_.eos));  // what was refused changed nothing
}

TEST_F(Grammars, NoCharacterIsLeftHalfDone) {
  const auto grammar = compile(Kind::kRegex, "[^\"]{0,20}");
  Random random(5);
  for (int i = 0; i < 200; ++i) {
    const auto text = random_sample(toy_, grammar, random, 60);
    if (text) {
      EXPECT_EQ(find_invalid_utf8(*text), std::nullopt) << i;
    }
  }
}

TEST_F(Grammars, AnyTextOfATagIsCharacters) {
  const auto grammar = compile(Kind::kStructuralTag, R"({"format":{"type":"any_text"}})");
  Random random(9);
  for (int i = 0; i < 100; ++i) {
    const auto text = random_sample(toy_, grammar, random, 40);
    if (text) {
      EXPECT_EQ(find_invalid_utf8(*text), std::nullopt) << i;
    }
  }
  GrammarMatcher matcher(grammar);
  for (const int32_t id : toy_.added)
    EXPECT_EQ(matcher.allows(id), id == toy_.eos) << toy_.texts[id];
}

TEST_F(Grammars, AddedTokensAreNoText) {
  const auto grammar = compile(Kind::kRegex, "(.|\\n)*");
  GrammarMatcher matcher(grammar);
  for (const int32_t id : toy_.added)
    EXPECT_EQ(matcher.allows(id), id == toy_.eos) << toy_.texts[id];
  EXPECT_TRUE(takes(compile(Kind::kEbnf, fmt::format("root ::= Token({}) \"x\"", toy_.added[0])),
                    "<tool_call>x"));
}

TEST_F(Grammars, OfLlamaCpp) {
  const auto grammar =
      compile(Kind::kGbnf, "# a list\nroot ::= item-1+\nitem-1 ::= \"- \" [a-z.]{1,3} . \"\\n\"\n");
  EXPECT_TRUE(takes(grammar, "- a.!\n- zé\n"));
  EXPECT_FALSE(takes(grammar, "- \n"));
}

TEST_F(Grammars, StructuralTags) {
  const std::string old =
      R"({"structures":[{"begin":"<f>","schema":{"type":"integer"},"end":"</f>"}],
                              "triggers":["<f>"]})";
  for (const std::string& text :
       {old,
        std::string(R"({"format":{"type":"triggered_tags","triggers":["<f>"],"tags":[{"type":"tag",
          "begin":"<f>","content":{"type":"json_schema","json_schema":{"type":"integer"}},"end":"</f>"}]}})")}) {
    const auto grammar = compile(Kind::kStructuralTag, text);
    EXPECT_TRUE(takes(grammar, "so <f>12</f> it is"));
    EXPECT_FALSE(takes(grammar, "so <f>x</f>"));
  }
  EXPECT_THAT(
      error(Kind::kStructuralTag, R"({"format":{"type":"json_schema","json_schema":{"not":{}}}})"),
      HasSubstr("#/not"));
  EXPECT_NE(error(Kind::kStructuralTag, R"({"format":{"type":"nonsense"}})"), "");
}

TEST_F(Grammars, SourcesThatAreNoGrammars) {
  EXPECT_NE(error(Kind::kRegex, "(a"), "");
  EXPECT_NE(error(Kind::kRegex, "[z-a]"), "");
  EXPECT_NE(error(Kind::kRegex, "a(?=b)"), "");
  EXPECT_NE(error(Kind::kRegex, "(a)\\1"), "");
  EXPECT_NE(error(Kind::kRegex, ""), "");
  EXPECT_NE(error(Kind::kRegex, std::string("a\0b", 3)), "");
  EXPECT_THAT(error(Kind::kRegex, "a\xff"), HasSubstr("UTF-8"));
  EXPECT_NE(error(Kind::kEbnf, "root ::= other"), "");
  EXPECT_NE(error(Kind::kEbnf, "start ::= \"a\""), "");
  EXPECT_NE(error(Kind::kGbnf, "root ::= \"a"), "");
  EXPECT_NE(error(Kind::kChoice, "[]"), "");
  EXPECT_NE(error(Kind::kChoice, "[\"a\", 1]"), "");
  EXPECT_NE(error(Kind::kJsonSchema, "{"), "");
  EXPECT_NE(error(Kind::kStructuralTag, "[]"), "");
  // What XGrammar would leave out with a warning only.
  EXPECT_THAT(error(Kind::kJsonSchema, R"({"oneOf":[{"type":"integer"},{"type":"number"}]})"),
              HasSubstr("cannot be enforced"));
}

TEST_F(Grammars, HostileSourcesAreErrorsInTime) {
  const auto deep = [](std::string open, std::string close, int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += open;
    out += "a";
    for (int i = 0; i < n; ++i) out += close;
    return out;
  };
  EXPECT_THAT(error(Kind::kRegex, deep("(", ")", 10000)), HasSubstr("nested"));
  EXPECT_THAT(error(Kind::kEbnf, "root ::= " + deep("(", ")", 10000)), HasSubstr("nested"));
  EXPECT_THAT(error(Kind::kRegex, "a{1,99999}"), HasSubstr("repetition"));
  EXPECT_THAT(error(Kind::kEbnf, "root ::= \"a\"{1,99999}"), HasSubstr("repetition"));
  EXPECT_THAT(error(Kind::kRegex, std::string((1 << 20) + 1, 'a')), HasSubstr("bytes"));
  std::string schema = R"({"type":"integer"})";
  for (int i = 0; i < 90; ++i) schema = R"({"type":"array","items":)" + schema + "}";
  EXPECT_THAT(error(Kind::kJsonSchema, schema), HasSubstr("nested"));
  EXPECT_THAT(error(Kind::kJsonSchema, std::string(100000, '[')), HasSubstr("nested"));
  EXPECT_THAT(error(Kind::kJsonSchema, R"({"$ref":"#"})"), HasSubstr("itself"));
  // Any outcome but a crash, and soon.
  for (const auto& [kind, text] : std::initializer_list<std::pair<Kind, std::string>>{
           {Kind::kRegex, "((a{1,9999}){1,9999}){1,9999}"},
           {Kind::kRegex, "(.*.*.*.*.*.*.*.*.*.*b){50}"},
           {Kind::kEbnf, "root ::= root root | \"a\" | \"\""},
           {Kind::kEbnf, "root ::= root"},
           {Kind::kJsonSchema, R"({"type":"string","maxLength":1000000000,"minLength":999999999})"},
           {Kind::kJsonSchema,
            R"({"type":"array","items":{"type":"integer"},"minItems":1000000})"}}) {
    const auto start = std::chrono::steady_clock::now();
    (void)compiler_.compile({kind, text});
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(40)) << text;
  }
}

TEST_F(Grammars, AreKeptUpToALimit) {
  const auto first = compile(Kind::kRegex, "[a-c]+");
  EXPECT_EQ(compile(Kind::kRegex, "[a-c]+"), first);
  const int64_t one = compiler_.cached_bytes();
  EXPECT_GT(one, 0);
  GrammarCompiler small(toy_.vocabulary(), {.cache_bytes = one + one / 2});
  const auto again = small.compile({Kind::kRegex, "[a-c]+"}).value();
  ASSERT_TRUE(small.compile({Kind::kRegex, "[d-f]+"}));
  EXPECT_LE(small.cached_bytes(), one + one / 2);
  EXPECT_NE(small.compile({Kind::kRegex, "[a-c]+"}).value(), again);
  EXPECT_TRUE(takes(again, "abc"));  // whoever holds it goes on
}

TEST_F(Grammars, CompileFromSeveralThreads) {
  std::vector<std::thread> threads;
  std::atomic<int> failures = 0;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      for (int j = 0; j < 3; ++j) {
        const auto grammar =
            compiler_.compile({Kind::kRegex, fmt::format("x{{{}}}", 1 + (i + j) % 3)});
        if (!grammar || !takes(*grammar, std::string(1 + (i + j) % 3, 'x'))) ++failures;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failures, 0);
}

}  // namespace
}  // namespace glmv::runtime
