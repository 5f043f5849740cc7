// Requirements: 7.2.pods
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createPods } from "./kubernetes-driver.ts";

it("looks at the kubeconfig again once it was corrected", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hindcast-pods-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const kubeconfig = join(folder, "config");
  const pods = createPods({
    kubeconfig,
    namespace: "n",
    repository: "r",
    imageHash: "0".repeat(64),
    guestPath: process.execPath,
    seccompProfile: null,
    log: { debug: () => undefined, info: () => undefined, warn: () => undefined } as never,
  });
  expect((await pods.problems()).join(" ")).toContain("cannot be read");
  const config = {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "c",
    clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
    users: [{ name: "u", user: {} }],
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
  };
  writeFileSync(kubeconfig, JSON.stringify(config));
  expect((await pods.problems()).join(" ")).toContain("ECONNREFUSED");
});
