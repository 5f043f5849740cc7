// Requirements: 3.start, 3.14.ci
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { aFolder } from "../support/hindcast.ts";

const root = new URL("../..", import.meta.url).pathname;
const bootstrap = join(root, "deploy/local/bootstrap.mjs");

interface Missing {
  what: string;
  remedy: string;
}
interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}
// Plain JavaScript has no types to import; these are what the modules promise.
const { missingTools, distribution } = (await import(`${root}deploy/local/toolchain.mjs`)) as {
  missingTools: (needs: Record<string, boolean>, machine: Record<string, unknown>) => Missing[];
  distribution: (osRelease: string) => string | null;
};
const { isInstalled } = (await import(`${root}deploy/local/prepare.mjs`)) as {
  isInstalled: (folder: string) => boolean;
};
const { countVitest, countCargo, countsLine } = (await import(`${root}deploy/local/tests.mjs`)) as {
  countVitest: (report: unknown) => Counts;
  countCargo: (output: string) => Counts;
  countsLine: (counts: Counts) => string;
};

const { suiteFor } = (await import(`${root}deploy/images/suite.mjs`)) as {
  suiteFor: (glibc: string | undefined) => string;
};

const all = { compiles: true, broker: true, sandbox: true };
const machine = (tools: string[], id: string | null = "debian", rust = "1.95.0"): Record<string, unknown> => ({
  has: (name: string) => tools.includes(name),
  rustVersion: () => rust,
  distribution: id,
});
const everything = ["npm", "cc", "c++", "cargo", "go", "bwrap", "git"];

describe("the check of the toolchain", () => {
  it("finds nothing missing where everything is there, and Docker does instead of Go", () => {
    expect(missingTools(all, machine(everything))).toEqual([]);
    expect(missingTools(all, machine([...everything.filter((name) => name !== "go"), "docker"]))).toEqual([]);
  });

  it.each([
    ["debian", "apt-get install -y bubblewrap"],
    ["fedora", "dnf install -y bubblewrap"],
    ["arch", "pacman -S --needed bubblewrap"],
    ["alpine", "apk add bubblewrap"],
    [null, "install bubblewrap with your package manager"],
  ])("names the command that installs what is missing on %s", (id, remedy) => {
    const missing = missingTools(
      all,
      machine(
        everything.filter((name) => name !== "bwrap"),
        id,
      ),
    );
    expect(missing.map((each) => each.remedy)).toEqual([remedy]);
  });

  it("names all that is missing at once, and a Rust that is too old", () => {
    expect(missingTools(all, machine([])).length).toBe(6);
    expect(missingTools(all, machine(everything, "debian", "1.70.0"))).toEqual([
      { what: "Rust 1.89 or newer (found 1.70.0)", remedy: expect.stringContaining("rustup") },
    ]);
  });

  it("asks for the Rust that the crates ask for, and so does the image that compiles", () => {
    const manifest = readFileSync(join(root, "index-core/Cargo.toml"), "utf8");
    const version = /^rust-version = "1\.(\d+)"$/m.exec(manifest)?.[1];
    const minor = Number(version);
    expect(missingTools(all, machine(everything, "debian", `1.${minor}.0`))).toEqual([]);
    expect(missingTools(all, machine(everything, "debian", `1.${minor - 1}.0`))).toHaveLength(1);
    expect(readFileSync(join(root, "deploy/images/build.Dockerfile"), "utf8")).toContain(`Rust ≥ 1.${minor},`);
  });

  it("asks for a compiler only when something has to be compiled", () => {
    expect(missingTools({ ...all, compiles: false }, machine(["npm", "nats-server", "bwrap", "git"]))).toEqual([]);
  });

  it.each([
    ['ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n', "debian"],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"\n', "fedora"],
    ["NAME=Alpine\nID=alpine\n", "alpine"],
    ["ID=manjaro\nID_LIKE=arch\n", "arch"],
    ["ID=plan9\n", null],
  ])("recognises the distribution of %j", (osRelease, id) => {
    expect(distribution(osRelease)).toBe(id);
  });
});

describe("the Debian of the images", () => {
  it.each([
    ["2.31", "bookworm"],
    ["2.36", "bookworm"],
    ["2.39", "trixie"],
    ["2.41", "trixie"],
  ])("is not older than a machine with glibc %s", (glibc, suite) => {
    expect(suiteFor(glibc)).toBe(suite);
  });

  it("is not guessed for a machine that is newer than those known, or has another C library", () => {
    expect(() => suiteFor("2.42")).toThrow(/glibc 2\.42, and trixie has glibc 2\.41: .*--base/);
    expect(() => suiteFor(undefined)).toThrow(/another C library than glibc/);
  });
});

