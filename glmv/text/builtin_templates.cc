#include "glmv/text/builtin_templates.h"

namespace glmv::text {
namespace {

// GLM-4.1V-Thinking: no tools, no reasoning fields; media in user turns only.
constexpr std::string_view kGlm4v = R"jinja(
{{- '[gMASK]<sop>' -}}
{%- for message in messages -%}
  {%- if message.role == 'system' -%}
    {{- '<|system|>\n' ~ message.content -}}
  {%- elif message.role == 'user' -%}
    {{- '<|user|>\n' -}}
    {%- if message.content is string -%}
      {{- message.content -}}
    {%- else -%}
      {%- for part in message.content -%}
        {%- if part.type == 'video' or 'video' in part -%}
          {{- '<|begin_of_video|><|video|><|end_of_video|>' -}}
        {%- elif part.type == 'image' or 'image' in part -%}
          {{- '<|begin_of_image|><|image|><|end_of_image|>' -}}
        {%- elif part.type == 'text' -%}
          {{- part.text -}}
        {%- endif -%}
      {%- endfor -%}
    {%- endif -%}
  {%- elif message.role == 'assistant' -%}
    {{- '<|assistant|>' ~ (message.metadata or '') ~ '\n' ~ message.content -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|assistant|>\n' -}}
{%- endif -%}
)jinja";

// GLM-4.5V, GLM-4.6V and GLM-OCR: tools, reasoning blocks, media in every turn of text.
constexpr std::string_view kGlm4vMoe = R"jinja(
{%- set image = '<|begin_of_image|><|image|><|end_of_image|>' -%}
{%- set video = '<|begin_of_video|><|video|><|end_of_video|>' -%}
{%- macro visible(content) -%}
  {%- if content is string or content is mapping or content is not iterable -%}
    {{- content -}}
  {%- else -%}
    {%- for part in content -%}
      {%- if part is string -%}
        {{- part -}}
      {%- elif part.type == 'video' or 'video' in part -%}
        {{- video -}}
      {%- elif part.type == 'image' or 'image' in part -%}
        {{- image -}}
      {%- elif part.type == 'text' -%}
        {{- part.text -}}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
{%- endmacro -%}
{%- macro tool_item(item) -%}
  {%- if item is mapping and item.type is defined -%}
    {%- if item.type == 'text' -%}
      {{- item.text -}}
    {%- elif item.type in ['image', 'image_url'] -%}
      {{- image -}}
    {%- elif item.type in ['video', 'video_url'] -%}
      {{- video -}}
    {%- else -%}
      {{- item | tojson(ensure_ascii=False) -}}
    {%- endif -%}
  {%- else -%}
    {{- item.output if item.output is defined else item -}}
  {%- endif -%}
{%- endmacro -%}
{{- '[gMASK]<sop>' -}}
{%- if tools -%}
  {{- '<|system|>\n# Tools\n\n' -}}
  {{- 'You may call one or more functions to assist with the user query.\n\n' -}}
  {{- 'You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n' -}}
  {%- for tool in tools -%}
    {{- tool | tojson(ensure_ascii=False) ~ '\n' -}}
  {%- endfor -%}
  {{- '</tools>\n\nFor each function call, output the function name and arguments within the ' -}}
  {{- 'following XML format:\n<tool_call>{function-name}\n' -}}
  {%- for number in [1, 2] -%}
    {{- '<arg_key>{arg-key-' ~ number ~ '}</arg_key>\n' -}}
    {{- '<arg_value>{arg-value-' ~ number ~ '}</arg_value>\n' -}}
  {%- endfor -%}
  {{- '...\n</tool_call>' -}}
{%- endif -%}
{%- set found = namespace(last_user=-1) -%}
{%- for message in messages -%}
  {%- if message.role == 'user' -%}
    {%- set found.last_user = loop.index0 -%}
  {%- endif -%}
{%- endfor -%}
{%- set no_thinking = enable_thinking is defined and not enable_thinking -%}
{%- for message in messages -%}
  {%- if message.role == 'system' -%}
    {{- '<|system|>\n' ~ visible(message.content) -}}
  {%- elif message.role == 'user' -%}
    {%- set text = visible(message.content) -%}
    {{- '<|user|>\n' ~ text -}}
    {%- if no_thinking and not text.endswith('/nothink') -%}
      {{- '/nothink' -}}
    {%- endif -%}
  {%- elif message.role == 'assistant' -%}
    {%- set content = visible(message.content) -%}
    {%- set reasoning = '' -%}
    {%- if message.reasoning_content is string -%}
      {%- set reasoning = message.reasoning_content -%}
    {%- elif '</think>' in content -%}
      {%- set head = content.split('</think>')[0].rstrip('\n') -%}
      {%- set reasoning = head.split('<think>')[-1].lstrip('\n') -%}
      {%- set content = content.split('</think>')[-1].lstrip('\n') -%}
    {%- endif -%}
    {{- '<|assistant|>\n<think>' -}}
    {%- if loop.index0 > found.last_user and reasoning -%}
      {{- reasoning.strip() -}}
    {%- endif -%}
    {{- '</think>' -}}
    {%- if content.strip() -%}
      {{- '\n' ~ content.strip() -}}
    {%- endif -%}
    {%- for call in message.tool_calls or [] -%}
      {%- set call = call.function or call -%}
      {{- '\n<tool_call>' ~ call.name ~ '\n' -}}
      {%- for key, value in call.arguments.items() -%}
        {{- '<arg_key>' ~ key ~ '</arg_key>\n<arg_value>' -}}
        {{- value if value is string else value | tojson(ensure_ascii=False) -}}
        {{- '</arg_value>\n' -}}
      {%- endfor -%}
      {{- '</tool_call>' -}}
    {%- endfor -%}
  {%- elif message.role == 'tool' -%}
    {%- if message.content is mapping -%}
      {{- raise_exception('the content of a tool message must be a string or a list') -}}
    {%- endif -%}
    {%- if loop.first or messages[loop.index0 - 1].role != 'tool' -%}
      {{- '<|observation|>' -}}
    {%- endif -%}
    {{- '\n<tool_response>\n' -}}
    {%- if message.content is string -%}
      {{- message.content ~ '\n</tool_response>\n' -}}
    {%- else -%}
      {%- for item in message.content -%}
        {{- tool_item(item) -}}
      {%- endfor -%}
      {{- '\n</tool_response>' -}}
    {%- endif -%}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|assistant|>\n' ~ ('<think></think>\n' if no_thinking else '') -}}
{%- endif -%}
)jinja";

struct Row {
  std::string_view model_type;
  std::string_view source;
};
constexpr Row kRows[] = {
    {"glm4v", kGlm4v},
    {"glm4v_moe", kGlm4vMoe},
    {"glm46v", kGlm4vMoe},
    {"glm_ocr", kGlm4vMoe},
};

}  // namespace

std::optional<std::string_view> builtin_template(std::string_view model_type) {
  for (const Row& row : kRows) {
    if (row.model_type == model_type) return row.source;
  }
  return std::nullopt;
}

std::string builtin_template_names() {
  std::string out;
  for (const Row& row : kRows) out += (out.empty() ? "" : " ") + std::string(row.model_type);
  return out;
}

}  // namespace glmv::text
