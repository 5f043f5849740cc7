// Requirements: 6.12.run
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { resetCommands } from "./reset-commands.ts";

const never = new AbortController().signal;

it("runs the command of a site and tells where it fails", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hindcast-reset-"));
  try {
    const file = join(folder, "done=1");
    const resets = resetCommands([`shopping=touch '${file}'`, "gitlab=exit 3"]);
    await resets.shopping?.(never);
    expect(existsSync(file)).toBe(true);
    await expect(resets.gitlab?.(never)).rejects.toThrow("exit 3");
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("refuses flags that name no site or no command", () => {
  for (const flag of ["shopping", "=x", "shopping=", "shop=x"]) {
    expect(() => resetCommands([flag])).toThrow("--reset is <site>=<command>");
  }
});
