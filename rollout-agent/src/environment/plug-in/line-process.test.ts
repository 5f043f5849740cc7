// Requirements: 6.16.robust
import { expect, it, onTestFinished, vi } from "vitest";
import { LineProcess } from "./line-process.ts";

it("a group of which another user's processes are left is no fault of ours", async () => {
  const reasons: string[] = [];
  const log = { debug: (): void => undefined, warn: (): void => undefined };
  const command = ["sleep", "60"] as const;
  const started = new LineProcess({
    command: [...command],
    folder: "/",
    environment: {},
    log,
    onLine: () => undefined,
    onEnd: (reason) => reasons.push(reason),
  });
  const pid = started.processId ?? expect.unreachable();
  const kill = process.kill.bind(process);
  onTestFinished(() => void vi.restoreAllMocks());
  // As root nothing of the kind ever comes from the system.
  vi.spyOn(process, "kill").mockImplementation((target, signal) => {
    if (target === -pid) throw Object.assign(new Error("kill EPERM"), { code: "EPERM" });
    return kill(target, signal);
  });
  started.kill("it said too much");
  kill(-pid, "SIGKILL");
  await started.close();
  expect(reasons).toEqual(["it said too much"]);
});
