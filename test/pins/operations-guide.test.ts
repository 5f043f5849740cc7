// The guide of deploy/README.md can be followed as it stands, and the nightly backup survives whatever ends it.
// Requirements: 7.1.backup, 7.10.guide
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { metricCatalogue } from "@hindcast/shared/node";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { imageCommand } from "../../coordinator/src/cli/image.ts";
import { preflightCommand } from "../../coordinator/src/cli/preflight.ts";
import { runCommand } from "../../coordinator/src/cli/run.ts";
import { upCommand } from "../../coordinator/src/cli/up.ts";
import { backupScript } from "../support/backup-scripts.ts";
import { guideBlock, withoutKeda } from "../kubernetes/guide.ts";
import { kubectlMissing, kubernetesFolder, type Manifest, render, workloadsOf } from "../support/manifests.ts";

const guide = readFileSync(fileURLToPath(new URL("../../deploy/README.md", import.meta.url)), "utf8");
const commands = [...guide.matchAll(/^\$ (.*)$/gm)].map(([, line = ""]) => line);
const root = fileURLToPath(new URL("../../", import.meta.url));
const Package = z.looseObject({ scripts: z.record(z.string(), z.string()) });

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

  it("names files, scripts, verbs and flags that are there", () => {
    const names = commands.flatMap((line) => line.match(/\bdeploy\/[\w./-]+/g) ?? []);
    expect(names.length).toBeGreaterThan(10);
    // Compose's secrets are made by a command of the guide.
    const made = names.filter((name) => name.startsWith("deploy/compose/secrets"));
    for (const name of names.filter((each) => !made.includes(each)))
      expect(existsSync(join(root, name)), name).toBe(true);
    const { scripts } = Package.parse(JSON.parse(readFileSync(join(root, "package.json"), "utf8")));
    for (const [, script = ""] of guide.matchAll(/\bnpm run ([\w:]+)/g)) expect(Object.keys(scripts)).toContain(script);
    const known = [runCommand(), preflightCommand(), upCommand(), imageCommand()];
    const called = commands.flatMap((line) => /npx hindcast ([^#]*)/.exec(line)?.[1] ?? []);
    expect(called.length).toBeGreaterThan(5);
    for (const line of called) {
      const [first, second] = line.split(" ");
      const command = known.find((each) => each.name() === first);
      const options = (command?.commands.find((each) => each.name() === second) ?? command)?.options ?? [];
      expect(command, line).toBeDefined();
      for (const flag of line.match(/--[a-z-]+/g) ?? []) {
        expect(
          options.map(({ long }) => long),
          line,
        ).toContain(flag);
      }
    }
  });

  it.skipIf(kubectlMissing() !== null)("names objects and labels that `production` has", async () => {
    const manifests = await render("production");
    const credentials = parseAllDocuments(execFileSync(join(kubernetesFolder, "credentials.sh"), { encoding: "utf8" }));
    const all = [...manifests, ...credentials.flatMap((document) => (document.toJS() as Manifest | null) ?? [])];
    const known = new Set(all.map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`));
    // Made by commands of the guide, or by the controller of the StatefulSet.
    for (const name of ["job/restore", "job/backup-now", "secret/model-keys"]) known.add(name);
    const kinds = "statefulset|deployment|cronjob|scaledobject|job|svc|secret";
    const named = commands
      .flatMap((line) => line.split(/&&|\|/))
      .filter((part) => part.includes("kubectl"))
      .flatMap((part) => [...part.matchAll(new RegExp(`\\b(${kinds})(?:/| (?:generic )?)([a-z][a-z0-9-]*)`, "g"))])
      .map(([, kind = "", name = ""]) => `${kind === "svc" ? "service" : kind}/${name}`);
    expect(named.length).toBeGreaterThan(15);
    for (const name of named) expect([...known], name).toContain(name);
    const labels = commands.flatMap((line) => line.match(/(?<= -l )[\w./-]+=[\w-]+/g) ?? []);
    expect(labels.length).toBeGreaterThan(3);
    for (const label of labels) {
      const [key = "", value = ""] = label.split("=");
      expect(
        workloadsOf(manifests).some((workload) => workload.labels[key] === value),
        label,
      ).toBe(true);
    }
  });

  it("gives what a test follows in its place", () => {
    expect(guideBlock("Rotate credentials", "credentials.sh").at(-1)).toMatch(/hindcast-agents rollout restart/);
    const heading = "Back up and restore";
    const stop = withoutKeda(guideBlock(heading, "paused-replicas=0"));
    expect(stop[0]).toBe("kubectl -n hindcast-agents scale deployment --all --replicas=0");
    const back = withoutKeda(guideBlock(heading, "--from=cronjob/restore"));
    expect(back.join("\n")).not.toContain("scaledobject");
    expect(back.findIndex((line) => line.includes("apply -k"))).toBe(back.length - 1);
    expect(guideBlock(heading, "delete pvc")).toHaveLength(3);
    expect(() => guideBlock(heading, "no such words")).toThrow(/no block says/);
  });

  it("writes passwords and archives where neither git nor a builder of images takes them along", () => {
    const written = commands.flatMap((line) => line.match(/(?<=(?:>|-o|--output) )[\w.-]+(?=\s|$)/g) ?? []);
    expect(new Set(written)).toEqual(
      new Set(["password", "ca.crt", "coordinator-password", "image.tar", "images.tar"]),
    );
    const lines = (path: string): string[] => readFileSync(join(root, path), "utf8").split("\n");
    for (const name of written) {
      expect(lines(".gitignore")).toContain(`/${name}`);
      expect(lines("deploy/images/build.Dockerfile.dockerignore")).toContain(name);
    }
  });

  it("gives every command of `nats` the inbox that its user may hear", () => {
    for (const line of commands.filter((each) => each.startsWith("nats "))) {
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
  /** Runs the script on a folder in which every step may be the last. @returns whether it came to its end */
  function night(root: string, { nats, diesAt }: { nats: "works" | "fails"; diesAt: number | null }): boolean {
    const folder = join(root, "backup");
    const count = join(root, "count");
    writeFileSync(count, "0");
    const step = (name: string): string =>
      `${name}() { n=$(($(cat ${count})+1)); echo $n > ${count}; if [ "$n" = "${diesAt ?? 0}" ]; then exit 137; fi; command ${name} "$@"; }`;
    const save = nats === "works" ? `mkdir -p ${folder}/next && echo whole > ${folder}/next/all` : "return 1";
    const script = backupScript("cron-job.yaml", folder, root);
    const text = [step("rm"), step("mv"), `nats() { ${save}; }`, script].join("\n");
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
