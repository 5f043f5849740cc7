// Requirements: 6.4.vm
import { stat } from "node:fs/promises";
import { expect, it } from "vitest";
import { stateReceiver } from "./saved-machine.ts";

it.each([null, 65_534])("a machine's state is taken from the machine's own user alone (%s)", async (user) => {
  const isRoot = process.getuid?.() === 0;
  await using receiver = await stateReceiver(isRoot ? user : null);
  const { mode, uid } = await stat(receiver.folder);
  expect(mode & 0o077).toBe(0);
  expect(uid).toBe((isRoot ? user : null) ?? process.getuid?.());
});
