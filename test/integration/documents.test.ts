// Requirements: 3.1.formats, 3.1.split, 3.1.duplicates, 3.1.bad-files, 3.bad.documents
// Documents from real folders, real programs and, where this machine has them, real manuals.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { chmod, copyFile, cp, link, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { type HindcastError, limits } from "@hindcast/shared";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { defaultDocumentSources } from "../../coordinator/src/documents/default-sources.ts";
import { parseDocumentSource } from "../../coordinator/src/documents/document-source.ts";
import {
  type LoadOptions,
  type LoadedDocuments,
  loadDocuments,
} from "../../coordinator/src/documents/load-documents.ts";

const fixtures = new URL("../fixtures/documents/", import.meta.url).pathname;
const signal = new AbortController().signal;
const load = (sources: string[], options: Partial<LoadOptions> = {}): Promise<LoadedDocuments> =>
  loadDocuments(sources.map(parseDocumentSource), { environment: process.env, ...options }, signal);
const errorOf = (work: Promise<unknown>): Promise<HindcastError> =>
  work.then(
    () => expect.unreachable("it should have failed"),
    (error: HindcastError) => error,
  );
const problemOf = (loaded: LoadedDocuments, source: string): string | undefined =>
  loaded.problems.find((problem) => problem.source === source)?.problem;
const hasManual = (page: string): boolean => {
  try {
    return execFileSync("man", ["-w", page], { stdio: ["ignore", "pipe", "ignore"] }).length > 0;
  } catch {
    return false;
  }
};
const hasMan = hasManual("man");
/** A killed process that nobody waited for yet (a zombie) runs no more. */
const isRunning = (pid: string): boolean =>
  existsSync(`/proc/${pid}/stat`) && !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hindcast-documents-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe("a folder", () => {
  it("is read in every format, in the order of the paths", async () => {
    await cp(fixtures, folder, { recursive: true });
    if (!hasMan) await rm(join(folder, "lantern.1"));
    const loaded = await load([folder]);
    expect(loaded.problems).toEqual([]);
    const expected = [
      "guide.md",
      "handbook.pdf",
      ...(hasMan ? ["lantern.1"] : []),
      "manual.rst",
      "notes.txt",
      "page.html",
    ];
    expect(loaded.documents.map(({ source }) => source)).toEqual(expected);
    expect(loaded.documents.every(({ text }) => text.includes("lantern light"))).toBe(true);
    expect(loaded.statistics).toMatchObject({
      files: expected.length,
      filesRead: expected.length,
      chunks: expected.length,
    });
  });

  it("gives the same documents with the same ids each time", async () => {
    const [one, other] = [await load([join(fixtures, "guide.md")]), await load([join(fixtures, "guide.md")])];
    expect(one.documents).toEqual(other.documents);
  });

  it("leaves out what is hidden, installed or of no supported format, and counts the latter", async () => {
    await mkdir(join(folder, "node_modules/x"), { recursive: true });
    await mkdir(join(folder, ".git"), { recursive: true });
    await mkdir(join(folder, "deep/er"), { recursive: true });
    for (const path of ["node_modules/x/README.md", ".git/description.txt", "logo.png", "main.ts", "deep/er/real.md"]) {
      await writeFile(join(folder, path), "# Text\n\nwords\n");
    }
    const loaded = await load([folder]);
    expect(loaded.documents.map(({ source }) => source)).toEqual(["deep/er/real.md"]);
    expect(loaded.statistics.ignored).toEqual({ ".png": 1, ".ts": 1 });
  });

  it("is narrowed by globs, which also admit other extensions", async () => {
    for (const path of ["a.md", "b.md", "c.adoc"]) await writeFile(join(folder, path), `Only ${path} says this.`);
    const read = async (include: string[], exclude: string[]): Promise<string[]> => {
      const source = { kind: "path" as const, path: folder, include, exclude };
      const loaded = await loadDocuments([source], { environment: process.env }, signal);
      return loaded.documents.map((document) => document.source);
    };
    expect(await read([], ["b.*"])).toEqual(["a.md"]);
    expect(await read(["*.adoc", "b.md"], [])).toEqual(["b.md", "c.adoc"]);
  });

  it("may be given as a path with wildcards, unless a file has such a name", async () => {
    await mkdir(join(folder, "deep"));
    for (const path of ["a.md", "b.txt", "deep/c.md", "[slug].md"]) {
      await writeFile(join(folder, path), `Only ${path} says this.`);
    }
    const read = async (path: string): Promise<string[]> => (await load([path])).documents.map(({ source }) => source);
    expect(await read(join(folder, "a*.md"))).toEqual(["a.md"]);
    expect(await read(join(folder, "**/c.md"))).toEqual(["deep/c.md"]);
    expect(await read(join(folder, "[slug].md"))).toEqual([join(folder, "[slug].md")]);
    await expect(load([join(folder, "*.rst")])).rejects.toThrow(/\*\.rst matches no file/);
  });

  it("tells two folders' files of the same name apart, and reports a copy as a duplicate", async () => {
    await mkdir(join(folder, "one"));
    await mkdir(join(folder, "two"));
    await copyFile(join(fixtures, "guide.md"), join(folder, "one/guide.md"));
    await copyFile(join(fixtures, "guide.md"), join(folder, "two/guide.md"));
    const loaded = await load([join(folder, "one"), join(folder, "two")]);
    expect(loaded.documents.map(({ source }) => source)).toEqual([join(folder, "one/guide.md")]);
    expect(loaded.duplicates).toEqual([
      { source: `${join(folder, "two/guide.md")}#0`, of: `${join(folder, "one/guide.md")}#0`, similarity: 1 },
    ]);
  });

  it("reports progress to the end", async () => {
    const seen: [number, number][] = [];
    await load([join(fixtures, "guide.md"), join(fixtures, "notes.txt")], { onProgress: (...at) => seen.push(at) });
    expect(seen.at(-1)).toEqual([2, 2]);
  });
});

