// `--clocks <file>`: what the pages of sites take for the present, as `hindcast sites serve` writes it beside their URLs.
import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { messageOf, WebArenaSite } from "@hindcast/shared";
import { z } from "zod";
import type { WebSites } from "../bench/web-plan.ts";
import { usage } from "./bench-webarena-tasks.ts";

export const clocksName = "clocks.json";

const Clocks = z.partialRecord(WebArenaSite, z.iso.datetime());

/** Of the file that is named, else of the one beside the URLs; without either, none. @throws CONFIG_INVALID */
export function siteClocks(
  { clocks, sites }: { clocks?: string; sites?: string },
  workingDirectory: string,
): WebSites["clocks"] {
  const beside = sites === undefined ? null : resolve(workingDirectory, dirname(sites), clocksName);
  const path = clocks === undefined ? beside : resolve(workingDirectory, clocks);
  if (path === null || (clocks === undefined && !existsSync(path))) return {};
  try {
    return Clocks.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw usage(`${path} says no sites' times, such as {"shopping": "2026-03-16T09:00:00Z"}: ${why.slice(0, 500)}`);
  }
}
