// What the driver says to a daemon that is asked for a runtime, and what it says where that is not there. The daemon is a
// server that answers as Docker's does; containers themselves are in test/conformance.
// Requirements: 6.3.container
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { afterEach, describe, expect, it } from "vitest";
import type { SandboxProvider } from "../sandbox.ts";
import { createContainers } from "./container-driver.ts";

const never = new AbortController().signal;
const options = { id: "ep-kata", limits: { memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 22, processesMax: 32 } };
let cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup();
  cleanups = [];
});

interface Asked {
  Cmd: string[];
  User: string;
  HostConfig: { Runtime?: string; CapDrop: string[]; CapAdd?: string[] };
}

/** Knows these runtimes, has every image, and starts nothing. */
async function aDaemon(
  runtimes: Record<string, object>,
  runtime: string,
): Promise<{ provider: SandboxProvider; asked: Asked[]; socketPath: string }> {
  const folder = await mkdtemp(join(tmpdir(), "hindcast-daemon-"));
  cleanups.push(() => rm(folder, { recursive: true }));
  const socketPath = join(folder, "docker.sock");
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const answer = (status: number, body: object): unknown => response.writeHead(status).end(JSON.stringify(body));
    if (request.url === "/info")
      return answer(200, { Runtimes: runtimes, DefaultRuntime: "runc", SecurityOptions: [] });
    if (request.url?.startsWith("/images/") === true) return answer(200, {});
    void json(request).then(
      (body) => (asked.push(body as Asked), answer(500, { message: "kata: no /dev/kvm here" })),
      (error: unknown) => answer(400, { message: String(error) }),
    );
    return response;
  });
  server.listen(socketPath);
  await once(server, "listening");
  cleanups.push(() => server.close());
  const image = { kind: "root", path: "/", hash: "0".repeat(64) } as const;
  const log = { debug: (): void => undefined };
  const provider = createContainers({ socketPath, guestPath: process.execPath, runtime, image, log });
  return { provider, asked, socketPath };
}

describe("an image", () => {
  it("that somebody removed from the daemon is imported again, once", async () => {
    const folder = await mkdtemp(join(tmpdir(), "hindcast-daemon-"));
    cleanups.push(() => rm(folder, { recursive: true }));
    const root = join(folder, "root");
    await mkdir(root);
    const socketPath = join(folder, "docker.sock");
    const said: string[] = [];
    const server = createServer((request, response) => {
      const path = request.url?.replace(/\?.*/, "") ?? "";
      said.push(`${request.method} ${path.replace("0".repeat(32), "HASH")}`);
      request.resume().on("end", () => {
        if (path === "/info") return response.end(JSON.stringify({ Runtimes: {}, SecurityOptions: [] }));
        // There at first, and never again.
        const isMissing = path === "/containers/create" || (path.endsWith("/json") && said.length > 2);
        return response.writeHead(isMissing ? 404 : 200).end("{}");
      });
    });
    server.listen(socketPath);
    await once(server, "listening");
    cleanups.push(() => server.close());
    const image = { kind: "root", path: root, hash: "0".repeat(64) } as const;
    const log = { debug: (): void => undefined };
    const provider = createContainers({ socketPath, guestPath: process.execPath, image, log });
    await expect(provider.open(options, never)).rejects.toThrow(/no image right after it was imported/);
    expect(said).toEqual([
      "GET /info",
      "GET /images/hindcast-image:HASH/json",
      "POST /containers/create",
      "GET /images/hindcast-image:HASH/json",
      "POST /images/create",
      "POST /images/hindcast-image:HASH-draft/tag",
      "DELETE /images/hindcast-image:HASH-draft",
      "POST /containers/create",
    ]);
  });
});

describe("a runtime of containers", () => {
  it("that the daemon does not know is a problem with its remedy, and opens nothing", async () => {
    const { provider, asked, socketPath } = await aDaemon({ runc: { path: "runc" } }, "kata");
    const [problem = "", ...more] = await provider.problems();
    expect(more).toEqual([]);
    expect(problem.startsWith(`Docker at ${socketPath} knows no runtime "kata" (it has: runc): install Kata`)).toBe(
      true,
    );
    expect(problem).toMatch(/needs \/dev\/kvm, and add \{"runtimes": .*io\.containerd\.kata\.v2.* to daemon\.json\.$/);
    await expect(provider.open(options, never)).rejects.toMatchObject({
      code: "SANDBOX_UNAVAILABLE",
      message: problem,
    });
    expect(asked).toEqual([]);
    const { provider: another } = await aDaemon({ runc: { path: "runc" } }, "mine");
    expect(await another.problems()).toEqual([
      expect.stringMatching(/"mine" \(it has: runc\): add it to daemon\.json\.$/),
    ]);
  });

  it("that has a kernel of its own gets what runc gets, and its refusal is told as it is", async () => {
    const { provider, asked } = await aDaemon({ kata: { runtimeType: "io.containerd.kata.v2" } }, "kata");
    await expect(provider.open(options, never)).rejects.toMatchObject({
      code: "SANDBOX_UNAVAILABLE",
      message: expect.stringContaining("no /dev/kvm here") as string,
    });
    expect(asked).toMatchObject([
      { Cmd: ["ep-kata", "--container"], HostConfig: { Runtime: "kata", CapDrop: ["ALL"] } },
    ]);
    expect(asked[0]?.HostConfig.CapAdd).toBeUndefined();
    expect(asked[0]?.User).not.toMatch(/^0:/);
  });

  it("is gVisor's by its program and not by its name", async () => {
    const named = await aDaemon({ runsc: { path: "/usr/bin/runc" } }, "runsc");
    const meant = await aDaemon({ safe: { path: "/usr/local/bin/runsc" } }, "safe");
    for (const { provider } of [named, meant]) await expect(provider.open(options, never)).rejects.toThrow("kvm");
    expect(named.asked[0]?.Cmd).toContain("--container");
    expect(meant.asked[0]?.Cmd).toContain("--user-space-kernel");
  });
});
