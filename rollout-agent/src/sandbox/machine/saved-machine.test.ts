// Requirements: 6.4.vm
import { stat } from "node:fs/promises";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { duplexPair } from "node:stream";
import { expect, it } from "vitest";
import { Monitor, saveMachine, stateReceiver } from "./saved-machine.ts";

it.each([null, 65_534])("a machine's state is taken from the machine's own user alone (%s)", async (user) => {
  const isRoot = process.getuid?.() === 0;
  await using receiver = await stateReceiver(isRoot ? user : null);
  const { mode, uid } = await stat(receiver.folder);
  expect(mode & 0o077).toBe(0);
  expect(uid).toBe((isRoot ? user : null) ?? process.getuid?.());
});

it("that the disk is full while a machine is saved is said to whoever saves it", async () => {
  await using receiver = await stateReceiver(null);
  const [ours, qemu] = duplexPair();
  createInterface({ input: qemu }).on("line", () => qemu.write('{"return":{"status":"active"}}\n'));
  const state = connect(receiver.uri.slice("unix:".length));
  state.on("error", () => undefined).write(Buffer.alloc(2 ** 20));
  const saving = saveMachine(new Monitor(ours), { receiver, path: "/dev/full" }, AbortSignal.timeout(5_000));
  await expect(saving).rejects.toThrow(/ENOSPC/);
});
