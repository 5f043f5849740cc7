// Ways out of the namespaces, and rights over the machine.
import { readFile } from "node:fs/promises";
import { helps, inCategory, onVictim, type Probe, printsFlag } from "../probe.ts";

const CLONE_NEWUSER = 0x1000_0000;
const CLONE_NEWNET = 0x4000_0000;
const CLONE_NEWNS = 0x2_0000;

export const escape: Probe[] = inCategory("escape", [
  { id: "user-namespace", attempts: "a user namespace, to be root in", attack: helps(`unshare ${CLONE_NEWUSER}`) },
  { id: "user-namespace-by-clone", attempts: "the same by clone", attack: helps(`clone ${CLONE_NEWUSER}`) },
  {
    id: "user-namespace-by-clone3",
    attempts: "the same by clone3, whose flags no filter sees",
    attack: helps(`clone3 ${CLONE_NEWUSER}`),
  },
  { id: "mount-namespace", attempts: "a mount namespace", attack: helps(`unshare ${CLONE_NEWNS}`) },
  { id: "network-namespace", attempts: "a network namespace", attack: helps(`unshare ${CLONE_NEWNET}`) },
  {
    id: "join-namespace",
    attempts: "joining the namespace of another process",
    attack: async (scene) => {
      const { nonce } = scene;
      return (await onVictim(scene, ({ pid }) => `./helper setns /proc/${pid}/ns/mnt && echo ${nonce}`)).includes(
        nonce,
      );
    },
  },
  {
    id: "chroot",
    attempts: "leaving the root by a root within it",
    attack: printsFlag(({ outside }) => `./helper chroot inner ${outside.files.open}`),
  },
  {
    id: "root-of-others",
    attempts: "the root of another process",
    attack: async (scene) => {
      const { files, flag } = scene.outside;
      return (await onVictim(scene, ({ pid }) => `cat /proc/${pid}/root${files.closed}`)).includes(flag);
    },
  },
  {
    id: "directory-of-others",
    attempts: "root and directory of every process",
    attack: printsFlag(({ outside }) => `cat /proc/[0-9]*/{root,cwd}${outside.files.open} 2>/dev/null`),
  },
  {
    id: "file-handle",
    attempts: "a file of the host by its number, through what is mounted of its disk",
    missing: ({ hasNumberedRoot }) =>
      hasNumberedRoot ? null : "this machine's root is no ext file system, or has another for temporary files",
    attack: printsFlag(({ outside }) => `for m in /usr / .; do ./helper handle $m ${outside.files.closed}; done`),
  },
  { id: "control-group", attempts: "the control groups' file system", attack: helps("mount . cgroup2") },
  {
    id: "host-name",
    attempts: "the name of the machine",
    attack: helps(({ nonce }) => `hostname ${nonce.slice(0, 12)}`),
  },
]);

export const hostFiles: Probe[] = inCategory("host-files", [
  { id: "file", attempts: "a file of the host", attack: printsFlag(({ outside }) => `cat ${outside.files.open}`) },
  {
    id: "private-file",
    attempts: "a file of the host's root",
    attack: printsFlag(({ outside }) => `cat ${outside.files.closed}`),
  },
  {
    id: "shadow",
    attempts: "the host's passwords",
    missing: () => (process.getuid?.() === 0 ? null : "only root can show it working"),
    attack: async ({ box, nonce }) =>
      (await box.run(`grep -q '^root:[^:]*:[0-9]' /etc/shadow && echo ${nonce}`)).text.includes(nonce),
  },
  {
    id: "links",
    attempts: "a file of the host through links and dots",
    attack: printsFlag(
      ({ outside }) =>
        `ln -s ${outside.files.open} l; cat l ../../../../../..${outside.files.open} //proc/self/root/${outside.files.open}`,
    ),
  },
  {
    id: "environment",
    attempts: "the agent's environment",
    attack: printsFlag(() => "env; cat /proc/self/environ"),
  },
  {
    id: "environment-of-processes",
    attempts: "the environment of every process",
    attack: async ({ box, outside }) => {
      const victim = await outside.victim();
      const { text } = await box.run("cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep HINDCAST_SECRET");
      victim.end();
      return text.includes(outside.flag);
    },
  },
  {
    id: "command-lines",
    attempts: "the command line of every process",
    attack: async ({ box, outside }) => {
      const victim = await outside.victim();
      const { text } = await box.run("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'");
      victim.end();
      return text.includes(outside.flag);
    },
  },
  {
    id: "descriptors",
    attempts: "descriptors that the agent has left open",
    attack: printsFlag(() => "for fd in {3..40}; do timeout 1 head -c 200 <&$fd; done 2>/dev/null"),
  },
  {
    id: "descriptors-of-others",
    attempts: "what other processes have open",
    attack: async ({ box, outside }) => {
      const victim = await outside.victim();
      const files = `/proc/[0-9]*/fd/${victim.descriptor}`;
      const { text } = await box.run(
        `for f in ${files}; do [ -f $f ] && timeout 1 head -c 200 $f; done 2>/dev/null | tr -d '\\0'`,
      );
      victim.end();
      return text.includes(outside.flag);
    },
  },
  {
    id: "write",
    attempts: "writing beside a file of the host",
    attack: async ({ box, outside, nonce }) => {
      const path = `${outside.folder}/host/${nonce}`;
      await box.run(`mkdir -p ${outside.folder}/host; echo ${nonce} > ${path}`);
      return (await readFile(path, "utf8").catch(() => "")).includes(nonce);
    },
  },
]);
