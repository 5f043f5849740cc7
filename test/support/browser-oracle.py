"""What upstream's own code makes of actions and accessibility trees, for comparison with ours.

Takes the unpacked wheels of libwebarena and browsergym-core as arguments and cases as JSON on standard input. Only the
functions under test are taken out of their files, so that none of the packages' dependencies but pyparsing is needed.
"""

import ast
import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

webarena, browsergym = Path(sys.argv[1]), Path(sys.argv[2])


def taken(path, *names, given=None):
    """The functions, classes and constants of these names, without what else the file does."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name in names:
            node.decorator_list = []
            found[node.name] = node
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                if isinstance(target, ast.Name) and target.id in names:
                    found.setdefault(target.id, node)
    space = {"re": re, "Any": Any, **(given or {})}
    module = ast.Module(body=[ast.ImportFrom("__future__", [ast.alias("annotations")], 0)], type_ignores=[])
    module.body += sorted(found.values(), key=lambda node: node.lineno)
    exec(compile(ast.fix_missing_locations(module), str(path), "exec"), space)
    return space


def maker(kind):
    return lambda *args, **kwargs: {"kind": kind, "args": list(args), **kwargs}


kinds = "click hover type key_press scroll goto_url new_tab go_back go_forward page_focus page_close stop".split()
actions = taken(
    next(webarena.rglob("browser_env/actions.py")),
    "create_id_based_action",
    "ActionParsingError",
    given={f"create_{kind}_action": maker(kind) for kind in kinds},
)
processors = taken(
    next(webarena.rglob("browser_env/processors.py")),
    "parse_accessibility_tree",
    "clean_accesibility_tree",
    given=taken(next(webarena.rglob("browser_env/constants.py")), "IGNORED_ACTREE_PROPERTIES"),
)
obs = taken(
    next(browsergym.rglob("browsergym/utils/obs.py")),
    "flatten_axtree_to_str",
    "_process_bid",
    "_get_coord_str",
    "IGNORED_AXTREE_ROLES",
    "IGNORED_AXTREE_PROPERTIES",
)
spec = importlib.util.spec_from_file_location("parsers", next(browsergym.rglob("core/action/parsers.py")))
parsers = importlib.util.module_from_spec(spec)
sys.modules["parsers"] = parsers
spec.loader.exec_module(parsers)


def id_based(text):
    try:
        return actions["create_id_based_action"](text)
    except (actions["ActionParsingError"], IndexError):
        return None


def calls(text):
    try:
        found = parsers.highlevel_action_parser.parse_string(text, parse_all=True).as_list()
    except Exception:
        return None
    return [
        {
            "name": name,
            "positional": [arg for arg in args if not isinstance(arg, parsers.NamedArgument)],
            "named": {arg.name: arg.value for arg in args if isinstance(arg, parsers.NamedArgument)},
        }
        for name, args in found
    ]


def tree(nodes):
    text, _ = processors["parse_accessibility_tree"]([{**node, "union_bound": None} for node in nodes])
    return processors["clean_accesibility_tree"](text)


cases = json.load(sys.stdin)
json.dump(
    {
        "idBased": [id_based(text) for text in cases["idBased"]],
        "calls": [calls(text) for text in cases["calls"]],
        "webArenaTrees": [tree(nodes) for nodes in cases["trees"]],
        "gymTrees": [obs["flatten_axtree_to_str"]({"nodes": nodes}) for nodes in cases["trees"]],
        "reprs": [repr(text) for text in cases["reprs"]],
    },
    sys.stdout,
)
