// Requirements: 6.15.worlds
import { HindcastError } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { assertAgents } from "./start-world.ts";

type Context = Parameters<typeof assertAgents>[0];
type Session = Parameters<typeof assertAgents>[1];

/** Agents are there, and all of them work on pages. */
async function ask(natsUrl: string | null, backlog: () => Promise<unknown>): Promise<string[]> {
  const notes: string[] = [];
  const context = {
    loaded: { config: { campaign: { environment: "swe-bench" }, cluster: { natsUrl } } },
    interruption: { asked: new AbortController().signal },
    terminal: { note: (text: string) => notes.push(text) },
  } as unknown as Context;
  const bus = {
    records: () => ({ entries: () => Promise.resolve([{ value: { pool: "browser" } }]) }),
    tasks: { backlog },
  } as unknown as Session["bus"];
  await assertAgents(context, { bus });
  return notes;
}

const queue = (): Promise<unknown> => Promise.resolve({ queued: 0, working: 0 });
const failing = (code: "BUS_NOT_FOUND" | "BUS_UNAVAILABLE") => (): Promise<unknown> =>
  Promise.reject(new HindcastError({ code, boundary: "bus", message: "no" }));

describe("a pool that no agent works on", () => {
  it("is waited for on another machine's cluster, where it has a queue: a scaler may start agents", async () => {
    expect(await ask("nats://there", queue)).toEqual([expect.stringMatching(/no agent works on pool swe-bench yet/)]);
  });

  it("is refused without a queue, and on this machine, where nobody would start any", async () => {
    const refused = {
      code: "CONFIG_INVALID",
      message: expect.stringContaining("agents work on browser alone") as string,
    };
    await expect(ask("nats://there", failing("BUS_NOT_FOUND"))).rejects.toMatchObject(refused);
    await expect(ask(null, queue)).rejects.toMatchObject(refused);
  });

  it("is not judged by a server that does not answer", async () => {
    await expect(ask("nats://there", failing("BUS_UNAVAILABLE"))).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });
  });
});
