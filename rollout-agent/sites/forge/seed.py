"""Fills the forge through Gitea's API and git: the same people, repositories, issues and wikis every time."""

import os
import random
import re
import shutil
import sqlite3
from datetime import datetime, timezone
from pathlib import Path

from forge_git import History, git
from forge_gitea import Clock, Gitea
from forge_issues import issues, remarks
from forge_people import ADMINISTRATOR, PASSWORD, email, organisations, people, places, sessions
from forge_projects import labels, projects, pulls
from forge_wiki import wikis

# The site's present: nothing in the seed is younger.
EPOCH = int(os.environ["SITE_CLOCK"])
DAY = 86_400
chance = random.Random(20260316)


class Seed:
    def __init__(self, gitea, clock):
        self.gitea = gitea
        self.ask = gitea.ask
        self.clock = clock
        self.commits = []
        self.files = set()
        self.bases = {}

    def at(self, days):
        """Sets the clock to so many days before the present."""
        when = EPOCH - int(days * DAY)
        self.clock.set(when)
        return when

    def fill(self):
        self.fill_people()
        for index, (name, project) in enumerate(projects.items()):
            self.fill_project(name, project, 330 - 14 * index)
        for name, pages in wikis.items():
            self.fill_wiki(name, pages)
        self.fill_likings()

    def fill_people(self):
        for index, (name, full_name) in enumerate(people.items()):
            if name != ADMINISTRATOR:
                self.at(700 - 30 * index)
                self.ask("POST", "/admin/users", {
                    "username": name, "email": email(name), "full_name": full_name, "password": PASSWORD,
                    "must_change_password": False,
                })  # fmt: skip
                self.ask("PATCH", "/user/settings", {"location": places[name]}, name)
        for name, (full_name, about, members) in organisations.items():
            self.at(400)
            owner = members[0]
            self.ask("POST", "/orgs", {"username": name, "full_name": full_name, "description": about}, owner)
            team = self.ask("POST", f"/orgs/{name}/teams", {
                "name": "Writers", "permission": "write", "includes_all_repositories": True,
                "units": ["repo.code", "repo.issues", "repo.pulls", "repo.releases", "repo.wiki"],
            }, owner)  # fmt: skip
            for member in members:
                self.ask("PUT", f"/teams/{team['id']}/members/{member}", who=owner)
                self.ask("PUT", f"/orgs/{name}/public_members/{member}", who=member)

    def fill_project(self, name, project, age):
        owner, repository = name.split("/")
        is_shared = owner in organisations
        members = organisations[owner][2] if is_shared else [owner]
        path = f"/repos/{name}"
        self.at(age)
        about = {"name": repository, "description": project["about"], "default_branch": "main"}
        self.ask("POST", f"/orgs/{owner}/repos" if is_shared else "/user/repos", about, members[0])
        self.ask("PATCH", path, {"allow_manual_merge": True}, members[0])
        self.ask("PUT", f"{path}/topics", {"topics": project["topics"]}, members[0])
        history, remote = self.history(name), self.gitea.remote(name, members[0])
        made = self.commit_all(name, history, project, members[0], age)
        history.push(remote, "main")
        label_ids = {
            label: self.ask("POST", f"{path}/labels", {"name": label, "color": f"#{colour}", "description": words}, members[0])["id"]
            for label, (colour, words) in labels.items()
        }  # fmt: skip
        milestones = {}
        for title, days in project["milestones"].items():
            due = datetime.fromtimestamp(EPOCH - days * DAY, timezone.utc).isoformat()
            milestones[title] = self.ask("POST", f"{path}/milestones", {"title": title, "due_on": due}, members[0])["id"]
        for tag, (commit, title, is_early) in project["releases"].items():
            self.at(age - (commit + 0.5) * age / (len(made) + 1))
            self.ask("POST", f"{path}/releases", {
                "tag_name": tag, "target_commitish": made[commit], "name": title, "prerelease": is_early,
                "body": f"{title}, for everybody." if not is_early else "To be tried, not to be relied on.",
            }, members[0])  # fmt: skip
        self.fill_issues(name, members, label_ids, milestones, age * 0.8)
        self.fill_pulls(name, members, history, remote, age * 0.3)

    def history(self, name):
        return History(Path(os.environ["SITE_RUN"]) / "histories" / name)

    def commit_all(self, name, history, project, owner, age):
        files = dict(project["files"])
        made = [self.commit(name, history, "main", owner, EPOCH - age * DAY + 600, "First commit", files)]
        for index, (author, message, path, text) in enumerate(project["changes"], 1):
            files[path] = files.get(path, "") + text
            when = EPOCH - int((age - index * age / (len(project["changes"]) + 2)) * DAY) - chance.randrange(36_000)
            made.append(self.commit(name, history, "main", author, when, message, {path: files[path]}))
        return made

    def commit(self, name, history, branch, author, when, message, files, **more):
        made = history.commit(branch, author, when, message, files, **more)
        self.commits.append((name, branch, made, author, message, int(when)))
        if branch == "main" and not name.endswith(".wiki"):
            self.files.update((name, path) for path in files)
        return made

    def fill_issues(self, name, members, label_ids, milestones, age):
        path, listed = f"/repos/{name}/issues", issues.get(name, [])
        for index, (title, body, wanted, assignee, milestone, is_closed) in enumerate(listed):
            days = age - index * (age - 6) / max(1, len(listed))
            author = chance.choice([one for one in people if one not in (assignee, ADMINISTRATOR)])
            self.at(days)
            number = self.ask("POST", path, {"title": title, "body": body}, author)["number"]
            self.ask("PATCH", f"{path}/{number}", {
                "assignees": [assignee] if assignee else [], "milestone": milestones.get(milestone, 0),
            }, members[0])  # fmt: skip
            self.ask("POST", f"{path}/{number}/labels", {"labels": [label_ids[label] for label in wanted]}, members[0])
            for step, remark in enumerate(chance.sample(remarks, chance.choice([0, 0, 1, 2, 3, 4]))):
                self.at(days - 0.4 * (step + 1))
                who = chance.choice([one for one in people if one != ADMINISTRATOR])
                self.ask("POST", f"{path}/{number}/comments", {"body": remark}, who)
            if is_closed:
                self.at(days - 3)
                self.ask("PATCH", f"{path}/{number}", {"state": "closed"}, members[0])

    def fill_pulls(self, name, members, history, remote, age):
        path, listed = f"/repos/{name}/pulls", pulls.get(name, [])
        base = self.bases[name] = history.head("main")
        for index, (title, author, branch, file, text, body, outcome, reviewer) in enumerate(listed):
            days = age - index * (age - 4) / max(1, len(listed))
            when = self.at(days)
            made = self.commit(name, history, branch, author, when - 1_800, title, {file: text}, onto=base)
            history.push(remote, branch)
            number = self.ask("POST", path, {"title": title, "body": body, "head": branch, "base": "main"}, author if author in members else members[0])["number"]
            if reviewer:
                self.at(days - 0.5)
                self.ask("POST", f"{path}/{number}/reviews", {"event": "APPROVED", "body": "Good as it is."}, reviewer)
            when = self.at(days - 1)
            if outcome == "closed":
                self.ask("PATCH", f"{path}/{number}", {"state": "closed"}, members[0])
            elif outcome == "merged":
                merge = self.commit(name, history, "main", members[0], when, f"Merge pull request '{title}'", {file: text}, merges=made)
                history.push(remote, "main")
                self.ask("POST", f"{path}/{number}/merge", {"Do": "manually-merged", "MergeCommitID": merge}, members[0])

    def fill_wiki(self, name, pages):
        owner = organisations[name.split("/")[0]][2][0]
        self.at(200)
        # Of an empty wiki the API does not find the branch that it has made.
        self.gitea.log_in(owner).send(f"/{name}/wiki", "?action=_new", {"title": "Home", "content": "Begin", "message": "Begin"})
        history = self.history(f"{name}.wiki")
        for index, (title, (author, text, _)) in enumerate(pages.items()):
            path = f"{title.replace(' ', '-')}.md"
            when = EPOCH - (150 - 9 * index) * DAY + chance.randrange(30_000)
            if index % 3 == 1:
                self.commit(f"{name}.wiki", history, "main", owner, when - 20 * DAY, f"Begin the page {title}", {path: f"# {title}\n"})
            self.commit(f"{name}.wiki", history, "main", author, when, f"Write the page {title}", {path: text})
        history.push(self.gitea.remote(f"{name}.wiki", owner), "main")

    def fill_likings(self):
        names = [name for name in people if name != ADMINISTRATOR]
        for name in projects:
            for who in chance.sample(names, chance.choice([0, 1, 2, 3, 5, 7])):
                self.at(chance.uniform(10, 90))
                self.ask("PUT", f"/user/starred/{name}", who=who)
        for who in names:
            for other in chance.sample([one for one in names if one != who], chance.choice([0, 1, 2, 4])):
                self.at(chance.uniform(10, 90))
                self.ask("PUT", f"/user/following/{other}", who=who)


