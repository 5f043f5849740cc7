// Requirements: 6.9.loader, 6.9.predictions
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { afterAll, describe, expect, it } from "vitest";
import { pythonEnvironment, readEnvironmentPins } from "./environment-pins.ts";
import { readPredictions, writePredictions } from "./predictions.ts";
import { readSweBenchInstances } from "./read-instances.ts";

const folder = mkdtempSync(join(tmpdir(), "hindcast-swe-"));
afterAll(() => rmSync(folder, { recursive: true }));

const row = {
  repo: "o/r",
  instance_id: "o__r-1",
  base_commit: "a".repeat(40),
  patch: "diff",
  test_patch: "diff",
  problem_statement: "It is broken.",
  version: "1.0",
  FAIL_TO_PASS: ["t::a", 't::b["x"]'],
  PASS_TO_PASS: [] as string[],
  eval_script: "true",
  log_parser: "parse_log_pytest",
  eval_type: "pass_and_fail",
};

function file(name: string, bytes: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}
const lines = (...rows: object[]): string => rows.map((each) => `${JSON.stringify(each)}\n`).join("");

describe("instance files", () => {
  const strings = { ...row, FAIL_TO_PASS: JSON.stringify(row.FAIL_TO_PASS), PASS_TO_PASS: "[]" };

  it("are read alike as JSON Lines, gzipped and Parquet, with lists or with JSON strings of lists", async () => {
    const columns = Object.entries(strings).map(([name, value]) => ({ name, data: [value], type: "STRING" as const }));
    const parquet = new Uint8Array(parquetWriteBuffer({ columnData: columns }));
    const files = [
      file("a.jsonl", lines(row)),
      file("b.jsonl", `\n${lines(strings)}\n`),
      file("c.jsonl.gz", gzipSync(lines(row))),
      file("d.parquet", parquet),
    ];
    for (const path of files) expect(await readSweBenchInstances(path)).toEqual([expect.objectContaining(row)]);
  });

  it.each([
    ["no JSON", `${lines(row)}{"repo": `, /bad\.jsonl line 2 is no JSON/],
    ["a missing field", lines({ ...row, base_commit: undefined }), /line 1: field "base_commit"/],
    [
      "a list that is none",
      lines({ ...row, PASS_TO_PASS: "t::a" }),
      /field "PASS_TO_PASS": is text that is no JSON list/,
    ],
    ["a repository that steps out", lines({ ...row, repo: "../x/y" }), /field "repo": must read "owner\/name"/],
    ["an id that comes twice", lines(row, row), /line 2: field "instance_id": o__r-1 stands at .*line 1 already/],
    ["an unknown parser", lines({ ...row, log_parser: "parse_log_cobol" }), /there is no parser "parse_log_cobol"/],
    ["bytes of something else", Buffer.from([0xff, 0xfe, 0x00]), /neither Parquet nor gzip nor UTF-8/],
    ["half a gzip", gzipSync(lines(row)).subarray(0, 40), /cannot be unpacked/],
    ["a broken Parquet", "PAR1 nothing", /no readable Parquet/],
  ])("with %s say where and what", async (_, bytes, message) => {
    await expect(readSweBenchInstances(file("bad.jsonl", bytes))).rejects.toThrow(message);
  });

  it("that are not there are named", async () => {
    await expect(readSweBenchInstances(join(folder, "none.jsonl"))).rejects.toThrow(/none\.jsonl cannot be read/);
  });
});

describe("prediction files", () => {
  const predictions = [
    { instance_id: "b", model_name_or_path: "m", model_patch: "diff" },
    { instance_id: "a", model_name_or_path: "m", model_patch: null },
  ];

  it("are written sorted and read back", async () => {
    const path = join(folder, "predictions.jsonl");
    await writePredictions(path, predictions);
    expect(await readPredictions(path)).toEqual(predictions.toReversed());
  });

  it("of other harnesses are read: a list, an object by instance", async () => {
    const byInstance = Object.fromEntries(predictions.map((each) => [each.instance_id, each]));
    expect(await readPredictions(file("list.json", JSON.stringify(predictions)))).toEqual(predictions);
    expect(await readPredictions(file("object.json", JSON.stringify(byInstance)))).toEqual(predictions);
  });

  it("with a field missing or an instance twice say where", async () => {
    await expect(readPredictions(file("p.jsonl", lines({ instance_id: "a" })))).rejects.toThrow(
      /p\.jsonl line 1: field "model_name_or_path"/,
    );
    const twice = lines(...predictions, ...predictions);
    await expect(readPredictions(file("p.jsonl", twice))).rejects.toThrow(/line 3: field "instance_id": b stands at/);
  });
});

describe("pins", () => {
  const usual = ["flit-core==3.9.0", "packaging==24.0", "pyparsing==3.0.9", "setuptools-scm==6.4.2", "tomli==1.2.3"];

  it("name an environment by what is in it, with conda's names as PyPI has them", () => {
    const pins = {
      python: "3.9.20",
      pip: ["numpy==1.19.2", "pytest==7.4.0"],
      conda_python_packages: { "brotli-python": "1.0", pytest: "7.0", "numpy-base": "1.19.2", wheel: "0.44.0" },
    };
    const environment = pythonEnvironment(pins);
    expect(environment).toEqual({
      key: environment.key,
      python: "3.9",
      packages: ["numpy==1.19.5", "pytest==7.4.0"],
      optionalPackages: ["brotli==1.0", ...usual, "wheel==0.44.0"],
    });
    expect(pythonEnvironment({ ...pins, pip: pins.pip.toReversed(), python: "3.9.1" }).key).toBe(environment.key);
    expect(pythonEnvironment({ ...pins, python: "3.8.1" }).key).not.toBe(environment.key);
  });

  it("that pip would read as an option are refused", async () => {
    const pins = { instance_id: "a", python: "3.9", pip: ["--index-url=http://x"] };
    await expect(readEnvironmentPins(file("pins.jsonl", lines(pins)))).rejects.toThrow(
      /line 1: field "pip.0": must read "name==version"/,
    );
  });

  it("have the parts of packages that were left out, at one version or the package's own, unless they are pinned", async () => {
    const conda = { boto3: "1.35.88", h2: "4.1.0", jsonschema: "4.23.0", attrs: "23.1.0" };
    const pins = { instance_id: "o__r-1", python: "3.10.15", pip: [], conda_python_packages: conda };
    const read = await readEnvironmentPins(file("parts.jsonl", lines(pins)));
    const found = read.find({ instance_id: "o__r-1", repo: "o/r", version: "1.0" })?.environment;
    expect(found?.packages).toEqual(["botocore==1.35.88", "hpack==4.0.0"]);
  });

  it("have what a build would fetch, unless the pins name another version of it", async () => {
    const pins = { instance_id: "astropy__astropy-1", python: "3.6.13", pip: ["Cython==0.29.22"] };
    const plain = { ...pins, instance_id: "o__r-1" };
    const read = await readEnvironmentPins(file("build.jsonl", lines(pins, plain)));
    const astropy = { instance_id: pins.instance_id, repo: "o/r", version: "1.0" };
    const own = ["extension-helpers==1.1.1", "jinja2==3.0.3", "markupsafe==2.0.1"];
    // The newest that Python 3.6 has.
    const its = usual.map((each) => each.replace("packaging==24.0", "packaging==21.3"));
    expect(read.find(astropy)?.environment.optionalPackages).toEqual([...its, ...own].toSorted());
    expect(read.find({ ...astropy, instance_id: "o__r-1" })?.environment.optionalPackages).toEqual(its);
  });
});
