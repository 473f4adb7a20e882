#include "glmv/runtime/grammar.h"

#include <algorithm>
#include <charconv>
#include <list>
#include <mutex>
#include <unordered_map>
#include <variant>

#include "glmv/base/json.h"
#include "glmv/runtime/compiled_grammar.h"
#include "glmv/runtime/grammar_messages.h"
#include "glmv/runtime/grammar_source.h"
#include "glmv/runtime/json_schema.h"
#include "glmv/runtime/limited_child.h"

namespace glmv::runtime {
namespace {

// No character begins with this byte, so a token whose bytes begin with it is never text; grammars
// reach it by its id.
constexpr char kNotText = '\xff';
// Between two parts of a JSON document; without a limit a weak model may never come to an end.
constexpr int kMaxWhiteSpace = 12;

std::vector<std::string> texts_of(const GrammarVocabulary& vocabulary) {
  std::vector<std::string> out;
  for (int32_t id = 0; id < vocabulary.vocab_size; ++id) out.push_back(vocabulary.token_bytes(id));
  return out;
}

std::vector<int32_t> added_of(const GrammarVocabulary& vocabulary) {
  std::vector<int32_t> ids = vocabulary.added_ids;
  ids.insert(ids.end(), vocabulary.stop_ids.begin(), vocabulary.stop_ids.end());
  std::erase_if(ids, [&](int32_t id) { return id < 0 || id >= vocabulary.vocab_size; });
  std::ranges::sort(ids);
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

std::vector<std::string> without_added(std::vector<std::string> texts,
                                       std::span<const int32_t> added) {
  for (const int32_t id : added) texts[id].insert(texts[id].begin(), kNotText);
  return texts;
}

// The numbers of a text, as ids are written in grammars.
void collect_numbers(std::string_view text, std::vector<int32_t>& out) {
  for (size_t at = 0; at < text.size();) {
    int32_t number = 0;
    const auto [end, error] = std::from_chars(text.data() + at, text.data() + text.size(), number);
    if (error == std::errc()) out.push_back(number);
    at = std::max<size_t>(at + 1, static_cast<size_t>(end - text.data()));
  }
}

// Ids of the tokens that a structural tag names by number or text.
void collect_names(const Json& json, const GrammarTokens& tokens, std::vector<int32_t>& out) {
  if (json.is_structured()) {
    for (const Json& part : json) collect_names(part, tokens, out);
  } else if (json.is_number_integer()) {
    out.push_back(static_cast<int32_t>(std::clamp<int64_t>(json.get<int64_t>(), -1, INT32_MAX)));
  } else if (json.is_string()) {
    for (const int32_t id : tokens.added_ids) {
      if (json.get_ref<const std::string&>() == tokens.texts[id]) out.push_back(id);
    }
  }
}

// Added tokens that cannot be meant.
std::vector<int32_t> masked_ids(const GrammarSource& source, const GrammarTokens& tokens) {
  std::vector<int32_t> named = tokens.stop_ids;
  if (source.kind == GrammarKind::kEbnf) collect_numbers(source.text, named);
  if (source.kind == GrammarKind::kStructuralTag || source.kind == GrammarKind::kToolCalls) {
    if (const auto json = parse_json(source.text, "")) collect_names(*json, tokens, named);
  }
  std::vector<int32_t> out = tokens.added_ids;
  std::erase_if(out, [&](int32_t id) { return std::ranges::find(named, id) != named.end(); });
  return out;
}

// The right side of a rule as XGrammar prints it, and what stands there instead. Its strings of
// limited length hold raw control characters, its escapes halves of surrogate pairs, its numbers
// more digits than any number type: none is JSON that every reader takes.
struct RuleFix {
  std::string_view printed;
  std::string_view fixed;
};
constexpr RuleFix kRuleFixes[] = {
    {R"((([\"\\/bfnrt]) | ("u" [A-Fa-f0-9] [A-Fa-f0-9] [A-Fa-f0-9] [A-Fa-f0-9])))",
     R"(([\"\\/bfnrt]) | ("u" [A-CEFa-cef0-9] [A-Fa-f0-9] [A-Fa-f0-9] [A-Fa-f0-9]))"
     R"( | ("u" [Dd] [0-7] [A-Fa-f0-9] [A-Fa-f0-9]))"
     R"( | ("u" [Dd] [89ABab] [A-Fa-f0-9] [A-Fa-f0-9] "\\u" [Dd] [C-Fc-f] [A-Fa-f0-9] [A-Fa-f0-9]))"},
    {R"((([^\"\\\r\n])))", R"(([^\"\\\0-\x1f]) | ("\\" [\"\\/bfnrt]))"},
    {R"((("0") | (basic_integer_1 [1-9] [0-9]*)))",
     R"(("0") | (basic_integer_1 [1-9] [0-9]{0,17}))"},
    {R"((("0") | ([1-9] [0-9]*)))", R"(("0") | ([1-9] [0-9]{0,17}))"},
    {R"(("" | ("." basic_number_digits{1, -1})))", R"("" | ("." [0-9]{1,17}))"},
    {R"(("" | ([eE] basic_number_4 basic_number_digits{1, -1})))",
     R"("" | ([eE] basic_number_4 [0-9]{1,2}))"},
};

std::string fix_rules(const std::string& printed) {
  std::string out;
  size_t begin = 0;
  while (begin < printed.size()) {
    size_t end = printed.find('\n', begin);
    if (end == std::string::npos) end = printed.size();
    const std::string_view line = std::string_view(printed).substr(begin, end - begin);
    constexpr std::string_view kIs = " ::= ";
    const size_t is = line.find(kIs);
    const std::string_view right = is == std::string_view::npos ? "" : line.substr(is + kIs.size());
    const auto fix = std::ranges::find(kRuleFixes, right, &RuleFix::printed);
    if (fix == std::end(kRuleFixes)) {
      out += line;
    } else {
      out += line.substr(0, is + kIs.size());
      out += fix->fixed;
    }
    out += '\n';
    begin = end + 1;
  }
  return out;
}

xgrammar::Grammar from_schema(const std::string& schema) {
  return xgrammar::Grammar::FromJSONSchema(schema, /*any_whitespace=*/true, std::nullopt,
                                           std::nullopt, /*strict_mode=*/false, kMaxWhiteSpace);
}

// Every schema inside, as prepare_json_schema() has it.
Result<void> prepare_schemas(Json& tag, const std::string& pointer) {
  if (tag.is_object() && tag.value("type", Json()) == "json_schema" &&
      tag.contains("json_schema")) {
    auto prepared = prepare_json_schema(tag["json_schema"]);
    if (!prepared) return in_context(pointer + "/json_schema", prepared.error());
    tag["json_schema"] = std::move(*prepared);
    return {};
  }
  if (tag.is_object() && tag.value("type", Json()) == "regex" &&
      tag.value("pattern", Json()).is_string()) {
    tag["pattern"] = unfold_optional_groups(tag["pattern"]);
    return {};
  }
  if (tag.is_object()) {
    for (auto& [key, part] : tag.items()) {
      GLMV_RETURN_IF_ERROR(prepare_schemas(part, pointer + "/" + key));
    }
  } else if (tag.is_array()) {
    for (size_t i = 0; i < tag.size(); ++i) {
      GLMV_RETURN_IF_ERROR(prepare_schemas(tag[i], fmt::format("{}/{}", pointer, i)));
    }
  }
  return {};
}

// {"structures": [{begin, schema, end}], "triggers": [...]} in today's form.
Json from_structures(const Json& old) {
  Json tags = Json::array();
  for (const Json& item : old.value("structures", Json::array())) {
    if (!item.is_object()) continue;
    tags.push_back(
        {{"type", "tag"},
         {"begin", item.value("begin", Json())},
         {"content", {{"type", "json_schema"}, {"json_schema", item.value("schema", Json(true))}}},
         {"end", item.value("end", Json())}});
  }
  return {{"type", "structural_tag"},
          {"format",
           {{"type", "triggered_tags"},
            {"triggers", old.value("triggers", Json::array())},
            {"tags", std::move(tags)}}}};
}

Result<xgrammar::Grammar> from_structural_tag(const std::string& text,
                                              const xgrammar::TokenizerInfo& info, bool prepared) {
  GLMV_ASSIGN(Json tag, parse_json(text, "structural tag"));
  if (!tag.is_object()) return invalid_argument("a structural tag must be an object");
  if (tag.contains("structures")) tag = from_structures(tag);
  if (!tag.contains("type")) tag["type"] = "structural_tag";
  if (!prepared) GLMV_RETURN_IF_ERROR(prepare_schemas(tag, "#"));
  auto made = xgrammar::Grammar::FromStructuralTag(tag.dump(), info);
  if (auto* grammar = std::get_if<xgrammar::Grammar>(&made)) return *grammar;
  return std::visit(
      [](const auto& error) -> Result<xgrammar::Grammar> {
        return invalid_argument("{}", error.what());
      },
      std::get<xgrammar::StructuralTagError>(made));
}

Result<xgrammar::Grammar> parse(const GrammarSource& source, const xgrammar::TokenizerInfo& info) {
  switch (source.kind) {
    case GrammarKind::kJsonObject:
      return from_schema(R"({"type": "object"})");
    case GrammarKind::kJsonSchema: {
      GLMV_ASSIGN(const Json schema, parse_json(source.text, "schema"));
      GLMV_ASSIGN(const Json prepared, prepare_json_schema(schema));
      return from_schema(prepared.dump());
    }
    case GrammarKind::kRegex:
      return xgrammar::Grammar::FromRegex(source.text);
    case GrammarKind::kChoice: {
      GLMV_ASSIGN(const std::vector<std::string> choices, parse_choices(source.text));
      std::string rule = "root ::= ";
      for (const std::string& choice : choices) {
        rule += (&choice == choices.data() ? "" : " | ") + ebnf_literal(choice);
      }
      return xgrammar::Grammar::FromEBNF(rule);
    }
    case GrammarKind::kEbnf:
      return xgrammar::Grammar::FromEBNF(source.text);
    case GrammarKind::kGbnf:
      return xgrammar::Grammar::FromEBNF(gbnf_to_ebnf(source.text));
    case GrammarKind::kStructuralTag:
      return from_structural_tag(source.text, info, false);
    case GrammarKind::kToolCalls:
      return from_structural_tag(source.text, info, true);
  }
  return invalid_argument("this kind of grammar is not known");
}

bool may_hold_json(GrammarKind kind) {
  return kind == GrammarKind::kJsonObject || kind == GrammarKind::kJsonSchema ||
         kind == GrammarKind::kStructuralTag || kind == GrammarKind::kToolCalls;
}

// XGrammar's own errors come as exceptions.
Result<xgrammar::CompiledGrammar> compile_now(const GrammarSource& source,
                                              const xgrammar::TokenizerInfo& info) {
  GrammarMessages messages;
  try {
    GLMV_ASSIGN(xgrammar::Grammar grammar, parse(source, info));
    if (!messages.warnings.empty()) {
      return invalid_argument("cannot be enforced: {}", messages.warnings.front());
    }
    if (may_hold_json(source.kind)) {
      grammar = xgrammar::Grammar::FromEBNF(fix_rules(grammar.ToString()));
    }
    xgrammar::GrammarCompiler compiler(info, /*max_threads=*/1, /*cache_enabled=*/false);
    return compiler.CompileGrammar(grammar);
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    return invalid_argument("{}", error.what());
  }
}

}  // namespace

GrammarTokens::GrammarTokens(const GrammarVocabulary& vocabulary)
    : texts(texts_of(vocabulary)),
      added_ids(added_of(vocabulary)),
      info(without_added(texts, added_ids), xgrammar::VocabType::RAW,
           static_cast<int>(texts.size()), vocabulary.stop_ids),
      stop_ids(vocabulary.stop_ids),
      utf8(std::vector<std::string_view>(texts.begin(), texts.end()), added_ids) {
  for (size_t id = 0; id < texts.size(); ++id) {
    if (!texts[id].empty() && texts[id].find_first_not_of("\r\n") == std::string::npos) {
      line_break_ids.push_back(static_cast<int32_t>(id));
    }
  }
}

struct GrammarCompiler::Impl {
  struct Entry {
    std::string key;
    std::shared_ptr<const CompiledGrammar> grammar;
    int64_t bytes;
  };

