#include "glmv/text/chat_template.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "glmv/base/files.h"
#include "glmv/text/builtin_templates.h"
#include "glmv/text/jinja_eval.h"
#include "glmv/text/jinja_parser.h"

namespace glmv::text {
namespace {

std::vector<Json> read_lines(const std::string& name) {
  std::ifstream file(std::string(GLMV_SOURCE_DIR) + "/tests/golden/jinja/" + name);
  std::vector<Json> rows;
  for (std::string line; std::getline(file, line);) rows.push_back(Json::parse(line));
  return rows;
}

ChatTemplate builtin(std::string_view family) {
  auto parsed = ChatTemplate::parse(std::string(*builtin_template(family)), std::string(family));
  EXPECT_TRUE(parsed) << parsed.error().message;
  return std::move(*parsed);
}

Result<jinja::RenderOutput> run(std::string_view source, const Json& variables = Json::object(),
                                const jinja::Limits& limits = {}, bool mark = false) {
  GLMV_ASSIGN(const jinja::Block program, jinja::parse_template(source));
  std::vector<std::pair<std::string, jinja::Value>> values;
  for (const auto& [name, value] : variables.items()) {
    values.emplace_back(name, jinja::from_json(value, mark));
  }
  return jinja::run_template(program, std::move(values), limits);
}

std::string render_row(const Json& row, std::string* error) {
  static const ChatTemplate kGlm4v = builtin("glm4v");
  static const ChatTemplate kGlm4vMoe = builtin("glm4v_moe");
  RenderOptions options;
  options.add_generation_prompt = row["gen"].get<bool>();
  options.continue_final_message = row.value("continue", false);
  if (row.contains("enable_thinking")) options.enable_thinking = row["enable_thinking"].get<bool>();
  if (row.contains("tools")) options.tools = row["tools"];
  const ChatTemplate& chat = row["family"] == "glm4v" ? kGlm4v : kGlm4vMoe;
  auto rendered = chat.render_json(row["messages"], options);
  if (!rendered) {
    *error = rendered.error().message;
    return "";
  }
  return rendered->text;
}

TEST(JinjaGolden, Snippets) {
  const std::vector<Json> rows = read_lines("snippets.jsonl");
  ASSERT_GE(rows.size(), 200u);
  const Json variables = rows[0]["variables"];
  size_t same = 0;
  for (const Json& row : rows) {
    const std::string source = row["template"];
    const auto out = run(source, variables);
    if (row.contains("error")) {
      EXPECT_FALSE(out) << source << "\n -> " << (out ? out->text.bytes() : "");
      same += !out;
      continue;
    }
    EXPECT_TRUE(out) << source << "\n" << (out ? "" : out.error().message);
    if (!out) continue;
    EXPECT_EQ(out->text.bytes(), row["output"].get<std::string>()) << source;
    same += out->text.bytes() == row["output"].get<std::string>();
  }
  RecordProperty("identical", static_cast<int>(same));
}

TEST(JinjaGolden, SpecRenders) {
  const std::vector<Json> rows = read_lines("spec.jsonl");
  ASSERT_GE(rows.size(), 35u);
  for (const Json& row : rows) {
    std::string error;
    EXPECT_EQ(render_row(row, &error), row["output"].get<std::string>()) << error << row;
  }
}

TEST(JinjaGolden, Conversations) {
  const std::vector<Json> rows = read_lines("conversations.jsonl");
  ASSERT_GE(rows.size(), 200u);
  for (const Json& row : rows) {
    std::string error;
    const std::string out = render_row(row, &error);
    if (row.contains("error")) {
      EXPECT_NE(error, "") << row;
    } else {
      EXPECT_EQ(out, row["output"].get<std::string>()) << error << row;
    }
  }
}

// The bytes of the output that are marked as content.
std::string marked(const jinja::Text& text) {
  std::string out;
  for (const ByteRange& r : text.marks()) out += "[" + text.slice(r.begin, r.end).bytes() + "]";
  return out;
}

TEST(Marks, SurviveStringOperations) {
  const Json vars = {{"x", " a<b> "}};
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"<{{ x }}>", "[ a<b> ]"},
      {"{{ '<' ~ x.strip() ~ '>' }}", "[a<b>]"},
      {"{{ ('<' + x + '>')[2:4] }}", "[a<]"},
      {"{{ x.split('<')[0] }}-{{ x.split('<')[-1].rstrip() }}", "[ a][b>]"},
      {"{{ x.replace('<', '--') }}", "[ a][b> ]"},
      {"{{ 'q-q'.replace('-', x) }}", "[ a<b> ]"},
      {"{% macro m(v) %}({{ v }}){% endmacro %}{{ m(x|trim)|upper }}", "[A<B>]"},
      {"{{ [x, 'y']|join('+') }}", "[ a<b> ]"},
      {"{% set y %}q{{ x }}q{% endset %}{{ y }}", "[ a<b> ]"},
      {"{{ {'k': x}|tojson }}", "[{\"k\": \" a<b> \"}]"},
      {"{{ '%s!' % x }}", "[ a<b> ]"},
      {"{{ x|reverse }}", "[ >b<a ]"},
      {"{% for c in x %}{{ c }}.{% endfor %}", "[ ][a][<][b][>][ ]"},
      {"{{ x|length }}", ""},
      {"{{ 'a' if x else 'b' }}", ""},
  };
  for (auto [source, want] : cases) {
    const auto out = run(source, vars, {}, true);
    ASSERT_TRUE(out) << source << out.error().message;
    std::string got = marked(out->text);
    if (source.find("tojson") != std::string::npos) {
      EXPECT_NE(got.find(" a<b> "), std::string::npos) << got;
      continue;
    }
    EXPECT_EQ(got, want) << source;
  }
}

