// What a driver's refusal means for whoever wants a sandbox. Guests themselves are in test/conformance/sandbox-*.test.ts.
// Requirements: 3.5.refuses
import { HindcastError } from "@hindcast/shared";
import { expect, it } from "vitest";
import { GuestProvider } from "./guest-provider.ts";

const never = new AbortController().signal;
const limits = { memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 22, processesMax: 32 };

const refusal = (retryable: boolean): HindcastError =>
  new HindcastError({ code: "SANDBOX_UNAVAILABLE", boundary: "sandbox", message: "cannot show /data", retryable });

it.each([
  ["refuses in its own words refuses again", refusal(false), false],
  ["says itself that it may work later is believed", refusal(true), true],
  ["fails for another reason may well work at another try", new Error("cannot show /data: EAGAIN"), true],
])("a driver that %s", async (_, cause, retryable) => {
  const provider = new GuestProvider({
    driver: {
      name: "scripted",
      missing: () => Promise.resolve([]),
      start: () => Promise.reject(cause),
      world: () => ({ environment: [], files: [] }),
      explain: (complaint) => complaint,
    },
    log: { debug: () => undefined },
  });
  await expect(provider.open({ id: "ep-1", limits }, never)).rejects.toMatchObject({
    code: "SANDBOX_UNAVAILABLE",
    message: expect.stringContaining("cannot show /data") as string,
    retryable,
  });
});
