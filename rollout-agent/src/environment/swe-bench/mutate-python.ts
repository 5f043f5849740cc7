// Bugs that can be put into Python sources (SWE-smith's procedural kind): found by Python's own parser, inside the
// sandbox, and described as replacements of bytes, so that all else of a file stays as it is.
import { z } from "zod";

export const Mutation = z.strictObject({
  file: z.string(),
  /** "flip-comparison": what was done. */
  operator: z.string(),
  /** Of the function or class around it, for the text; empty at module level. */
  scope: z.string(),
  line: z.int().positive(),
  /** Bytes of the file. */
  start: z.int().nonnegative(),
  end: z.int().nonnegative(),
  replacement: z.string(),
});
export type Mutation = z.infer<typeof Mutation>;

/** Prints a JSON list of mutations of the files that are its arguments. Needs Python 3.8 or newer. */
export const mutatePython = String.raw`
import ast, json, sys

COMPARISONS = {ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"),
               ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.In: ("in", "not in"), ast.Is: ("is", "is not")}
ARITHMETIC = {ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "+"), ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "*")}
found = []

def mutations(path):
    source = open(path, "rb").read()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    starts = [0]
    for line in source.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    begin = lambda node: starts[node.lineno - 1] + node.col_offset
    end = lambda node: starts[node.end_lineno - 1] + node.end_col_offset

    def add(operator, scope, node, start, stop, replacement):
        found.append({"file": path, "operator": operator, "scope": ".".join(scope), "line": node.lineno,
                      "start": start, "end": stop, "replacement": replacement})

    def between(operator, scope, node, left, right, old, new):
        at = source.find(old.encode(), end(left), begin(right))
        # A comment between two operands could hold the operator too.
        if at != -1 and b"#" not in source[end(left):begin(right)]:
            add(operator, scope, node, at, at + len(old.encode()), new)

    def visit(node, scope):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            scope = scope + [node.name]
        elif scope:
            if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS:
                between("flip-comparison", scope, node, node.left, node.comparators[0], *COMPARISONS[type(node.ops[0])])
            elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
                between("flip-arithmetic", scope, node, node.left, node.right, *ARITHMETIC[type(node.op)])
            elif isinstance(node, ast.BoolOp):
                old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
                between("flip-boolean", scope, node, node.values[0], node.values[1], old, new)
            elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
                add("drop-not", scope, node, begin(node), end(node), source[begin(node.operand):end(node.operand)].decode())
            elif isinstance(node, ast.If):
                add("drop-branch", scope, node, begin(node.test), end(node.test), "False")
            elif isinstance(node, ast.Return) and node.value is not None:
                add("drop-result", scope, node, begin(node), end(node), "return None")
            elif isinstance(node, ast.Constant) and type(node.value) is int and abs(node.value) < 1000:
                add("shift-number", scope, node, begin(node), end(node), str(node.value + 1))
            elif isinstance(node, (ast.AugAssign, ast.Raise)) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
                add("drop-statement", scope, node, begin(node), end(node), "pass")
        for child in ast.iter_child_nodes(node):
            visit(child, scope)

    visit(tree, [])

for path in sys.argv[1:]:
    mutations(path)
json.dump(found, sys.stdout)
`;
