// Requirements: 6.9.isolated-fetch
// What the clients of package registries are told inside, read from settings as operators have them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { cargoRegistries } from "../../rollout-agent/src/environment/swe-bench/registries/cargo-registries.ts";
import { mavenRegistries } from "../../rollout-agent/src/environment/swe-bench/registries/maven-registries.ts";
import { tokensIn } from "../../rollout-agent/src/environment/swe-bench/registries/npm-registries.ts";
import { pipRegistries } from "../../rollout-agent/src/environment/swe-bench/registries/pip-registries.ts";
import { registryAccess } from "../../rollout-agent/src/environment/swe-bench/registries/registry-access.ts";
import {
  basic,
  type HostSettings,
  type RegistryClient,
} from "../../rollout-agent/src/environment/swe-bench/registries/registry-client.ts";

const never = new AbortController().signal;
const nobody: readonly [] = [];

function aHost(files: Readonly<Record<string, string>>, environment: Record<string, string> = {}): HostSettings {
  const home = mkdtempSync(join(tmpdir(), "hindcast-home-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(home, path)), { recursive: true });
    writeFileSync(join(home, path), text);
  }
  return { home, environment };
}

/** All that goes inside. */
const told = ({ urls, variables, files, script = "" }: RegistryClient): string =>
  JSON.stringify({ urls, variables, files, script });

describe("settings of", () => {
  it("pip name its indexes; names and passwords in their addresses stay outside", () => {
    const host = aHost(
      {
        ".config/pip/pip.conf":
          "[global]\nindex-url = https://ci:pass%20word@pypi.company.example/simple\nextra-index-url =\n  https://a.example/simple\n  https://b.example/simple\n",
        ".netrc": "machine a.example login ann password netrc-word\n",
      },
      { PIP_FIND_LINKS: "/usr /nonexistent" },
    );
    const client = pipRegistries(host);
    expect(client.urls).toEqual([
      "https://pypi.company.example/simple",
      "https://a.example/simple",
      "https://b.example/simple",
    ]);
    expect(client.mounts).toEqual([{ source: "/usr", target: "/opt/testbed/packages/0" }]);
    expect(client.credentials.get("pypi.company.example")).toEqual(basic("ci", "pass word"));
    expect(client.credentials.get("a.example")).toEqual(basic("ann", "netrc-word"));
    expect(told(client)).not.toMatch(/pass|word|ci:/);
  });

  it("pip without any mean PyPI and the host of its files, variables come before files", () => {
    expect(pipRegistries(aHost({})).urls).toEqual(["https://pypi.org/simple", "https://files.pythonhosted.org/"]);
    const files = { ".pip/pip.conf": "[global]\nindex-url = https://file.example/\n" };
    expect(pipRegistries(aHost(files, { PIP_INDEX_URL: "https://variable.example/" })).urls).toEqual([
      "https://variable.example/",
    ]);
  });

  it("npm hold tokens, which are found by host in each of their forms", () => {
    const text = `//a.example/:_authToken=\${TOKEN}
//b.example:8443/npm/:_auth = "dTpw"
//c.example/:username=ann
//c.example/:_password=cHc=
registry=https://a.example/
`;
    expect([...tokensIn(text, { TOKEN: "t0ken" })]).toEqual([
      ["a.example", { scheme: "Bearer", secret: "t0ken" }],
      ["b.example", { scheme: "Basic", secret: "dTpw" }],
      ["c.example", basic("ann", "pw")],
    ]);
  });

  it("Cargo replace crates.io, and tokens stay outside; what git would fetch is refused", () => {
    const config = `[source.crates-io]
replace-with = "mirror"
[source.mirror]
registry = "sparse+https://crates.example/index/"
[registries.own]
index = "sparse+https://own.example/"
`;
    const host = aHost({
      ".cargo/config.toml": config,
      ".cargo/credentials.toml": '[registries.own]\ntoken = "cargo-word"\n',
    });
    const client = cargoRegistries(host);
    expect(client.urls).toEqual(["https://crates.example/index/", "https://own.example/"]);
    expect([...client.credentials]).toEqual([["own.example", { scheme: "", secret: "cargo-word" }]]);
    expect(told(client)).not.toContain("cargo-word");
    expect(cargoRegistries(aHost({})).urls).toEqual(["https://index.crates.io/", "https://static.crates.io/"]);
    const byGit = config.replace("sparse+https://crates.example/index/", "https://crates.example/index.git");
    expect(() => cargoRegistries(aHost({ ".cargo/config.toml": byGit }))).toThrow(
      /Cargo's registry mirror is "https:\/\/crates\.example\/index\.git": a sandbox asks sparse registries/,
    );
  });

  it("Maven name mirrors, and the servers' passwords stay outside; encrypted ones are refused", () => {
    const settings = (password: string): string => `<settings>
  <servers><server><id>company</id><username>ci</username><password>${password}</password></server></servers>
  <mirrors><!-- <mirror><id>old</id></mirror> -->
    <mirror><id>company</id><mirrorOf>*</mirrorOf><url>https://maven.example/all?a=1&amp;b=2</url></mirror></mirrors>
</settings>`;
    const client = mavenRegistries(aHost({ ".m2/settings.xml": settings("p&amp;w") }));
    expect(client.urls).toEqual(["https://maven.example/all?a=1&b=2"]);
    expect(client.credentials.get("maven.example")).toEqual(basic("ci", "p&w"));
    expect(told(client)).toContain("<mirrorOf>*</mirrorOf><url>https://maven.example/all?a=1&amp;b=2</url>");
    expect(told(client)).not.toMatch(/p&|ci</);
    expect(mavenRegistries(aHost({})).urls).toEqual(["https://repo.maven.apache.org/maven2"]);
    expect(() => mavenRegistries(aHost({ ".m2/settings.xml": settings("{abc=}") }))).toThrow(
      /Maven's server company proves itself by other means than a name and a plain password/,
    );
  });
});

describe("the way to registries", () => {
  const client = (urls: readonly string[], secret: string | null = null): RegistryClient => ({
    urls,
    variables: {},
    files: {},
    credentials: new Map(secret === null ? nobody : [["r.example", { scheme: "Bearer", secret }]]),
  });

  it("is for reading, and leads to a private address where this machine's own names do", async () => {
    const resolve = (host: string): Promise<string[]> =>
      Promise.resolve([host === "r.example" ? "10.1.2.3" : "1.1.1.1"]);
    const { network } = await registryAccess(client(["https://r.example/a", "http://s.example:8081/"]), never, resolve);
    expect(network).toMatchObject({
      rules: [
        { via: "https", host: "r.example", ports: [443], methods: ["GET", "HEAD"], address: "10.1.2.3" },
        { via: "http", host: "s.example", ports: [8081], methods: ["GET", "HEAD"], address: null },
      ],
    });
  });

  it.each([
    [client(["http://127.0.0.1:3141/"]), /http:\/\/127\.0\.0\.1:3141 is named by an address of its own machine/],
    [client(["http://localhost:4873/"]), /http:\/\/localhost:4873 is named by an address/],
    [
      client(["http://r.example/"], "word"),
      /http:\/\/r\.example is asked without TLS, and the settings have a password/,
    ],
    [client(["https://r.example/"], "wörd"), /for the registry r\.example is empty or not printable ASCII/],
  ])("is not there where it cannot be had safely, which is told", async (unsafe, message) => {
    await expect(registryAccess(unsafe, never, () => Promise.resolve(nobody as unknown as string[]))).rejects.toThrow(
      message,
    );
  });
});
