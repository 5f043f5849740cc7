// The README's example runs, and prints what it says.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ErrorCode } from "@hindcast/shared";
import { expect, onTestFinished, test } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));
const readme = readFileSync(join(root, "README.md"), "utf8");

test("the README's example runs in a project that depends on the package", () => {
  const example = /^```ts\n(.*?)^```$/ms.exec(readme)?.[1] ?? "";
  const [, printed] = /^console\.log.*; \/\/ (.*)$/m.exec(example) ?? [];
  const folder = mkdtempSync(join(tmpdir(), "index-readme-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "node_modules", "@hindcast"), { recursive: true });
  symlinkSync(root, join(folder, "node_modules", "@hindcast", "index-core"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const more = `console.log((await Collection.open({ ...{ embedder: "my-model", field: "instruction", dimensions: 3 },
    columns: ["task"], numbers: ["length"], folder: "vectors" })).sequence);`;
  writeFileSync(join(folder, "example.ts"), `${example}\nawait collection.close();\n${more}`);
  const output = execFileSync(process.execPath, ["--conditions=source", "example.ts"], {
    cwd: folder,
    encoding: "utf8",
  });
  expect(output).toBe(`${printed}\n3\n`);
});

test("every code of the index has its remedy, but overload, which only the service knows", () => {
  const codes = ErrorCode.options.filter((code) => code.startsWith("INDEX_") && code !== "INDEX_OVERLOADED");
  for (const code of codes) expect(readme).toMatch(new RegExp(`^\\| \`${code}\` +\\| .+ \\| .+ \\|$`, "m"));
});
