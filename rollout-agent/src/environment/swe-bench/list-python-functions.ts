// The functions of Python files and the methods of their classes, found by Python's own parser inside the sandbox.
/** Prints a JSON list of the functions of its arguments, or of standard input as file "-". Needs Python 3.8 or newer. */
export const listPythonFunctions = String.raw`
import ast, json, sys

found = []

def functions(path, source, fails):
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        if fails:
            sys.exit("does not parse: %s" % error)
        return
    starts = [0]
    for line in source.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    begin = lambda node: starts[node.lineno - 1] + node.col_offset
    end = lambda node: starts[node.end_lineno - 1] + node.end_col_offset

    def visit(node, scope):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                visit(child, scope + [child.name])
            elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
                body = child.body[1:] if ast.get_docstring(child, False) is not None else child.body
                first = body[0] if body else child.body[0]
                if first.lineno == child.lineno:
                    start_of_body = begin(first)
                else:
                    start_of_body = starts[min([first.lineno] + [each.lineno for each in getattr(first, "decorator_list", [])]) - 1]
                found.append({"file": path, "scope": ".".join(scope + [child.name]), "line": child.lineno,
                              "start": begin(child), "end": end(child), "bodyStart": start_of_body})
            elif isinstance(child, (ast.If, ast.Try, ast.With)):
                visit(child, scope)

    visit(tree, [])

if len(sys.argv) == 1:
    functions("-", sys.stdin.buffer.read(), True)
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        functions(path, file.read(), False)
json.dump(found, sys.stdout)
`;