describe("a program that an image has from its Go module", () => {
  const hasGo = spawnSync("go", ["version"], { stdio: "ignore" }).status === 0;

  it.skipIf(!hasGo)("asks for the Go that its module asks for, so that an older Go fetches it", () => {
    using cache = aFolder();
    const tool = { image: "clock", name: "clock", module: "example.com/acme/clock", version: "1.0.0", go: "1.999.0" };
    const program = `import { goTool } from "./deploy/images/go-tool.mjs"; console.log(goTool(${JSON.stringify(tool)}));`;
    const env = { ...process.env, HINDCAST_CACHE: cache.path, GOTOOLCHAIN: "local" };
    const told = spawnSync("node", ["--input-type=module", "-e", program], { cwd: root, env, encoding: "utf8" });
    expect(told.stderr).toContain("requires go >= 1.999.0");
    expect(told.stdout).toMatch(
      /clock: left out, because example\.com\/acme\/clock@v1\.0\.0 could not be built: .*\nnull\n$/,
    );
  });
});

describe("the check of the installation", () => {
  const lock = {
    packages: {
      "": {},
      shared: {},
      "node_modules/a": { version: "1.0.0", integrity: "x" },
      "node_modules/b": { version: "2.0.0", optional: true },
    },
  };
  const at = (folder: string, installed: unknown): boolean => {
    writeFileSync(join(folder, "package-lock.json"), JSON.stringify(lock));
    if (installed !== null) {
      mkdirSync(join(folder, "node_modules"), { recursive: true });
      writeFileSync(join(folder, "node_modules/.package-lock.json"), JSON.stringify({ packages: installed }));
    }
    return isInstalled(folder);
  };

  it("takes what npm wrote down as installed, without packages for other platforms", () => {
    using folder = aFolder();
    expect(at(folder.path, { "node_modules/a": { version: "1.0.0", integrity: "x" } })).toBe(true);
  });

  it.each([
    ["nothing is installed", null],
    ["a package is missing", {}],
    ["a package has another version", { "node_modules/a": { version: "1.0.1", integrity: "x" } }],
  ])("installs when %s", (_why, installed) => {
    using folder = aFolder();
    expect(at(folder.path, installed)).toBe(false);
  });

  it("holds for this clone", () => {
    expect(isInstalled(root)).toBe(true);
  });
});

describe("the counts of npm test", () => {
  it("add up vitest's tests, and count a file that could not be loaded as a failure", () => {
    const test = (status: string): object => ({ status });
    const report = {
      testResults: [
        { status: "passed", assertionResults: [test("passed"), test("skipped"), test("todo")] },
        { status: "failed", assertionResults: [test("failed"), test("passed")] },
        { status: "failed", assertionResults: [] },
      ],
    };
    expect(countVitest(report)).toEqual({ passed: 2, failed: 2, skipped: 2 });
  });

  it("add up cargo's lines", () => {
    const output =
      "running 3 tests\n...\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured\n\ntest result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured\n";
    expect(countCargo(output)).toEqual({ passed: 4, failed: 2, skipped: 1 });
  });

  it("end as one line", () => {
    expect(countsLine({ passed: 12, failed: 0, skipped: 3 })).toBe("12 passed, 0 failed, 3 skipped");
  });
});

describe("the bootstrap", () => {
  it("names its verbs when it is called wrongly", () => {
    const { status, stderr } = spawnSync(process.execPath, [bootstrap, "frob"], { encoding: "utf8" });
    expect([status, stderr]).toEqual([2, expect.stringContaining("start|test|check|verify|build|bench")]);
  });

  it("explains each benchmark by its own words and runs none", () => {
    const asked = [bootstrap, "bench", "sandbox", "--help"];
    const { status, stdout } = spawnSync(process.execPath, asked, { encoding: "utf8" });
    expect(status).toBe(0);
    expect(stdout).toMatch(/^test\/load\/sandbox\.bench\.ts\n {2}What a sandbox costs[^]*npm run bench -- sandbox /);
  });

  it("says in one go what is missing, and starts nothing", () => {
    using folder = aFolder();
    const env = { PATH: folder.path, HOME: folder.path };
    const { status, stderr } = spawnSync(process.execPath, [bootstrap, "start"], { encoding: "utf8", env });
    expect(status).toBe(1);
    expect(stderr).toMatch(/this machine lacks:/);
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it("is what every script of package.json runs, and has no dependency", () => {
    const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    for (const verb of ["start", "test", "verify", "build", "bench"]) {
      expect(scripts[verb]).toBe(`node deploy/local/bootstrap.mjs ${verb}`);
    }
    const sources = execFileSync("grep", ["-rhoE", 'from "[^"]+"', join(root, "deploy/local")], { encoding: "utf8" });
    expect(
      sources
        .trim()
        .split("\n")
        .filter((line) => !/from "(node:|\.\/)/.test(line)),
    ).toEqual([]);
  });

  it("leaves CI a script that ends with the counts", () => {
    expect(spawnSync("bash", ["-n", join(root, ".ci/run")]).status).toBe(0);
  });
});
