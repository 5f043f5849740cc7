// The settings of clients on this machine, as its operator wrote them.
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { RegistryCredential } from "../../../egress/opened-tls.ts";
import { mustRun } from "../host-program.ts";
import { basic, type HostSettings } from "./registry-client.ts";

export async function hostSettings(signal: AbortSignal): Promise<HostSettings> {
  // As programs of ours are given it: without our own secrets.
  const printed = await mustRun(["env", "-0"], { timeoutMs: 60_000, outputBytesMax: 1024 ** 2, cwd: "/" }, signal);
  const environment = Object.fromEntries(
    printed
      .split("\0")
      .filter((line) => line.includes("="))
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  return { environment, home: environment["HOME"] ?? homedir() };
}

export const readIfThere = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8") : "");

/** What a file of `machine host login user password word` holds, which pip, Go and curl read. */
export function netrcCredentials({ environment, home }: HostSettings): Map<string, RegistryCredential> {
  const words = readIfThere(environment["NETRC"] ?? join(home, ".netrc")).split(/\s+/);
  const found = new Map<string, RegistryCredential>();
  for (const [index, word] of words.entries()) {
    if (word !== "machine") continue;
    const next = words.findIndex((each, at) => at > index && (each === "machine" || each === "default"));
    const entry = words.slice(index + 1, next === -1 ? words.length : next);
    const after = (name: string): string => (entry.includes(name) ? (entry[entry.indexOf(name) + 1] ?? "") : "");
    found.set(entry[0] ?? "", basic(after("login"), after("password")));
  }
  return found;
}
