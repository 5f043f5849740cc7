"""A process with one engine of Python's: `engine.py <engine>`, one JSON request a line, one JSON reply a line.

The protocol is engines/engine.ts. Queries are single calls; the time includes Python's own call (1 to 3 microseconds).
"""

import json
import os
import shutil
import sys
import time

import numpy

from engines import create

WORK = os.path.join(os.path.dirname(__file__), "..", "..", "..", ".hindcast", "bench", "data")


def load(data, name, kind="<f4"):
    return numpy.fromfile(os.path.join(WORK, data, name), dtype=kind)


def meta(data):
    with open(os.path.join(WORK, data, "meta.json")) as file:
        return json.load(file)


def masks_of(data, name):
    """Which rows pass for a query, as booleans; None without a filter. Preparing them is not measured."""
    if name is None:
        return None
    with open(os.path.join(WORK, data, "filters.json")) as file:
        kind = next(case["kind"] for case in json.load(file) if case["name"] == name)
    if kind == "tag":
        tag = load(data, f"filter-{name}.u16", "<u2") == 1
        return lambda query: tag
    if kind == "cluster":
        clusters, wanted = load(data, "clusters.u16", "<u2"), load(data, f"filter-{name}.u16", "<u2")
        return lambda query: clusters == wanted[query]
    truth = load(data, "truth.i32", "<i4").reshape(meta(data)["queries"], -1)

    def without(query):
        mask = numpy.ones(meta(data)["rows"], dtype=bool)
        mask[truth[query, :50]] = False
        return mask

    return without


def memory():
    with open("/proc/self/status") as file:
        lines = dict(line.split(":", 1) for line in file if ":" in line)
    return [int(lines[name].split()[0]) / 1024 for name in ("RssAnon", "RssFile")]


class Process:
    def __init__(self, name):
        self.engine = create(name)

    def build(self, request):
        shutil.rmtree(request["folder"], ignore_errors=True)
        os.makedirs(request["folder"])
        vectors = load(request["data"], "vectors.f32").reshape(-1, meta(request["data"])["dimensions"])
        start = time.perf_counter()
        self.engine.build(vectors, request["folder"], request["threads"])
        seconds = time.perf_counter() - start
        sizes = [entry.stat().st_size for entry in os.scandir(request["folder"])]
        return {"seconds": seconds, "bytes": sum(sizes)}

    def open(self, request):
        self.data = request["data"]
        dimensions = meta(self.data)["dimensions"]
        self.queries = load(self.data, "queries.f32").reshape(-1, dimensions)
        self.before = memory()
        start = time.perf_counter()
        self.engine.open(request["folder"], dimensions)
        return {"milliseconds": (time.perf_counter() - start) * 1000}

    def round(self, request):
        k = request["k"]
        prepare, search = self.engine.runner(request["ef"], k, masks_of(self.data, request["filter"]))
        micros, ids = [], []
        for query in range(request["from"], request["to"]):
            vector = self.queries[query : query + 1]
            selected = None if prepare is None else prepare(query)
            start = time.perf_counter()
            found = search(vector, selected)
            micros.append(round((time.perf_counter() - start) * 1e6, 1))
            row = [int(key) for key in found[:k]]
            ids += row + [-1] * (k - len(row))
        return {"micros": micros, "ids": ids}

    def throughput(self, request):
        start, done = time.perf_counter(), 0
        while time.perf_counter() - start < request["seconds"]:
            self.engine.batch(self.queries, request["ef"], request["k"], request["threads"])
            done += len(self.queries)
        return {"perSecond": done / (time.perf_counter() - start)}

    def memory(self, request):
        anonymous, mapped = memory()
        return {"anonymous": anonymous - self.before[0], "mapped": mapped - self.before[1]}


def main():
    process = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            process = process or Process(sys.argv[1])
            reply = getattr(process, request["op"])(request)
        except Exception as error:  # whatever the engine raises is the reply
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), flush=True)


main()
