"""Gitea while it is filled: its process, its API, and a clock that is not the machine's."""

import base64
import http.cookiejar
import json
import os
import re
import socket
import sqlite3
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from forge_people import ADMINISTRATOR, PASSWORD

here = Path(__file__).resolve().parent
READY_SECONDS = 120


class Gitea:
    def __init__(self):
        self.state = Path(os.environ["SITE_STATE"])
        self.database = self.state / "forge.sqlite3"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        self.environment = {
            **os.environ,
            "HOME": str(self.state),
            "TZ": "UTC",
            "SITE_PORT": str(port),
            "SITE_ORIGIN": f"http://{self.address}",
            # What it writes by the machine's clock is told from what has its own time, and gets the seed's.
            "SITE_CLOCK": "",
        }
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def __enter__(self):
        self._log = open(Path(os.environ["SITE_RUN"]) / "gitea.log", "w+")
        self._process = subprocess.Popen(
            ["sh", str(here / "start.sh")], env=self.environment, stdout=self._log, stderr=self._log
        )
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            try:
                self._opener.open(f"http://{self.address}/api/v1/version", timeout=5).close()
                return self
            except OSError:
                time.sleep(0.1)
        self._log.seek(0)
        raise SystemExit(f"Gitea did not start: {self._log.read()[-2000:]}")

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(timeout=60)
        self._log.close()

    def command(self, *arguments):
        program = Path(os.environ["SITE_FOLDER"]) / "program" / "gitea"
        configuration = Path(os.environ["SITE_RUN"]) / "app.ini"
        subprocess.run(
            [program, *arguments, "--config", configuration, "--work-path", self.state],
            env=self.environment, check=True, capture_output=True,
        )  # fmt: skip

    def ask(self, method, path, body=None, who=ADMINISTRATOR):
        """What the API answers to `who`."""
        login = base64.b64encode(f"{ADMINISTRATOR}:{PASSWORD}".encode()).decode()
        request = urllib.request.Request(
            f"http://{self.address}/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Basic {login}", "Sudo": who, "Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=120) as answer:
                text = answer.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path} answers {error.code}: {error.read().decode()[:500]}") from error

    def remote(self, repository, who):
        return f"http://{who}:{PASSWORD}@{self.address}/{repository}.git"

    def log_in(self, who):
        visit = Visit(f"http://{self.address}")
        visit.send("/user/login", "", {"user_name": who, "password": PASSWORD})
        return visit


class Visit:
    """What somebody does with pages."""

    def __init__(self, origin):
        self._origin = origin
        self._cookies = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self._cookies)
        )

    @property
    def key(self):
        """The session's."""
        return next(cookie.value for cookie in self._cookies if cookie.name == "forge_session")

    def send(self, page, query, fields):
        """Fills in the form of a page."""
        address = f"{self._origin}{page}{query}"
        with self._opener.open(address) as answer:
            token = re.search(r'name="_csrf" value="([^"]+)"', answer.read().decode()).group(1)
        self._opener.open(address, urllib.parse.urlencode({"_csrf": token, **fields}).encode()).close()


class Clock:
    """Triggers that write the seed's time wherever Gitea writes the machine's."""

    def __init__(self, database, begin):
        self._database = sqlite3.connect(database, timeout=60, isolation_level=None)
        started = int(time.time()) - 3600
        self._database.execute("CREATE TABLE seed_clock (started INTEGER, now INTEGER)")
        self._database.execute("INSERT INTO seed_clock VALUES (?, ?)", (started, begin))
        for table, columns in self._stamps():
            late = " OR ".join(f"NEW.{column} >= (SELECT started FROM seed_clock)" for column in columns)
            written = ", ".join(
                f"{column} = CASE WHEN {column} >= (SELECT started FROM seed_clock)"
                f" THEN (SELECT now FROM seed_clock) ELSE {column} END"
                for column in columns
            )
            for event in ("INSERT", "UPDATE"):
                self._database.execute(
                    f"CREATE TRIGGER seed_{event}_{table} AFTER {event} ON `{table}` WHEN {late}"
                    f" BEGIN UPDATE `{table}` SET {written} WHERE rowid = NEW.rowid; END"
                )
            # What Gitea put there when it made the tables.
            self._database.execute(f"UPDATE `{table}` SET {written}")

    def set(self, when):
        self._database.execute("UPDATE seed_clock SET now = ?", (int(when),))

    def remove(self):
        for (name,) in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            self._database.execute(f"DROP TRIGGER {name}")
        (started,) = self._database.execute("SELECT started FROM seed_clock").fetchone()
        self._database.execute("DROP TABLE seed_clock")
        for table, columns in self._stamps():
            for column in columns:
                late = self._database.execute(f"SELECT count(*) FROM `{table}` WHERE {column} >= ?", (started,))
                if late.fetchone()[0] > 0:
                    raise SystemExit(f"{table}.{column} holds the machine's time")
        self._database.close()

    def _stamps(self):
        tables = self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        for (table,) in sorted(tables):
            columns = [row[1] for row in self._database.execute(f"PRAGMA table_info(`{table}`)")]
            stamps = [column for column in columns if column.endswith("_unix")]
            if stamps:
                yield table, stamps
