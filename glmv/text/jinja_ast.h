#pragma once
// Syntax tree of a template.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "glmv/text/jinja_ops.h"
#include "glmv/text/jinja_value.h"

namespace glmv::text::jinja {

struct FilterRow;
struct CheckRow;

enum class ExprKind {
  kConst,
  kName,
  kList,
  kTuple,
  kDict,       // args: key, value, key, value, ...
  kAttribute,  // args[0].name
  kItem,       // args[0][args[1]]
  kSlice,      // args[0][args[1]:args[2]:args[3]], null where absent
  kCall,       // args[0](args[1], ..., named)
  kFilter,     // args[0] | name(args[1], ..., named); args[0] null: the text of a block
  kTest,       // args[0] is name(args[1], ..., named)
  kNegate,
  kPlus,
  kNot,
  kBinary,   // args[0] op args[1]
  kConcat,   // args joined by ~
  kCompare,  // args[0] ops[0] args[1] ops[1] args[2] ...
  kAnd,
  kOr,
  kCondition  // args[1] if args[0] else args[2] (null: undefined)
};

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct Expr {
  ExprKind kind = ExprKind::kConst;
  int line = 0;
  int depth = 1;
  std::string name;
  Value value;
  std::vector<ExprPtr> args;
  std::vector<std::pair<std::string, ExprPtr>> named;
  std::vector<CompareOp> ops;
  BinaryOp op = BinaryOp::kAdd;
  const FilterRow* filter = nullptr;
  const CheckRow* check = nullptr;
};

enum class StmtKind {
  kText,
  kOutput,
  kIf,
  kFor,
  kSet,
  kSetBlock,
  kMacro,
  kGeneration,
  kBreak,
  kContinue
};

// What an assignment writes to: a name, a namespace's attribute, or a tuple of targets.
struct Target {
  std::string name;
  std::string attribute;
  std::vector<Target> parts;
  bool is_tuple = false;
};

struct Stmt;
using Block = std::vector<std::unique_ptr<Stmt>>;

struct Stmt {
  StmtKind kind = StmtKind::kText;
  int line = 0;
  Value text;                       // kText
  ExprPtr expr;                     // kOutput, kSet; kFor: what is iterated
  ExprPtr condition;                // kFor: its filter
  std::vector<ExprPtr> conditions;  // kIf: one per branch
  std::vector<Block> branches;      // kIf
  Block body;
  Block otherwise;               // else of kIf and kFor
  Target target;                 // kFor, kSet, kSetBlock
  std::vector<ExprPtr> filters;  // kSetBlock: chain, at most one
  bool recursive = false;        // kFor
  std::string name;              // kMacro
  std::vector<std::string> parameters;
  std::vector<ExprPtr> defaults;  // kMacro: null where a parameter has none
};

}  // namespace glmv::text::jinja
