"""Vectors of real text: chunks of documents, manual pages and accessibility trees, TF-IDF, truncated SVD, unit length.

Usage: prepare_real.py <folder> <rows> <queries> <dimensions> <documents.jsonl.gz or "-">
Writes vectors.f32 and queries.f32 and prints what they were made of. No benchmark's evaluation set is read.
"""

import glob
import gzip
import json
import os
import random
import re
import sys
from html.parser import HTMLParser

import numpy
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

CHUNK = 700
SHORTEST = 200


def read(path):
    opener = gzip.open if path.endswith(".gz") else open
    try:
        with opener(path, "rb") as file:
            return file.read(2_000_000).decode("utf-8", "ignore")
    except (OSError, EOFError):
        return ""


def plain(roff):
    """Manual pages without their macros; good enough for words."""
    lines = [re.sub(r"^\.[A-Za-z]{1,3}\b", "", line) for line in roff.splitlines() if not line.startswith('.\\"')]
    text = "\n".join(lines)
    return re.sub(r"\\f[A-Z(]{1,3}|\\[&|,/]|\\-", lambda m: "-" if m.group() == "\\-" else "", text)


ROLES = {
    "a": "link",
    "button": "button",
    "img": "img",
    "input": "textbox",
    "li": "listitem",
    "nav": "navigation",
    "option": "option",
    "select": "combobox",
    "table": "table",
    "td": "cell",
    "textarea": "textbox",
    "th": "columnheader",
    **{f"h{level}": "heading" for level in range(1, 7)},
}
WITHOUT_END = ("img", "input")
NOT_SHOWN = ("script", "style")


class Tree(HTMLParser):
    """The lines that an agent is shown of a page: roles and names, in order, by elements alone; nothing is laid out."""

    def __init__(self):
        super().__init__()
        self.lines, self.open, self.hidden = [], [], 0

    def handle_starttag(self, tag, attrs):
        self.hidden += tag in NOT_SHOWN
        role, given = ROLES.get(tag), dict(attrs)
        if role is None:
            return
        line = [role, given.get("alt") or given.get("placeholder") or given.get("title") or ""]
        self.lines.append(line)
        if tag not in WITHOUT_END:
            self.open.append((tag, line))

    def handle_endtag(self, tag):
        self.hidden = max(0, self.hidden - (tag in NOT_SHOWN))
        for at in reversed(range(len(self.open))):
            if self.open[at][0] == tag:
                del self.open[at:]
                return

    def handle_data(self, data):
        text = " ".join(data.split())
        if text == "" or self.hidden > 0:
            return
        if not self.open:
            self.lines.append(["StaticText", text])
            return
        line = self.open[-1][1]
        line[1] = f"{line[1]} {text}".strip()


def tree(html):
    """`[7] link 'Download'` and so on."""
    parser = Tree()
    parser.feed(html)
    return "\n".join(f"[{number}] {role} {name!r}" for number, (role, name) in enumerate(parser.lines, 1) if name)


def chunks(text, step):
    """Windows of CHUNK characters, cut at white space, `step` characters apart."""
    text = re.sub(r"[ \t]+", " ", text)
    for start in range(0, max(1, len(text) - SHORTEST), step):
        piece = text[start : start + CHUNK].strip()
        if len(piece) >= SHORTEST:
            yield piece


def texts(documents):
    if documents != "-":
        with gzip.open(documents, "rt") as file:
            for line in file:
                yield "documents", json.loads(line)["text"]
    for path in sorted(glob.glob("/usr/share/man/man[1-8]/*") + glob.glob("/usr/local/share/man/man[1-8]/*")):
        yield "manual pages", plain(read(path))
    for folder, _, names in sorted(os.walk("/usr/share/doc")):
        for name in sorted(names):
            if re.search(r"(readme|\.txt|\.md|\.rst|news|faq|changes|changelog)(\.gz)?$", name, re.I):
                yield "package documentation", read(os.path.join(folder, name))
            elif re.search(r"\.html?(\.gz)?$", name, re.I):
                yield "accessibility trees of pages", tree(read(os.path.join(folder, name)))


def gather(documents, wanted, step):
    found, seen, counts = [], set(), {}
    for kind, text in texts(documents):
        for piece in chunks(text, step):
            if piece in seen:
                continue
            seen.add(piece)
            found.append(piece)
            counts[kind] = counts.get(kind, 0) + 1
        if len(found) >= 3 * wanted:
            break
    return found, counts


def main():
    folder, rows, queries, dimensions = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    documents = sys.argv[5]
    wanted = rows + queries
    overlap = 0
    found, counts = gather(documents, wanted, CHUNK)
    while len(found) < wanted and overlap < 3:
        overlap += 1
        found, counts = gather(documents, wanted, CHUNK >> overlap)
    random.Random(7).shuffle(found)
    found = found[:wanted]
    rows = len(found) - queries
    weights = TfidfVectorizer(sublinear_tf=True, max_features=60_000, min_df=2).fit_transform(found)
    svd = TruncatedSVD(min(dimensions, weights.shape[1] - 1), n_iter=3, random_state=7)
    reduced = svd.fit_transform(weights).astype(numpy.float32)
    # A text without any word of the vocabulary has no direction; it gets one of its own.
    empty = numpy.linalg.norm(reduced, axis=1) < 1e-6
    reduced[empty] = numpy.random.default_rng(7).standard_normal((int(empty.sum()), reduced.shape[1]))
    vectors = normalize(reduced).astype("<f4")
    os.makedirs(folder, exist_ok=True)
    vectors[:rows].tofile(os.path.join(folder, "vectors.f32"))
    vectors[rows:].tofile(os.path.join(folder, "queries.f32"))
    print(json.dumps({"rows": rows, "dimensions": vectors.shape[1], "counts": counts, "overlap": 1 - 1 / 2**overlap}))


main()
