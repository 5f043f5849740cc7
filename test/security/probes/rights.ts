// Rights over other processes and over the kernel.
import { helps, inCategory, notInThisKernel, NotInThisKernel, onVictim, type Probe } from "../probe.ts";
import type { Victim } from "../outside.ts";

/** What the helper can do to a process. */
function on(words: (victim: Victim) => string): Probe["attack"] {
  return async (scene) => {
    const { nonce, outside } = scene;
    const text = await onVictim(
      scene,
      (victim) => `./helper ${words(victim)}; s=$?; [ $s = 0 ] && echo ${nonce}; echo "status $s"`,
    );
    if (text.includes(`status ${notInThisKernel}`)) throw new NotInThisKernel("a call on processes");
    return text.includes(nonce) || text.includes(outside.flag);
  };
}

export const privileges: Probe[] = inCategory("privileges", [
  { id: "root", attempts: "being root by asking", attack: helps("setuid") },
  { id: "capabilities", attempts: "capabilities of the machine's root", attack: helps("capabilities") },
  {
    id: "set-user-program",
    attempts: "being root by a program that runs as root",
    weakening: "user",
    missing: () => (process.getuid?.() === 0 ? null : "only root can show it working"),
    attack: async ({ box, nonce }) => {
      const programs = "/usr/bin/su /bin/su /usr/bin/passwd /usr/bin/sudo /usr/bin/newgrp";
      const { text } = await box.run(
        `for p in ${programs}; do [ -x $p ] && ./helper setuid-binary $p && echo ${nonce}; done`,
      );
      return text.includes(nonce);
    },
  },
  { id: "trace", attempts: "tracing another process", attack: on(({ pid }) => `trace ${pid}`) },
  {
    id: "memory-of-others",
    attempts: "reading another process's memory",
    attack: on(({ pid, address }) => `read-memory ${pid} ${address} 40`),
  },
  {
    id: "memory-by-file",
    attempts: "the same by /proc",
    attack: async (scene) => {
      const read = ({ pid, address }: Victim): string =>
        `dd if=/proc/${pid}/mem bs=1 skip=${address} count=40 2>/dev/null | tr -d '\\0'`;
      return (await onVictim(scene, read)).includes(scene.outside.flag);
    },
  },
  {
    id: "descriptor-of-others",
    attempts: "taking a descriptor from another process",
    attack: on(({ pid, descriptor }) => `steal ${pid} ${descriptor}`),
  },
  {
    id: "compare",
    attempts: "comparing the kernel's objects of another process",
    attack: on(({ pid }) => `kcmp ${pid}`),
  },
  {
    id: "kill",
    attempts: "ending a process of the host",
    attack: async ({ box, outside }) => {
      const victim = await outside.victim();
      await box.run(`kill -TERM ${victim.pid}; sleep 0.1`);
      const isDead = !victim.isAlive();
      victim.end();
      return isDead;
    },
  },
  { id: "real-time", attempts: "going before every other process (real time)", attack: helps("real-time") },
  { id: "nice", attempts: "going before others (priority)", attack: helps("nice") },
  {
    id: "slow",
    attempts: "slowing another process down, such as the one that looks at limits",
    attack: on(({ pid }) => `slow ${pid}`),
  },
  {
    id: "program-of-others",
    attempts: "the program of another process",
    attack: on(({ pid }) => `open-read /proc/${pid}/exe`),
  },
]);

export const kernel: Probe[] = inCategory("kernel", [
  {
    id: "keyring",
    attempts: "another episode's key in the kernel's keyring",
    attack: async ({ box, open, nonce }) => {
      const other = await open();
      const name = `hindcast-${nonce.slice(0, 8)}`;
      const { text: put } = await other.run(`./helper key-put ${name} ${nonce}; echo "status $?"`);
      const { text } = await box.run(`./helper key-get ${name}`);
      await other.run(`./helper key-drop ${name}`);
      if (put.includes("status 77")) throw new NotInThisKernel("keyrings");
      return text.includes(nonce);
    },
  },
  {
    id: "own-key",
    attempts: "a key in the user's keyring",
    attack: helps(({ nonce }) => `key-put hindcast-own x && ./helper key-drop hindcast-own && true ${nonce}`),
  },
  { id: "rings", attempts: "io_uring", attack: helps("ring") },
  { id: "bpf", attempts: "programs in the kernel (bpf)", attack: helps("bpf") },
  { id: "counters", attempts: "performance counters", attack: helps("perf") },
  { id: "spliced-pages", attempts: "pages that live on in a pipe (vmsplice)", attack: helps("splice") },
  { id: "requests", attempts: "the machine's supply of asynchronous requests (io_setup)", attack: helps("requests") },
  { id: "page-faults", attempts: "handling page faults (userfaultfd)", attack: helps("fault") },
]);
