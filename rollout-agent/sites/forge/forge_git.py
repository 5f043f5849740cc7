"""Commits whose ids are the same every time: authors, dates and contents are given."""

import os
import subprocess
from pathlib import Path

from forge_people import email, people

ENVIRONMENT = {
    **os.environ,
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
}


def git(folder, *arguments, **more):
    return subprocess.run(
        ["git", "-c", "http.proxy=", "-C", str(folder), *arguments],
        check=True, capture_output=True, text=True, env=ENVIRONMENT, **more,
    ).stdout.strip()  # fmt: skip


class History:
    """A bare repository that is written commit by commit."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main")

    def commit(self, branch, author, when, message, files, merges=None, onto=None):
        """`files` by their paths, whole. Returns the commit's id."""
        parent = onto or self.head(branch)
        stamp = f"{people[author]} <{email(author)}> {int(when)} +0000"
        lines = [f"commit refs/heads/{branch}", f"author {stamp}", f"committer {stamp}", _data(message)]
        lines += [f"from {parent}"] if parent else []
        lines += [f"merge {merges}"] if merges else []
        lines += [f"M 100644 inline {path}\n{_data(text)}" for path, text in files.items()]
        git(self.folder, "fast-import", "--quiet", "--force", input="\n".join(lines) + "\n\n")
        return self.head(branch)

    def head(self, branch):
        found = subprocess.run(
            ["git", "-C", str(self.folder), "rev-parse", "--quiet", "--verify", f"refs/heads/{branch}"],
            capture_output=True, text=True, env=ENVIRONMENT,
        )  # fmt: skip
        return found.stdout.strip() or None

    def push(self, url, *references):
        git(self.folder, "push", "--quiet", "--force", url, *references)


def _data(text):
    return f"data {len(text.encode())}\n{text}"
