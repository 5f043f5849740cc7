// Where the native library is looked for, and that one of other sources is refused.
// Requirements: 4.1.packages
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { loadNative, loadNativeFrom, nativeTarget } from "./load-native.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const target = nativeTarget();
const file = `native.${target}.node`;
const platformPackage = `@hindcast/index-core-${target}`;
const { version, napi } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  version: string;
  napi: { targets: string[] };
};

/** A package folder of that version; returned as path and as URL. */
function aPackage(ofVersion = version): { path: string; url: URL } {
  const path = mkdtempSync(join(tmpdir(), "index-package-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  writeFileSync(join(path, "package.json"), JSON.stringify({ name: "@hindcast/index-core", version: ofVersion }));
  return { path, url: pathToFileURL(`${path}/`) };
}

/** Installs the platform package, with an entry of `source` instead of the library if given. */
function install(path: string, source?: string): void {
  const folder = join(path, "node_modules", platformPackage);
  mkdirSync(folder, { recursive: true });
  cpSync(join(root, "npm", target, "package.json"), join(folder, "package.json"));
  if (source === undefined) symlinkSync(join(root, file), join(folder, file));
  else writeFileSync(join(folder, "package.json"), JSON.stringify({ name: platformPackage, main: "entry.cjs" }));
  if (source !== undefined) writeFileSync(join(folder, "entry.cjs"), source);
}

const notReady = (...parts: string[]): object => ({
  code: "INDEX_NOT_READY",
  boundary: "index",
  message: expect.stringMatching(new RegExp(parts.map((part) => RegExp.escape(part)).join(".*"), "s")) as string,
});

test("the library of the sources loads, and says their version", () => {
  expect(loadNative().libraryVersion()).toBe(version);
});

test("without a build, the package of the platform is used", () => {
  const { path, url } = aPackage();
  install(path);
  expect(loadNativeFrom(url).libraryVersion()).toBe(version);
});

test("a local build comes before the package", () => {
  const { path, url } = aPackage();
  symlinkSync(join(root, file), join(path, file));
  install(path, "throw new Error('the package was loaded')");
  expect(loadNativeFrom(url).libraryVersion()).toBe(version);
});

test("with neither, the error names both remedies", () => {
  const { url } = aPackage();
  expect(() => loadNativeFrom(url)).toThrow(
    expect.objectContaining(notReady(file, "npm run build -w index-core", "install that package")),
  );
});

test("a build of another version of the sources is refused, and so is such a package", () => {
  const { path, url } = aPackage("9.8.7");
  install(path);
  expect(() => loadNativeFrom(url)).toThrow(
    expect.objectContaining(notReady(version, "9.8.7", `install ${platformPackage}@9.8.7`)),
  );
  symlinkSync(join(root, file), join(path, file));
  expect(() => loadNativeFrom(url)).toThrow(
    expect.objectContaining(notReady(version, "9.8.7", "npm run build -w index-core")),
  );
});

test("a library from before versions were compared is refused", () => {
  const { path, url } = aPackage();
  install(path, "module.exports = { openIndex() {} }");
  expect(() => loadNativeFrom(url)).toThrow(expect.objectContaining(notReady(platformPackage, version)));
});

test("a file that is no library, and a package that throws, are errors that say why", () => {
  const { path, url } = aPackage();
  install(path, "throw new Error('broken on purpose')");
  expect(() => loadNativeFrom(url)).toThrow(expect.objectContaining(notReady("broken on purpose", "install")));
  writeFileSync(join(path, file), "no library");
  expect(() => loadNativeFrom(url)).toThrow(expect.objectContaining(notReady(file, "does not load", "npm run build")));
});

test("there is a package of this version for every target, and this platform is one", () => {
  const folders = readdirSync(join(root, "npm")).toSorted();
  expect(folders).toHaveLength(napi.targets.length);
  expect(folders).toContain(target);
  for (const folder of folders) {
    const manifest = JSON.parse(readFileSync(join(root, "npm", folder, "package.json"), "utf8")) as object;
    const [platform, cpu, abi] = folder.split("-");
    expect(manifest).toMatchObject({
      name: `@hindcast/index-core-${folder}`,
      version,
      main: `native.${folder}.node`,
      files: [`native.${folder}.node`],
      os: [platform],
      cpu: [cpu],
      ...(platform === "linux" ? { libc: [abi === "gnu" ? "glibc" : "musl"] } : {}),
    });
    expect(manifest).not.toHaveProperty("scripts");
  }
});

test("nothing is run at installation, and what is not published yet is not asked for", () => {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object };
  expect(manifest.scripts).not.toHaveProperty("install");
  expect(manifest.scripts).not.toHaveProperty("postinstall");
  expect(manifest).not.toHaveProperty("optionalDependencies");
});

test("the crate, from which the library takes its version, has that of the package", () => {
  expect(readFileSync(join(root, "Cargo.toml"), "utf8")).toContain(`\nversion = "${version}"\n`);
});
