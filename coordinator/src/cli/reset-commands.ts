// `--reset <site>=<command>`: how a site that somebody hosts is put back to its first state.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { limits, WebArenaSite } from "@hindcast/shared";
import type { WebSites } from "../bench/web-plan.ts";
import { usage } from "./bench-webarena-tasks.ts";

const run = promisify(execFile);

/** @throws HindcastError CONFIG_INVALID for a flag that names no site or no command */
export function resetCommands(flags: readonly string[]): WebSites["resets"] {
  return Object.fromEntries(
    flags.map((text) => {
      const at = text.indexOf("=");
      const site = WebArenaSite.safeParse(text.slice(0, Math.max(0, at)));
      const command = text.slice(at + 1).trim();
      if (!site.success || command === "") {
        throw usage(`--reset is <site>=<command>, not "${text}"; the sites are ${WebArenaSite.options.join(", ")}`);
      }
      return [
        site.data,
        async (signal: AbortSignal): Promise<void> => {
          await run("/bin/sh", ["-c", command], { signal, timeout: limits.siteResetMsMax });
        },
      ];
    }),
  );
}