def add_facts(database, commits, files):
    """What lies in git, so that answers can be computed from one database."""
    database.execute("CREATE TABLE seed_commit (repository TEXT, branch TEXT, sha TEXT, author TEXT, subject TEXT, at INTEGER)")
    database.executemany("INSERT INTO seed_commit VALUES (?, ?, ?, ?, ?, ?)", commits)
    database.execute("CREATE TABLE seed_file (repository TEXT, path TEXT)")
    database.executemany("INSERT INTO seed_file VALUES (?, ?)", sorted(files))
    database.execute("CREATE TABLE seed_wiki_page (repository TEXT, title TEXT, author TEXT)")
    database.execute("CREATE TABLE seed_wiki_fact (repository TEXT, title TEXT, question TEXT, answer)")
    for name, pages in wikis.items():
        for title, (author, _, facts) in pages.items():
            database.execute("INSERT INTO seed_wiki_page VALUES (?, ?, ?)", (name, title, author))
            for question, answer in facts:
                database.execute("INSERT INTO seed_wiki_fact VALUES (?, ?, ?, ?)", (name, title, question, answer))


def settle(database, bases):
    """What Gitea finds out in its own time: where the branches of pull requests begin."""
    for name, base in bases.items():
        database.execute(
            "UPDATE pull_request SET merge_base = ? WHERE base_repo_id ="
            " (SELECT id FROM repository WHERE owner_name || '/' || lower_name = ?)",
            (base, name),
        )


