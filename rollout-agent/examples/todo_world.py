#!/usr/bin/env python3
"""A to-do list as a world for Hindcast, in the standard library alone.

    python3 todo_world.py                 speaks over standard input and output
    python3 todo_world.py --http 8700     serves POST http://127.0.0.1:8700/

The protocol is described in shared/docs/worlds.md: one JSON object per line (or per POST), one reply for each request.
Nothing else may be written to standard output; print() to standard error is logged by the agent.
"""

import hashlib
import json
import random
import sys

CHORES = ["buy milk", "call the bank", "mend the bicycle", "pay the rent", "return the books", "water the plants"]


def tool(name, description, properties):
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {"name": name, "description": description, "inputSchema": schema}


NUMBER = {"type": "integer", "minimum": 1}
TITLE = {"type": "string", "minLength": 1, "maxLength": 80}
TOOLS = [
    tool("list_items", "Shows the items with their numbers.", {}),
    tool("add_item", "Adds an open item and shows its number.", {"title": TITLE}),
    tool("complete_item", "Marks an item as done.", {"number": NUMBER}),
    tool("remove_item", "Removes an item for good. Numbers are never given twice.", {"number": NUMBER}),
]


class Refusal(Exception):
    """The action cannot be done; the agent is told why and nothing has changed."""


class TodoList:
    def __init__(self, state):
        self.state = state

    @classmethod
    def start(cls, seed, parameters):
        """Three chores drawn by the seed, or the titles that the task's parameters name."""
        titles = parameters.get("items")
        if titles is None:
            titles = random.Random(seed).sample(CHORES, 3)
        items = {str(number): [title, False] for number, title in enumerate(titles, start=1)}
        return cls({"next": len(items) + 1, "items": items})

    def list_items(self):
        lines = [f"{number}. [{'x' if done else ' '}] {title}" for number, (title, done) in self.state["items"].items()]
        return "\n".join(lines) or "The list is empty."

    def add_item(self, title):
        number = self.state["next"]
        self.state["next"] += 1
        self.state["items"][str(number)] = [title, False]
        return f"Added {number}."

    def complete_item(self, number):
        self.item(number)[1] = True
        return f"Completed {number}."

    def remove_item(self, number):
        self.item(number)
        del self.state["items"][str(number)]
        return f"Removed {number}."

    def item(self, number):
        try:
            return self.state["items"][str(number)]
        except KeyError:
            raise Refusal(f"There is no item {number}.") from None

    def judge(self, expected):
        """`expected` is {"open": [titles], "done": [titles]} in any order."""
        found = {"open": [], "done": []}
        for title, done in self.state["items"].values():
            found["done" if done else "open"].append(title)
        wrong = [key for key in found if sorted(found[key]) != sorted(expected.get(key, []))]
        if not wrong:
            return {"verdict": "success", "score": 1, "detail": "the list is as expected"}
        detail = "; ".join(f"{key}: {found[key]}, expected {expected.get(key, [])}" for key in wrong)
        return {"verdict": "failure", "score": 1 - len(wrong) / 2, "detail": detail}

    def shown(self, text, is_error=False):
        """A reply of kind `state`. Equal hashes must mean equal states."""
        canonical = json.dumps(self.state, sort_keys=True).encode()
        digest = hashlib.sha256(canonical).hexdigest()
        return {"kind": "state", "text": text, "isError": is_error, "stateHash": digest}


class Session:
    """One episode's copy of the world."""

    def __init__(self):
        self.world = None

    def answer(self, request):
        kind = request["kind"]
        if request["v"] != 1:
            return {"kind": "error", "code": "unavailable", "message": f"version {request['v']} is not known"}
        if kind == "hello":
            capabilities = {"snapshot": True, "evaluate": True, "deterministic": True}
            about = "A to-do list. Items have numbers, and are open or done."
            return {"kind": "hello", "name": "todo", "description": about, "tools": TOOLS, "capabilities": capabilities}
        if kind == "reset":
            titles = request["parameters"].get("items", [])
            if not isinstance(titles, list) or not all(isinstance(title, str) for title in titles):
                return {"kind": "error", "code": "setup-failed", "message": "the parameter items must be a list of titles"}
            self.world = TodoList.start(request["seed"], request["parameters"])
            return self.world.shown(self.world.list_items())
        if kind == "restore":
            self.world = TodoList(json.loads(request["snapshot"]))
            return self.world.shown(self.world.list_items())
        if kind == "step":
            try:
                return self.world.shown(getattr(self.world, request["name"])(**request["input"]))
            except Refusal as refusal:
                return self.world.shown(str(refusal), is_error=True)
        if kind == "snapshot":
            return {"kind": "snapshot", "snapshot": json.dumps(self.world.state)}
        if kind == "evaluate":
            return {"kind": "verdict", **self.world.judge(request["expected"])}
        if kind == "close":
            return {"kind": "closed"}
        return {"kind": "error", "code": "failed", "message": f"requests of kind {kind} are not known"}


def reply_to(session, request):
    return json.dumps({"v": 1, "id": request["id"], **session.answer(request)})


def serve_lines():
    session = Session()
    for line in sys.stdin:
        request = json.loads(line)
        print(reply_to(session, request), flush=True)
        if request["kind"] == "close":
            return


def serve_http(port):
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    sessions = {}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer leaves in one piece: two small ones would wait for each other

        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            body = reply_to(sessions.setdefault(request["session"], Session()), request).encode()
            if request["kind"] == "close":
                del sessions[request["session"]]
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print(f"serving http://127.0.0.1:{server.server_port}/", file=sys.stderr, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--http"]:
        serve_http(int(sys.argv[2]))
    else:
        serve_lines()
