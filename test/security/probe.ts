// A hostile attempt, and how to tell from outside that it has worked.
import type { Box } from "./box.ts";
import type { Outside, Victim } from "./outside.ts";
import type { Weakening } from "./weakened-target.ts";

export const categories = [
  "escape",
  "host-files",
  "other-episodes",
  "metadata",
  "nats",
  "proc-and-sys",
  "devices",
  "mounts",
  "sockets",
  "bombs",
  "files-and-archives",
  "output",
  "time",
  "privileges",
  "kernel",
] as const;
export type Category = (typeof categories)[number];

export interface Scene {
  /** Where the attacker is. */
  box: Box;
  /** Another episode's sandbox of the same kind; one of an id that was open before is what comes after it. */
  open: (id?: string) => Promise<Box>;
  outside: Outside;
  /** Fresh for this attempt: printed by a script only after what it tries has worked. */
  nonce: string;
}

export interface Probe {
  id: string;
  category: Category;
  /** What it is after, in a few words. */
  attempts: string;
  /** The sandbox in which it must work. @default "shared" */
  weakening?: Weakening;
  /** Takes seconds, or much of the machine: left out of the tests. */
  isSlow?: true;
  /** Why this machine cannot show it working; null where it can. */
  missing?: (outside: Outside) => string | null;
  /** Whether it has worked. What it throws means that it has not. */
  attack: (scene: Scene) => Promise<boolean>;
}

/** Exit code of the helper for what this kernel does not have at all. */
export const notInThisKernel = 77;

export class NotInThisKernel extends Error {}

/** Works when the script prints a flag of the host. */
export function printsFlag(script: (scene: Scene) => string): Probe["attack"] {
  return async (scene) => (await scene.box.run(script(scene))).text.includes(scene.outside.flag);
}

/** Works when the helper says so. */
export function helps(words: string | ((scene: Scene) => string)): Probe["attack"] {
  return async (scene) => {
    const called = `./helper ${typeof words === "string" ? words : words(scene)}`;
    const { text } = await scene.box.run(`${called}; s=$?; [ $s = 0 ] && echo ${scene.nonce}; echo "status $s"`);
    if (text.includes(`status ${notInThisKernel}`)) throw new NotInThisKernel(called);
    return text.includes(scene.nonce);
  };
}

/** Works when the script, run to its end, succeeds. */
export function succeeds(script: string | ((scene: Scene) => string)): Probe["attack"] {
  return async (scene) => {
    const source = typeof script === "string" ? script : script(scene);
    return (await scene.box.run(`{ ${source}\n} && echo ${scene.nonce}`)).text.includes(scene.nonce);
  };
}

/** The script on a process of the host; where there is none of that number, on the first process of the sandbox. */
export async function onVictim({ box, outside }: Scene, script: (victim: Victim) => string): Promise<string> {
  const victim = await outside.victim();
  try {
    const [theirs, first] = [script(victim), script({ ...victim, pid: 1 })];
    return (await box.run(`if [ -d /proc/${victim.pid} ]; then ${theirs}\nelse ${first}\nfi`)).text;
  } finally {
    victim.end();
  }
}

export function inCategory(category: Category, probes: readonly Omit<Probe, "category">[]): Probe[] {
  return probes.map((probe) => ({ ...probe, category }));
}
