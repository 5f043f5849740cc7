// Requirements: 6.12.verified-types
import { describe, expect, it } from "vitest";
import type { Json } from "../json-value.ts";
import { Normalized, type ReadContext } from "../normalized.ts";
import { typeRegistry } from "./registry.ts";

const frame = { sites: ["gitlab" as const], urls: { gitlab: ["http://git.test:8023"] } };
const types = typeRegistry(frame);

function read(name: string, value: Json, side: ReadContext["side"]): Normalized {
  const type = types.get(name);
  if (type === undefined) throw new Error(name);
  return Normalized.read(type, value, { side });
}

/** Whether an answer is what a task wants; an answer that is none of the type is not. */
function same(name: string, wanted: Json, answer: Json): boolean {
  const task = read(name, wanted, "task");
  try {
    return task.equals(read(name, answer, "answer"));
  } catch {
    return false;
  }
}

const cases: [type: string, wanted: Json, right: Json[], wrong: Json[]][] = [
  ["string", "Buffalo-Niagara", ["buffalo niagara", "“Buffalo–Niagara”.", "BUFFALO NIAGARA!"], ["buffaloniagara", ""]],
  ["string", "Café™", ["cafe", "CAFÉ"], ["caf"]],
  ["string", "^open(ed)?$", ["open", "Opened"], ["reopened", "^open(ed)?$ "]],
  ["string", ["red", "blue"], ["Blue"], ["green", ["red", "blue"]]],
  ["number", 8, [8, "8", "8.0", "eight", "8 ", "08"], [80, "eighty", "", null, "8 apples"]],
  ["number", 2300000, ["2,300,000", "two million three hundred thousand"], ["2.3 million"]],
  ["currency", 10, ["$10.05", 10.1, "10,1", "USD 9.9"], [10.2, "-10", "ten"]],
  ["currency", -5, ["-$5.00", "-5"], [5]],
  ["currency", 0.99, [".99", "$.99", "0,99"], ["99", "99 cents"]],
  ["currency", "$20", ["10% off: $20", "20 for 5%", "20.05"], ["20%", "10% off"]],
  ["number", 0.5, ["point five", ".5", "zero point five"], ["five"]],
  [
    "date",
    "2024-01-15",
    ["Jan 15, 2024", "15 January 2024", "01/15/2024", "2024-01-15T10:00:00Z", "1/15/24", "20240115T100000"],
    ["01/16/2024", "15", "Jan 2024", 20240115],
  ],
  ["month", "May", [5, "05", "may", "2023-05"], [13, "mayo", ""]],
  ["duration", "1h 30min", ["90 minutes", "1:30:00", "1:30 hours", "1.5 hours", "93m"], ["2h", "90", ""]],
  ["distance", "5 km", ["5.1km", "5000 m", "3.1 miles", "5k", "5 km.", "50 hm", "2.7 nmi"], ["5", "5 kg", "6 km"]],
  ["boolean", true, ["yes", 1, "TRUE", "on"], ["no", 0, "maybe", null]],
  [
    "url",
    "__GITLAB__/a/b?x=1",
    ["http://git.test:8023/a/b/?x=1", "http://GIT.test:8023/a/./b?x=1"],
    ["http://git.test:8023/a/b?x=2", "http://else.test/a/b?x=1", "^.*$"],
  ],
  [
    "url",
    "git@__SSH_HOST__:root/metaseq.git",
    ["ssh://git@localhost:2222/root/metaseq.git", "git@h:root/metaseq.git"],
    ["git@h:root/other.git"],
  ],
  [
    "location-name",
    "Carnegie Mellon University",
    ["Carnegie Mellon Univ", "university carnegie mellon"],
    ["University of Pittsburgh", ""],
  ],
  [
    "coordinates",
    { latitude: "40.4424191", longitude: "-79.9397388" },
    [[40.4424191, -79.9397388], "40.4424191, -79.9397388", { lat: 40.44242, lng: -79.93974 }],
    [[40.45, -79.94], "here", [40.4424191]],
  ],
  ["json", '{"b": 1, "a": [1, 2]}', ['{"a":[1,2],"b":1}'], ['{"a":[2,1],"b":1}', "{", { a: 1 }]],
  ["markdown", "# Title\n\n* one\n* two", ["#   Title\n\n\n\n- one\n- two\n"], ["# Title\n\n- one"]],
  ["base64", "^.*MIT License.*$", ["TUlUIExpY2Vuc2U="], ["Tm8gbGljZW5jZQ==", "MIT License"]],
  ["string_list", "632,64,86", ["86, 632,64"], ["632,64"]],
  ["null", null, ["N / A", "none", ""], ["0", 0, false]],
  [
    "full_address",
    { house_number: "5000", street: "Forbes Avenue", city: "Pittsburgh", state: "PA", postcode: "15213" },
    [
      {
        house_number: 5000,
        street: "Forbes Ave",
        city: "pittsburgh",
        state: "Pennsylvania",
        postcode: "15213",
        name: "x",
      },
    ],
    [
      { house_number: "5001", street: "Forbes Ave", city: "Pittsburgh", state: "PA", postcode: "15213" },
      "5000 Forbes Ave",
    ],
  ],
];

describe("types of answers", () => {
  it.each(cases)("%s %j", (type, wanted, right, wrong) => {
    expect(right.filter((answer) => !same(type, wanted, answer))).toEqual([]);
    expect(wrong.filter((answer) => same(type, wanted, answer))).toEqual([]);
  });

  it("refuse what a task may not state", () => {
    expect(() => read("number", "few", "task")).toThrow();
    expect(() => read("url", "http://elsewhere.test/", "task")).toThrow("none of the task's sites");
    expect(() => read("string", ["one"], "task")).toThrow("two or more");
  });
});

describe("an answer", () => {
  it("is never a pattern and never a list of guesses", () => {
    for (const type of ["string", "url", "base64"])
      expect(same(type, type === "url" ? "__GITLAB__/x" : "TUlU", "^.*$")).toBe(false);
    expect(same("number", 7, [1, 2, 3, 4, 5, 6, 7])).toBe(false);
  });
});
