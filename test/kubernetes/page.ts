// test/KUBERNETES.md: a section for each part of the proof. A part that was run alone replaces its own, and leaves the others.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import type { ResultRows } from "../support/result-rows.ts";
import type { Section } from "./section.ts";

const page = new URL("../KUBERNETES.md", import.meta.url);
const head =
  "# On a real cluster\n\nBy `npm run test:kubernetes -- --publish`, part by part, on a cluster of one node; models are offline rules where nothing else is said.\n";
const heading = "\n## ";

export function publish(section: Section, rows: ResultRows, how: string): void {
  const [, ...parts] = existsSync(page) ? readFileSync(page, "utf8").split(heading) : [];
  const made = `${section.title}\n\n${how}. ${section.intro}\n\n${rows.markdown()}`;
  const at = parts.findIndex((part) => part.startsWith(`${section.title}\n`));
  if (at === -1) parts.push(made);
  else parts[at] = made;
  writeFileSync(page, `${[head.trimEnd(), ...parts.map((part) => part.trimEnd())].join(`\n${heading}`)}\n`);
}
