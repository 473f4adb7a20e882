#pragma once
// Character properties as Python's str methods see them (Unicode 14, Python 3.11).

#include <string>

namespace glmv::text::jinja {

bool is_space(char32_t c);       // str.isspace, what strip() removes
bool is_line_break(char32_t c);  // str.splitlines
bool is_printable(char32_t c);   // str.isprintable; repr() escapes the others
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_lower(char32_t c);
bool is_upper(char32_t c);
bool is_title(char32_t c);
bool is_word(char32_t c);  // \w of Python's re: what names are made of

// Full case mappings (one character may become three).
void append_lower(std::string& out, char32_t c);
void append_upper(std::string& out, char32_t c);
void append_title(std::string& out, char32_t c);

}  // namespace glmv::text::jinja
