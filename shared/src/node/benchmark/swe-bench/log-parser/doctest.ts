// doctest's XML report (`-s -r=xml`): a subcase passes when all of its expressions do. Only the tags count.
import type { TestStatuses } from "../test-status.ts";
import type { LogParser } from "./log-parser.ts";

const tag = /<(\/?)(TestCase|SubCase|Expression)\b([^<>]*)>/g;
const attribute = /(?<![A-Za-z_])([A-Za-z_]+)="([^"]*)"/g;
const entities: Record<string, string> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

export const parseDoctest: LogParser = (log) => {
  const statuses: TestStatuses = new Map();
  const start = log.indexOf("<doctest");
  const end = start === -1 ? -1 : log.indexOf("</doctest>", start);
  if (end === -1) return statuses;
  let testCase = "";
  const open: { name: string; isPassing: boolean }[] = [];
  const close = (): void => {
    const subcase = open.pop();
    if (subcase === undefined) return;
    statuses.set(`${testCase} > ${subcase.name}`, subcase.isPassing ? "PASSED" : "FAILED");
    // What fails in a subcase fails in those around it.
    const outer = open.at(-1);
    if (outer !== undefined && !subcase.isPassing) outer.isPassing = false;
  };
  for (const [, slash, name, rest = ""] of log.slice(start, end).matchAll(tag)) {
    const attributes = Object.fromEntries([...rest.matchAll(attribute)].map(([, key, value]) => [key, decoded(value)]));
    if (slash === "/") {
      if (name === "SubCase") close();
    } else if (name === "TestCase") testCase = attributes["name"] ?? "";
    else if (name === "SubCase") {
      open.push({ name: attributes["name"] ?? "", isPassing: true });
      if (rest.endsWith("/")) close();
    } else if (attributes["success"] !== "true") {
      const inside = open.at(-1);
      if (inside !== undefined) inside.isPassing = false;
    }
  }
  return statuses;
};

function decoded(text = ""): string {
  return text.replaceAll(/&(lt|gt|amp|quot|apos);/g, (whole, name: string) => entities[name] ?? whole);
}