describe("bad files", () => {
  beforeEach(async () => {
    await copyFile(join(fixtures, "guide.md"), join(folder, "good.md"));
  });

  it("of any kind are reported with a remedy, and the good ones read", async () => {
    await writeFile(join(folder, "binary.md"), Buffer.from([1, 2, 0, 3, 0, 0, 255]));
    await writeFile(join(folder, "empty.md"), "");
    await writeFile(join(folder, "blank.md"), "\n\n   \n");
    await writeFile(join(folder, "broken.pdf"), "%PDF-1.7 nothing of the kind");
    await writeFile(join(folder, "deep.html"), "<div>".repeat(100_000));
    await symlink("nowhere.md", join(folder, "dangling.md"));
    await symlink("itself.md", join(folder, "itself.md"));
    await symlink("..", join(folder, "loop"));
    await symlink("/etc/hostname", join(folder, "secret.txt"));
    execFileSync("mkfifo", [join(folder, "pipe.txt")]);
    const loaded = await load([folder]);
    expect(loaded.documents.map(({ source }) => source)).toEqual(["good.md"]);
    expect(problemOf(loaded, "binary.md")).toMatch(/binary.*convert/);
    expect(problemOf(loaded, "empty.md")).toMatch(/empty/);
    expect(problemOf(loaded, "blank.md")).toMatch(/no text/);
    expect(problemOf(loaded, "broken.pdf")).toMatch(/cannot be read as PDF \(.*\); mend or exclude it/);
    expect(problemOf(loaded, "deep.html")).toMatch(/nested/);
    expect(problemOf(loaded, "dangling.md")).toMatch(/broken link/);
    expect(problemOf(loaded, "itself.md")).toMatch(/back to itself/);
    expect(problemOf(loaded, "loop")).toMatch(/leads out of the folder/);
    expect(problemOf(loaded, "secret.txt")).toMatch(/leads out of the folder/);
    expect(problemOf(loaded, "pipe.txt")).toMatch(/not a regular file/);
  });

  it("of 500 MB are told by their size and not read into memory", async () => {
    await writeFile(join(folder, "huge.md"), "");
    await truncate(join(folder, "huge.md"), 500 * 1024 * 1024);
    const before = process.memoryUsage().rss;
    const loaded = await load([folder]);
    expect(problemOf(loaded, "huge.md")).toBe(
      `has 524288000 bytes, more than the ${limits.documentFileBytesMax} that are read of one file; split or exclude it`,
    );
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });

  it.skipIf(process.getuid?.() === 0)("that may not be read are reported with what to do", async () => {
    await writeFile(join(folder, "closed.md"), "secret");
    await chmod(join(folder, "closed.md"), 0);
    expect(problemOf(await load([folder]), "closed.md")).toMatch(/permissions/);
  });

  it("with invalid UTF-8 or in UTF-16 are read", async () => {
    await writeFile(join(folder, "latin.txt"), Buffer.from("caf\xe9 au lait, and more of it", "latin1"));
    await writeFile(join(folder, "wide.txt"), Buffer.from("\uFEFFGrüße an alle", "utf16le"));
    const texts = (await load([folder])).documents.map(({ text }) => text);
    expect(texts.some((text) => text.includes("caf\uFFFD au lait"))).toBe(true);
    expect(texts.some((text) => text.includes("Grüße an alle"))).toBe(true);
  });

  it("that are hard links to another are duplicates", async () => {
    await link(join(folder, "good.md"), join(folder, "same.md"));
    expect((await load([folder])).duplicates.map(({ source }) => source)).toEqual(["same.md#0"]);
  });
});