  std::shared_ptr<const CompiledGrammar> find(const std::string& key) {
    std::lock_guard lock(cache_mutex);
    const auto it = index.find(key);
    if (it == index.end()) return nullptr;
    entries.splice(entries.begin(), entries, it->second);
    return it->second->grammar;
  }

  void keep(const std::string& key, const std::shared_ptr<const CompiledGrammar>& grammar) {
    std::lock_guard lock(cache_mutex);
    const auto bytes = static_cast<int64_t>(key.size()) + grammar->memory_bytes();
    if (bytes > limits.cache_bytes) return;
    entries.push_front({key, grammar, bytes});
    index[key] = entries.begin();
    held_bytes += bytes;
    while (held_bytes > limits.cache_bytes) {
      held_bytes -= entries.back().bytes;
      index.erase(entries.back().key);
      entries.pop_back();
    }
  }

  GrammarVocabulary vocabulary;
  GrammarLimits limits;

  std::mutex compile_mutex;                     // one compilation at a time
  std::shared_ptr<const GrammarTokens> tokens;  // made for the first one

  std::mutex cache_mutex;
  std::list<Entry> entries;  // last used first
  std::unordered_map<std::string, std::list<Entry>::iterator> index;
  int64_t held_bytes = 0;
};

GrammarCompiler::GrammarCompiler(GrammarVocabulary vocabulary, GrammarLimits limits)
    : impl_(std::make_unique<Impl>()) {
  impl_->vocabulary = std::move(vocabulary);
  std::erase_if(impl_->vocabulary.stop_ids,
                [&](int32_t id) { return id < 0 || id >= impl_->vocabulary.vocab_size; });
  impl_->limits = limits;
}
GrammarCompiler::~GrammarCompiler() = default;

Result<std::shared_ptr<const CompiledGrammar>> GrammarCompiler::compile(
    const GrammarSource& source) {
  GLMV_RETURN_IF_ERROR(check_grammar_source(source, impl_->limits));
  const std::string key = static_cast<char>('a' + static_cast<int>(source.kind)) + source.text;
  if (auto known = impl_->find(key)) return known;
  std::lock_guard lock(impl_->compile_mutex);
  if (auto known = impl_->find(key)) return known;
  if (!impl_->tokens) impl_->tokens = std::make_shared<GrammarTokens>(impl_->vocabulary);
  const xgrammar::TokenizerInfo& info = impl_->tokens->info;
  if (source.kind != GrammarKind::kJsonObject) {
    const auto work = [&]() -> Result<void> {
      GLMV_RETURN_IF_ERROR(compile_now(source, info));
      return {};
    };
    const Result<void> tried = run_in_child(work, {.cpu_seconds = impl_->limits.compile_seconds,
                                                   .memory_bytes = impl_->limits.compile_bytes});
    if (!tried) {
      // Whatever the source did to the child, it is the source that has to change.
      return invalid_argument("{}", tried.error().message);
    }
  }
  GLMV_ASSIGN(xgrammar::CompiledGrammar compiled, compile_now(source, info));
  auto grammar = std::make_shared<const CompiledGrammar>(std::make_unique<CompiledGrammar::Impl>(
      std::move(compiled), masked_ids(source, *impl_->tokens), impl_->tokens));
  impl_->keep(key, grammar);
  return grammar;
}

int64_t GrammarCompiler::cached_bytes() const {
  std::lock_guard lock(impl_->cache_mutex);
  return impl_->held_bytes;
}

}  // namespace glmv::runtime
