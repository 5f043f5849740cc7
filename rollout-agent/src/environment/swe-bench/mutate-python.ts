// Bugs that can be put into Python sources (SWE-smith's procedural kind): found by Python's own parser, inside the
// sandbox, and described as replacements of bytes, so that all else of a file stays as it is.
/** Prints a JSON list of mutations of the files that are its arguments. Needs Python 3.8 or newer. */
export const mutatePython = String.raw`
import ast, json, sys

COMPARISONS = {ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">"),
               ast.Eq: ("==", "!="), ast.NotEq: ("!=", "=="), ast.In: ("in", "not in"), ast.Is: ("is", "is not")}
ARITHMETIC = {ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "+"), ast.FloorDiv: ("//", "*"), ast.Mod: ("%", "*")}
found = []
NOT_IMPLEMENTED = "raise NotImplementedError"

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

    text = lambda node: source[begin(node):end(node)].decode()

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
            body = node.body[1:] if ast.get_docstring(node, False) is not None else node.body
            if body and not isinstance(node, ast.ClassDef) and body[0].lineno != node.lineno and not getattr(body[0], "decorator_list", None):
                add("remove-body", scope, node, begin(body[0]), end(body[-1]), NOT_IMPLEMENTED)
        elif scope:
            if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARISONS:
                between("flip-comparison", scope, node, node.left, node.comparators[0], *COMPARISONS[type(node.ops[0])])
            elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
                between("flip-arithmetic", scope, node, node.left, node.right, *ARITHMETIC[type(node.op)])
            elif isinstance(node, ast.BoolOp):
                old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
                between("flip-boolean", scope, node, node.values[0], node.values[1], old, new)
            elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
                add("drop-not", scope, node, begin(node), end(node), text(node.operand))
            elif isinstance(node, ast.If):
                add("drop-branch", scope, node, begin(node.test), end(node.test), "False")
                add("negate-condition", scope, node, begin(node.test), end(node.test), "not (" + text(node.test) + ")")
            elif isinstance(node, ast.Await):
                add("drop-await", scope, node, begin(node), end(node), "(" + text(node.value) + ")")
            elif isinstance(node, ast.Return) and node.value is not None:
                add("drop-result", scope, node, begin(node), end(node), "return None")
            elif isinstance(node, ast.Constant) and type(node.value) is int and abs(node.value) < 1000:
                add("shift-number", scope, node, begin(node), end(node), str(node.value + 1))
            if isinstance(node, ast.Call) and len(node.args) > 1 and not any(isinstance(arg, ast.Starred) for arg in node.args[:2]):
                first, second = node.args[:2]
                if text(first) != text(second):
                    between_text = source[end(first):begin(second)].decode()
                    add("swap-arguments", scope, node, begin(first), end(second), text(second) + between_text + text(first))
            if isinstance(node, (ast.AugAssign, ast.Raise)) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
                add("drop-statement", scope, node, begin(node), end(node), "pass")
        for child in ast.iter_child_nodes(node):
            visit(child, scope)

    visit(tree, [])

for path in sys.argv[1:]:
    mutations(path)
json.dump(found, sys.stdout)
`;
