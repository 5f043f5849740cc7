// The guide of deploy/README.md can be followed as it stands, and the nightly backup survives whatever ends it.
// Requirements: 7.1.backup, 7.10.guide
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { metricCatalogue } from "@hindcast/shared/node";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { kubernetesFolder } from "../support/manifests.ts";

const guide = readFileSync(fileURLToPath(new URL("../../deploy/README.md", import.meta.url)), "utf8");
const commands = [...guide.matchAll(/^\$ (.*)$/gm)].map(([, line = ""]) => line);

describe("the guide", () => {
  it("names resources to kubectl in one form only: a type, or type/name", () => {
    const lines = commands.flatMap((line) => line.split("&&")).filter((line) => /kubectl .*rollout restart/.test(line));
    expect(lines.length).toBeGreaterThan(1);
    for (const line of lines) {
      const named = line
        .replace(/^.*rollout restart /, "")
        .trim()
        .split(/\s+/);
      expect(new Set(named.map((each) => each.includes("/"))).size, line).toBe(1);
    }
  });

  it("connects as a user with that user's own password", () => {
    for (const [index, line] of commands.entries()) {
      const user = /HINDCAST_NATS_USER=(\w+)/.exec(line)?.[1];
      const file = /HINDCAST_NATS_PASSWORD_FILE=(\S+)/.exec(line)?.[1];
      if (user === undefined || file === undefined || file.endsWith(`/secrets/${user}`)) continue;
      const written = commands.slice(0, index).findLast((earlier) => earlier.endsWith(`> ${file}`));
      expect(written, line).toContain(`secret bus-${user} `);
    }
  });

  it("gives every command of `nats` the inbox that its user may hear", () => {
    for (const line of commands.filter((each) => each.startsWith("nats --user"))) {
      const user = /--user (\w+)/.exec(line)?.[1];
      expect(line).toContain(`--inbox-prefix _INBOX_${user}`);
    }
  });
});

it("a label of ours is not taken by the operator's own", () => {
  const text = readFileSync(join(kubernetesFolder, "components/monitoring/pod-monitors.yaml"), "utf8");
  const Monitor = z.looseObject({
    spec: z.looseObject({
      podMetricsEndpoints: z.array(
        z.looseObject({
          relabelings: z.array(z.looseObject({ action: z.string().optional(), regex: z.string().optional() })),
        }),
      ),
    }),
  });
  const ours = new Set(Object.values(metricCatalogue).flatMap(({ labels }) => Object.keys(labels)));
  // What generatePodMonitorConfig of the operator gives every target.
  const taken = ["namespace", "pod", "container", "endpoint", "job", "instance"].filter((label) => ours.has(label));
  expect(taken).toContain("endpoint");
  for (const document of parseAllDocuments(text)) {
    for (const { relabelings } of Monitor.parse(document.toJS()).spec.podMetricsEndpoints) {
      const dropped = relabelings.filter(({ action }) => action === "labeldrop").map(({ regex }) => regex);
      expect(dropped).toEqual(taken);
    }
  }
});

describe("the nightly backup", () => {
  const CronJob = z.looseObject({
    spec: z.looseObject({
      jobTemplate: z.looseObject({
        spec: z.looseObject({
          template: z.looseObject({
            spec: z.looseObject({ containers: z.array(z.looseObject({ command: z.array(z.string()) })) }),
          }),
        }),
      }),
    }),
  });
  const manifest = readFileSync(join(kubernetesFolder, "bases/backup/cron-job.yaml"), "utf8");
  const job = CronJob.parse(parseAllDocuments(manifest)[0]?.toJS());
  const script = job.spec.jobTemplate.spec.template.spec.containers[0]?.command.at(-1) ?? "";

  /** Runs the script on a folder in which every step may be the last. @returns whether it came to its end */
  function night(root: string, { nats, diesAt }: { nats: "works" | "fails"; diesAt: number | null }): boolean {
    const folder = join(root, "backup");
    const count = join(root, "count");
    writeFileSync(count, "0");
    const step = (name: string): string =>
      `${name}() { n=$(($(cat ${count})+1)); echo $n > ${count}; if [ "$n" = "${diesAt ?? 0}" ]; then exit 137; fi; command ${name} "$@"; }`;
    const save = nats === "works" ? `mkdir -p ${folder}/next && echo whole > ${folder}/next/all` : "return 1";
    const text = [step("rm"), step("mv"), `nats() { ${save}; }`, script.replaceAll("/backup/", `${folder}/`)].join(
      "\n",
    );
    return spawnSync("sh", ["-ec", text], { stdio: "ignore" }).status === 0;
  }

  const isWhole = (root: string): boolean =>
    ["newest", "previous"].some((name) => existsSync(join(root, "backup", name, "all")));

  it("has a whole backup left wherever it was ended, and whatever the next night brings", () => {
    for (let diesAt = 1; diesAt <= 6; diesAt += 1) {
      const root = mkdtempSync(join(tmpdir(), "hindcast-backup-"));
      onTestFinished(() => rmSync(root, { recursive: true }));
      mkdirSync(join(root, "backup"));
      expect(night(root, { nats: "works", diesAt: null })).toBe(true);
      night(root, { nats: "works", diesAt });
      expect(isWhole(root), `ended at step ${diesAt}`).toBe(true);
      expect(night(root, { nats: "fails", diesAt: null })).toBe(false);
      expect(isWhole(root), `ended at step ${diesAt}, then NATS was away`).toBe(true);
      expect(night(root, { nats: "works", diesAt: null })).toBe(true);
      expect(existsSync(join(root, "backup/newest/all"))).toBe(true);
    }
  });
});
