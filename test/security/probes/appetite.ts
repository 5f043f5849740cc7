// Taking more than is allowed: processes, memory of every kind, disk, names, output, time.
import { readdir, readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { boxLimits, MiB, outputBytesKill } from "../box.ts";
import { helps, inCategory, type Probe, type Scene, succeeds } from "../probe.ts";

const memory = (2 * boxLimits.memoryBytesMax) / MiB;
const processes = 3 * boxLimits.processesMax;
const disk = (3 * boxLimits.diskBytesMax) / MiB;
/** Names that a sandbox may have; see `filesMax` of the provider. */
const names = 110_000;

export const bombs: Probe[] = inCategory("bombs", [
  { id: "processes", attempts: `${processes} processes`, attack: helps(`fork ${processes}`) },
  { id: "threads", attempts: `${processes} threads`, attack: helps(`threads ${processes}`) },
  { id: "memory", attempts: `${memory} MiB in one process`, attack: helps(`memory ${memory}`) },
  {
    id: "memory-together",
    attempts: `${memory} MiB in eight processes`,
    attack: helps(`memory-together 8 ${memory / 8}`),
  },
  {
    id: "memory-file",
    attempts: `${memory} MiB in a file of memory, which is no process's`,
    attack: helps(`memfd ${memory}`),
  },
  { id: "memory-segment", attempts: `${memory} MiB in a System V segment`, attack: helps(`segment ${memory}`) },
  {
    id: "memory-sockets",
    attempts: `${memory} MiB in the kernel's socket buffers`,
    attack: helps(`sockets ${memory}`),
  },
  {
    id: "memory-pipes",
    attempts: `${memory} MiB in the kernel's pipes`,
    attack: helps(`pipes-together 24 ${memory / 24}`),
  },
  {
    id: "memory-tables",
    attempts: `${memory} MiB in tables of pages that all are the one page of zeros`,
    attack: helps(`tables ${memory}`),
  },
  {
    id: "memory-lists",
    attempts: `${memory} MiB in access lists of files`,
    attack: helps(`lists ${memory}`),
  },
  {
    id: "memory-open-files",
    attempts: `${memory} MiB in files of /proc that are open`,
    attack: helps(`files-together 24 ${memory / 24}`),
  },
  {
    id: "memory-epolls",
    attempts: `${memory} MiB in files that are waited for (epoll)`,
    attack: helps(`epolls-together 24 ${memory / 24}`),
  },
  {
    id: "memory-loopback",
    isSlow: true,
    attempts: `${memory} MiB in TCP connections to oneself`,
    attack: helps(`loopback ${memory}`),
  },
  { id: "memory-messages", attempts: `${memory} MiB in messages of System V`, attack: helps(`messages ${memory}`) },
  {
    id: "memory-semaphores",
    attempts: `${memory} MiB in semaphores of System V`,
    attack: helps(`semaphores ${memory}`),
  },
  {
    id: "watches",
    isSlow: true,
    attempts: "all file watches that the machine gives a user, so that other episodes have none",
    weakening: "user",
    attack: async ({ box, open }) => {
      const other = await open();
      const holding = box.run("./helper watches 2000 2", 6_000);
      await delay(600);
      const { text } = await other.run("./helper watches 1 0 || echo none");
      await holding;
      return text.includes("none");
    },
  },
  {
    id: "disk",
    attempts: `a file of ${disk} MiB`,
    attack: succeeds(`head -c ${disk}M /dev/zero > big && [ $(stat -c %s big) = ${disk * MiB} ]`),
  },
  {
    id: "disk-everywhere",
    attempts: `${disk} MiB over every folder that can be written`,
    attack: succeeds(`n=0
      for d in . ~ /tmp /dev/shm /var/tmp /run /run/session /dev /run/user /var/lock /mnt; do
        head -c ${disk / 4}M /dev/zero > $d/hindcast-bomb && n=$((n+1))
      done 2>/dev/null
      for d in . ~ /tmp /dev/shm /var/tmp /run /run/session /dev /run/user /var/lock /mnt; do rm -f $d/hindcast-bomb; done
      [ $n -ge 4 ]`),
  },
  {
    id: "holes",
    attempts: "a file of a terabyte that is all holes",
    attack: succeeds("truncate -s 1T holes && [ $(stat -c %s holes) -gt 1000000000000 ]"),
  },
  { id: "names", attempts: `${names} files`, isSlow: true, attack: helps(`files ${names} many`) },
  {
    id: "output",
    attempts: "printing more than is allowed",
    attack: async ({ box }) => {
      const { outputBytes, killed } = await box.run(`head -c ${4 * outputBytesKill} /dev/zero`);
      return killed === null && outputBytes >= 4 * outputBytesKill;
    },
  },
]);

/** Whether something counts on in the file `beat`. */
async function beats({ box }: Scene): Promise<boolean> {
  const { text } = await box.run(
    'a=$(stat -c %s beat); sleep 0.4; b=$(stat -c %s beat); [ "${b:-0}" -gt "${a:-0}" ] && echo still',
  );
  return text.includes("still");
}

const beat = "while :; do echo x >> beat; sleep 0.05; done";

/** How long beyond its time a command may hold up its episode. */
const graceMs = 1_500;

function outlives(script: string): Probe["attack"] {
  return async (scene) => {
    // Long enough to have begun, also on an emulated processor.
    await scene.box.run(script, 1_500);
    return await beats(scene);
  };
}

function holdsUp(script: string): Probe["attack"] {
  return async ({ box }) => (await box.run(script, 500)).durationMs > 500 + graceMs;
}

export const time: Probe[] = inCategory("time", [
  { id: "signals", attempts: "ignoring signals", attack: outlives(`trap '' TERM INT HUP QUIT; ${beat}`) },
  {
    id: "daemon",
    isSlow: true,
    attempts: "going on in a session of its own",
    attack: outlives(`setsid bash -c '${beat}' >/dev/null 2>&1 < /dev/null & sleep 30`),
  },
  {
    id: "orphans",
    isSlow: true,
    attempts: "going on as an orphan of an orphan",
    attack: outlives(`(setsid bash -c '(${beat}) >/dev/null 2>&1 &' &) >/dev/null 2>&1; sleep 30`),
  },
  {
    id: "held-output",
    attempts: "keeping the output open",
    attack: holdsUp("(trap '' TERM; sleep 20) & exec sleep 20"),
  },
  {
    id: "exit-trap",
    attempts: "never coming to its end",
    attack: holdsUp("trap 'while :; do sleep 1; done' EXIT; exit 0"),
  },
  {
    id: "after-closing",
    attempts: "going on after the sandbox was closed",
    attack: async ({ open, nonce }) => {
      const doomed = await open();
      await doomed.run(`(setsid bash -c 'exec -a ${nonce} sleep 20' >/dev/null 2>&1 < /dev/null &); sleep 0.2`);
      await doomed.close();
      await delay(100);
      return await isRunning(nonce);
    },
  },
]);

async function isRunning(name: string): Promise<boolean> {
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
    if (line.split("\0")[0] === name) return true;
  }
  return false;
}