def tidy(state):
    """A state that may lie anywhere: hooks find Gitea by their environment."""
    for hook in state.glob("repositories/**/hooks/*"):
        if hook.suffix == ".sample":
            hook.unlink()
    for hook in [*state.glob("repositories/**/hooks/*.d/gitea"), *state.glob("repositories/**/hooks/proc-receive")]:
        text = re.sub(
            r"^\S.* hook --config=.*? (?=(?:pre-receive|update|post-receive|proc-receive)\b)",
            '"$SITE_FOLDER/program/gitea" hook --config="$SITE_RUN/app.ini" ',
            hook.read_text(),
            flags=re.MULTILINE,
        )
        hook.write_text(text)
    for repository in state.glob("repositories/*/*.git"):
        git(repository, "-c", "pack.threads=1", "gc", "--quiet", "--prune=now")
        shutil.rmtree(repository / "logs", ignore_errors=True)
    for name in (".ssh", "data/tmp", "data/home/.cache"):
        shutil.rmtree(state / name, ignore_errors=True)


def main():
    gitea = Gitea()
    with gitea:
        clock = Clock(gitea.database, begin=EPOCH - 800 * DAY)
        gitea.command(
            "admin", "user", "create", "--admin", "--username", ADMINISTRATOR, "--password", PASSWORD,
            "--email", email(ADMINISTRATOR), "--must-change-password=false",
        )  # fmt: skip
        gitea.ask("PATCH", "/user/settings", {"full_name": people[ADMINISTRATOR]})
        seed = Seed(gitea, clock)
        seed.fill()
        clock.set(EPOCH)
        keys = {gitea.log_in(who).key: key for who, key in sessions.items()}
    clock.remove()
    database = sqlite3.connect(gitea.database)
    for made, key in keys.items():
        database.execute("UPDATE session SET key = ?, expiry = ? WHERE key = ?", (key, EPOCH, made))
    database.execute("DELETE FROM session WHERE expiry <> ?", (EPOCH,))
    add_facts(database, seed.commits, seed.files)
    settle(database, seed.bases)
    database.commit()
    database.execute("VACUUM")
    database.close()
    tidy(gitea.state)


main()