describe("no documents", () => {
  it("names an empty folder and what is supported", async () => {
    const error = await errorOf(load([folder]));
    expect(error).toMatchObject({ code: "DOCUMENTS_EMPTY", boundary: "documents" });
    expect(error.message).toContain(folder);
    expect(error.message).toContain("holds no file");
    expect(error.message).toContain("Markdown (.md)");
  });

  it("names what a folder holds instead", async () => {
    await writeFile(join(folder, "a.png"), "x");
    const wrongKind = await errorOf(load([folder]));
    expect(wrongKind.code).toBe("DOCUMENTS_EMPTY");
    expect(wrongKind.message).toContain("1 .png file(s)");
    await writeFile(join(folder, "b.md"), "");
    expect((await errorOf(load([folder]))).message).toContain("b.md is empty");
  });

  it("names a path that does not exist at once", async () => {
    const error = await errorOf(load([join(folder, "typo"), join(fixtures, "guide.md")]));
    expect(error).toMatchObject({ code: "DOCUMENTS_UNREADABLE" });
    expect(error.message).toContain(`"${join(folder, "typo")}"`);
  });

  it("says so when no source was given", async () => {
    expect((await errorOf(load([]))).message).toMatch(/No documents were given/);
  });
});

describe("programs", () => {
  const script = async (name: string, body: string): Promise<string> => {
    await writeFile(join(folder, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    return join(folder, name);
  };

  it("are asked for --help, on either stream, without input and without the environment's secrets", async () => {
    const out = await script(
      "out",
      'echo "Usage: out [options]"; echo; echo "Options:"; echo "  -a  $API_KEY<$(cat)>"',
    );
    const err = await script("err", 'echo "usage: err FILE" >&2; exit 2');
    const loaded = await load([`help:${out}`, `help:${err}`], { environment: { ...process.env, API_KEY: "hush" } });
    expect(loaded.problems).toEqual([]);
    expect(loaded.documents[0]?.text).toContain("-a  <>");
    expect(loaded.documents[1]?.text).toContain("err FILE");
  });

  it("that fail, are missing, print nothing or too much are reported", async () => {
    await writeFile(join(folder, "good.md"), "# Good\n\nyes");
    const bad = await script("bad", "echo nonsense; exit 1");
    const mute = await script("mute", "exit 0");
    const loud = await script("loud", "yes usage");
    const loaded = await load([
      join(folder, "good.md"),
      `help:${bad}`,
      `help:${mute}`,
      `help:${loud}`,
      "help:no-such-program",
    ]);
    expect(problemOf(loaded, `help:${bad}`)).toMatch(/exit code 1/);
    expect(problemOf(loaded, `help:${mute}`)).toMatch(/printed nothing/);
    expect(problemOf(loaded, `help:${loud}`)).toMatch(/printed more than/);
    expect(problemOf(loaded, "help:no-such-program")).toMatch(/not found on PATH/);
  });

  it("stop at once, with all they started, when the run is cancelled", async () => {
    const slow = await script("slow", `sleep 600 & echo $! > ${join(folder, "pid")}; wait`);
    const abort = new AbortController();
    const loading = loadDocuments([{ kind: "help", command: [slow] }], { environment: process.env }, abort.signal);
    const settled = errorOf(loading);
    await expect.poll(() => existsSync(join(folder, "pid")), { timeout: 5_000 }).toBe(true);
    abort.abort(new Error("enough"));
    expect((await settled).message).toBe("enough");
    const child = readFileSync(join(folder, "pid"), "utf8").trim();
    await expect.poll(() => isRunning(child)).toBe(false);
  });
});

describe("manual pages", () => {
  it.skipIf(!hasMan)("in files are formatted, compressed or not, and cannot be mistaken for options", async () => {
    await copyFile(join(fixtures, "lantern.1"), join(folder, "-l.1"));
    const { text } = (await load([folder])).documents[0] ?? {};
    expect(text).toContain("```console\n$ lantern light porch\n$ lantern --colour 'amber' light garden\n```");
    expect(text).toContain("**-c, --colour NAME**\nThe colour of the flame.\n\nA second paragraph about colours.");
    const page = execFileSync("cat", [join(fixtures, "lantern.1")]);
    await rm(join(folder, "-l.1"));
    await writeFile(join(folder, "lantern.1.gz"), gzipSync(page));
    expect((await load([folder])).documents[0]?.text).toBe(text);
  });

  it.skipIf(!hasMan)("that are not there are reported", async () => {
    const loaded = await load([join(fixtures, "guide.md"), "man:no-such-page", "man:no-such-*"]);
    expect(problemOf(loaded, "man:no-such-page")).toMatch(/not among the manual pages/);
    expect(problemOf(loaded, "man:no-such-*")).toMatch(/not among the manual pages/);
  });

  it("are reported when there is no man", async () => {
    const loaded = await load([join(fixtures, "guide.md"), "man:ls"], { environment: { PATH: folder } });
    expect(problemOf(loaded, "man:ls")).toMatch(/"man", which was not found on PATH/);
  });

  it.skipIf(!hasManual("git-tag"))("are found by glob", async () => {
    const loaded = await load(["man:git-ta?(1)"]);
    expect(loaded.documents[0]).toMatchObject({ source: "man:git-tag(1)", title: "git-tag(1)" });
    expect(loaded.documents.some(({ text }) => text.includes("git tag"))).toBe(true);
  });
});

describe("the default documents", () => {
  it("name what is missing", async () => {
    const nothing = await defaultDocumentSources({ PATH: folder }, signal);
    expect(nothing.missing.join(" ")).toMatch(/git's manual pages/);
  });

  it.skipIf(!hasManual("git-tag"))("are npm's and git's manuals, with examples in fences", async () => {
    const { sources } = await defaultDocumentSources(process.env, signal);
    const few = sources.filter((source) => source.kind !== "manual" || /^git-(?:mv|tag|stash)$/.test(source.page));
    const loaded = await loadDocuments(few, { environment: process.env }, signal);
    expect(loaded.problems).toEqual([]);
    const fencesOf = (pattern: RegExp): number => loaded.documents.filter(({ text }) => pattern.test(text)).length;
    expect(fencesOf(/```bash\nnpm pkg set [^\n]+\n```/)).toBeGreaterThan(0);
    expect(fencesOf(/```[^`]*\$ git stash pop/)).toBeGreaterThan(0);
    expect(Math.max(...loaded.documents.map(({ tokens }) => tokens))).toBeLessThanOrEqual(limits.documentTokensMax);
  });
});

describe("a large real collection", () => {
  const manual = join(dirname(process.execPath), "../lib/node_modules/npm/docs");
  const collection = ["/usr/share/doc/git", "/usr/lib/node_modules/npm/docs", manual].find((path) => existsSync(path));

  it.skipIf(collection === undefined)("is read whole, within the budget, without open fences", async () => {
    const loaded = await load([collection ?? ""]);
    expect(loaded.statistics.filesRead).toBeGreaterThan(0);
    for (const { text, tokens } of loaded.documents) {
      expect(tokens).toBeLessThanOrEqual(limits.documentTokensMax);
      expect(text.trim()).not.toBe("");
    }
  });
});
