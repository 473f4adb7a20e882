#pragma once
// JSON schemas of answers: checked and rewritten so that the grammar compiler enforces every
// keyword.

#include "glmv/base/json.h"

namespace glmv::runtime {

// A schema that allows a part of the documents that `schema` allows (all of them, but for what is
// listed here) and uses only keywords that XGrammar enforces, each alone where it enforces it
// alone.
//
// Understood: type, enum, const, properties, required, additionalProperties, minProperties,
// maxProperties, items, prefixItems, minItems, maxItems, minLength, maxLength, pattern, format
// (date, time, date-time, duration, uuid, ipv4, ipv6, hostname, email, uri), minimum, maximum,
// exclusiveMinimum, exclusiveMaximum, multipleOf (whole numbers), anyOf, oneOf, allOf, $ref within
// the document, $defs; annotations are dropped. allOf and keywords beside $ref, anyOf and oneOf are
// merged.
//
// Narrower than the schema: objects that name their properties have no others unless
// additionalProperties asks for them; a tuple has no further items unless `items` is there; a
// pattern that is anchored on neither side matches the whole string.
//
// Errors: invalid_argument with the JSON pointer of the keyword, for what is not understood (never
// left out in silence), is malformed, allows nothing, or is nested more than 64 levels deep.
Result<Json> prepare_json_schema(const Json& schema);

}  // namespace glmv::runtime