TEST(Marks, ContentButNotStructure) {
  const ChatTemplate chat = builtin("glm4v_moe");
  std::vector<Message> messages{Message::user("<|user|>x")};
  messages[0].content_is_string = false;
  messages[0].content.push_back({.kind = PartKind::kImage});
  const auto out = chat.render(messages, {});
  ASSERT_TRUE(out) << out.error().message;
  const size_t at = out->text.find("<|user|>x");
  EXPECT_EQ(out->content_ranges, (std::vector<ByteRange>{{at, at + 9}}));
}

TEST(Limits, EndEveryRender) {
  jinja::Limits limits;
  limits.max_steps = 300'000;
  limits.max_string_bytes = 1 << 20;
  for (const char* source : {
           "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
           "{{ 'a' * 100000000000 }}",
           "{{ [1] * 100000000000 }}",
           "{{ 'a'.center(1000000000) }}",
           "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}",
           "{% set n = namespace(s='aa') %}{% for i in range(100) %}{% set n.s = n.s ~ n.s %}"
           "{% endfor %}",
           "{% set n = namespace(s=[]) %}{% for i in range(9999) %}{% set n.s = [n.s] %}{% endfor "
           "%}",
           "{% set n = namespace(s=[]) %}{% for i in range(60) %}{% set n.s = [n.s, n.s] %}{% "
           "endfor %}"
           "{{ n.s }}",
           "{% set n = namespace() %}{% set n.a = n %}{{ n }}",
           "{{ 10 ** 10 ** 10 }}",
           "{{ ('a' * 1000).replace('', 'b' * 100000) }}",
           "{{ '%1000000000d' % 1 }}",
       }) {
    EXPECT_FALSE(run(source, Json::object(), limits)) << source;
  }
  // Chains of namespaces are freed without recursion.
  EXPECT_TRUE(
      run("{% set n = namespace(p=none) %}{% for i in range(50000) %}"
          "{% set n.p = namespace(p=n.p) %}{% endfor %}"));
  for (const std::string& open : {"(", "[", "{{ -", "not ", "{% if 1 %}", "{'a':", "a("}) {
    std::string source = open[0] == '{' && open[1] != '\'' ? "" : "{{ ";
    for (int i = 0; i < 5000; ++i) source += open;
    EXPECT_FALSE(run(source)) << open;
  }
}

TEST(Parser, RefusesWithLine) {
  for (const char* source : {"\n{% include 'x' %}", "a\n{{ x|nope }}", "\n{{ 1 is nope }}",
                             "\n{% call x() %}", "\n{{ f(*x) }}", "\n{{ ) }}"}) {
    const auto parsed = ChatTemplate::parse(source, "here");
    ASSERT_FALSE(parsed) << source;
    EXPECT_NE(parsed.error().message.find("here: line 2"), std::string::npos)
        << parsed.error().message;
  }
  EXPECT_FALSE(ChatTemplate::parse("\xff"));
}

TEST(Generation, Ranges) {
  const auto out =
      run("a{% for m in m %}\xC3\xA9{% generation %}{{ m }}{% endgeneration %}{% endfor %}",
          {{"m", {"x", "yy"}}});
  ASSERT_TRUE(out) << out.error().message;
  EXPECT_EQ(out->generation_ranges, (std::vector<ByteRange>{{3, 4}, {6, 8}}));
}

TEST(Load, LookupOrder) {
  const auto dir = std::filesystem::temp_directory_path() / fmt::format("glmv_chat_{}", ::getpid());
  std::filesystem::create_directories(dir);
  const auto origin = [&](std::string_view type) {
    const auto chat = ChatTemplate::load(dir, type);
    return chat ? std::filesystem::path(chat->origin()).filename().string() : chat.error().message;
  };
  EXPECT_EQ(origin("glm4v"), "built-in glm4v");
  EXPECT_NE(origin("llama").find("glm_ocr"), std::string::npos);
  ASSERT_TRUE(write_file_atomic(dir / "tokenizer_config.json", R"({"chat_template": "x"})"));
  EXPECT_EQ(origin("glm4v"), "tokenizer_config.json");
  ASSERT_TRUE(write_file_atomic(dir / "chat_template.json", R"({"chat_template": "y"})"));
  EXPECT_EQ(origin("glm4v"), "chat_template.json");
  ASSERT_TRUE(write_file_atomic(dir / "chat_template.jinja", "z"));
  EXPECT_EQ(origin("glm4v"), "chat_template.jinja");
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace glmv::text
