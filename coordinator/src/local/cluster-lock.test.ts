// Requirements: 3.start.again
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { releaseOwnership, removeDead, takeOwnership } from "./cluster-lock.ts";
import { type LocalClusterOptions, startLocalCluster } from "./local-cluster.ts";
import { identityOf } from "./process-identity.ts";

const dead = { pid: process.pid, startTicks: 1 };
const living = identityOf(process.ppid);

it("a command that may start nothing starts nothing, and leaves the data directory to others", async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), "hindcast-lock-"));
  onTestFinished(() => rmSync(dataDirectory, { recursive: true }));
  const options = {
    dataDirectory,
    parts: [],
    mayStart: false,
    onEvent: () => undefined,
  } as Partial<LocalClusterOptions>;
  const started = startLocalCluster(options as LocalClusterOptions, new AbortController().signal);
  await expect(started).rejects.toMatchObject({
    code: "BUS_UNAVAILABLE",
    message: expect.stringContaining("hindcast up"),
  });
  expect(takeOwnership(dataDirectory).isOwner).toBe(true);
});

describe("the ownership of a data directory", () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "hindcast-lock-"));
    path = join(directory, "run", "owner.lock");
    takeOwnership(directory);
  });
  afterEach(() => rmSync(directory, { recursive: true }));
  const lockOf = (owner: unknown): void => writeFileSync(path, JSON.stringify(owner));

  it("is a living process's until it is given up", () => {
    lockOf(living);
    expect(takeOwnership(directory)).toEqual({ isOwner: false, owner: living });
    releaseOwnership(directory);
    expect(takeOwnership(directory).isOwner).toBe(true);
  });

  it("passes on from a dead one, and from a lock that says nothing", () => {
    for (const owner of [dead, "a lock that says nothing"]) {
      lockOf(owner);
      expect(takeOwnership(directory)).toEqual({ isOwner: true, owner: identityOf(process.pid) });
      expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(identityOf(process.pid));
    }
  });

  it("stays with whoever was quicker at taking over a dead one's lock", () => {
    // Seen dead, and taken over by another before it was removed.
    lockOf(living);
    removeDead(path);
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(living);
    lockOf(dead);
    removeDead(path);
    expect(existsSync(path)).toBe(false);
  });
});
