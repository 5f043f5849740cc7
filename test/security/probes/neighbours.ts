// Other episodes on the same machine, the metadata service of its cloud, and the broker of its cluster.
import { setTimeout as delay } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { streams } from "@hindcast/shared";
import { inCategory, type Probe, type Scene } from "../probe.ts";
import type { TestNats } from "../../support/nats-server.ts";

/** What the other episode prepares with the nonce, and what the attacker runs to get at it. */
function stolen(prepare: (nonce: string) => string, steal: string, tidy = "true"): Probe["attack"] {
  return async ({ box, open, nonce }) => {
    const other = await open();
    await other.run(prepare(nonce));
    const { text } = await box.run(steal);
    await other.run(tidy);
    return text.includes(nonce);
  };
}

const keyOf = (name: string): number => Number.parseInt(name.slice(-6), 16);

export const otherEpisodes: Probe[] = inCategory("other-episodes", [
  {
    id: "temporary-files",
    attempts: "another episode's temporary files",
    attack: stolen(
      (nonce) => `echo ${nonce} > /tmp/hindcast-probe`,
      "cat /tmp/hindcast-probe",
      "rm -f /tmp/hindcast-probe",
    ),
  },
  {
    id: "shared-memory-files",
    attempts: "another episode's files in /dev/shm",
    attack: stolen(
      (nonce) => `echo ${nonce} > /dev/shm/hindcast-probe`,
      "cat /dev/shm/hindcast-probe",
      "rm -f /dev/shm/hindcast-probe",
    ),
  },
  {
    id: "processes",
    attempts: "another episode's command lines",
    attack: stolen(
      (nonce) => `(exec -a ${nonce} sleep 5) >/dev/null 2>&1 & sleep 0.1`,
      "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'",
    ),
  },
  {
    id: "process-environment",
    attempts: "another episode's variables",
    attack: stolen(
      (nonce) => `SECRET=${nonce} sleep 5 >/dev/null 2>&1 & sleep 0.1`,
      "cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep '^SECRET='",
    ),
  },
  {
    id: "ports",
    attempts: "a port that another episode listens on",
    attack: stolen((nonce) => `./helper listen 41973 ${nonce}`, "exec 3<>/dev/tcp/127.0.0.1/41973; timeout 8 cat <&3"),
  },
  {
    id: "abstract-socket",
    attempts: "another episode's abstract socket",
    attack: stolen((nonce) => `./helper abstract-listen hindcast-probe ${nonce}`, "./helper abstract hindcast-probe"),
  },
  {
    id: "shared-segment",
    attempts: "another episode's System V memory",
    attack: async ({ box, open, nonce }) => {
      const other = await open();
      await other.run(`./helper segment-put ${keyOf(nonce)} ${nonce}`);
      const { text } = await box.run(`./helper segment-get ${keyOf(nonce)}`);
      await other.run(`./helper segment-drop ${keyOf(nonce)}`);
      return text.includes(nonce);
    },
  },
  {
    id: "signals",
    attempts: "ending another episode's process",
    attack: async ({ box, open, nonce }) => {
      const other = await open();
      await other.run(`(exec -a ${nonce} sleep 8) >/dev/null 2>&1 & echo $! > pid; sleep 0.1`);
      // Whoever has it in its command line; the pattern is not in that of the search itself.
      const pattern = `[${nonce.slice(0, 1)}]${nonce.slice(1)}`;
      await box.run(
        `for p in /proc/[0-9]*; do grep -qz '^${pattern}$' $p/cmdline && kill -KILL \${p#/proc/}; done 2>/dev/null`,
      );
      await delay(100);
      // One that has ended and that nobody has asked for has no words.
      const { text } = await other.run("tr -d '\\0' < /proc/$(cat pid)/cmdline | grep -q . && echo alive");
      return !text.includes("alive");
    },
  },
  {
    id: "successor",
    attempts: "what an ended episode of the same id has left",
    attack: async ({ open, nonce }) => {
      const id = `successor-${nonce.slice(0, 8)}`;
      const before = await open(id);
      await before.run(`echo ${nonce} | tee left ~/left /tmp/left-${nonce.slice(0, 8)} >/dev/null; X=${nonce}`);
      await before.close();
      const after = await open(id);
      const { text } = await after.run(`cat left ~/left /tmp/left-*; echo $X; rm -f /tmp/left-${nonce.slice(0, 8)}`);
      return text.includes(nonce);
    },
  },
]);

function answers(address: string): Omit<Probe, "category" | "id" | "attempts"> {
  return {
    weakening: "own-network",
    attack: async ({ box, outside }) => {
      const { text } = await box.run(
        `for i in 1 2 3 4; do exec 3<>/dev/tcp/${address}/80 && break; sleep 0.2; done; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; timeout 8 cat <&3`,
        6_000,
      );
      return text.includes(outside.flag);
    },
  };
}

export const metadata: Probe[] = inCategory("metadata", [
  { id: "link-local", attempts: "169.254.169.254 (AWS, Google, Azure)", ...answers("169.254.169.254") },
  { id: "containers", attempts: "169.254.170.2 (credentials of ECS tasks)", ...answers("169.254.170.2") },
  { id: "alibaba", attempts: "100.100.100.200 (Alibaba)", ...answers("100.100.100.200") },
  { id: "six", attempts: "fd00:ec2::254 (AWS over IPv6)", ...answers("fd00:ec2::254") },
]);

/** As the coordinator, who may do everything: the worst case of stolen credentials. */
function spoken(nats: TestNats, lines: string, seconds = 1): string {
  const { user, password } = nats.server.credentials("coordinator");
  const greeting = `CONNECT {"user":"${user}","pass":"${password}","verbose":false,"headers":true}`;
  return `exec 3<>/dev/tcp/127.0.0.1/${new URL(nats.server.url).port} || exit 1
printf '%s\\r\\n' '${greeting}' >&3
printf '${lines}PING\\r\\n' >&3
timeout ${seconds} cat <&3`;
}

const published = (subject: string, body: string): string => `PUB ${subject} ${body.length}\\r\\n${body}\\r\\n`;

async function administered<T>(nats: TestNats, work: (connection: NatsConnection) => Promise<T>): Promise<T> {
  const { servers, credentials, inboxPrefix } = nats.options("coordinator");
  const connection = await connect({ servers, user: credentials.user, pass: credentials.password, inboxPrefix });
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}

async function broker({ outside }: Scene): Promise<TestNats> {
  const nats = await outside.nats();
  await (await nats.coordinator()).close();
  return nats;
}

/** Works when the message is in the stream afterwards. */
function stores(stream: string, subject: (nonce: string) => string): Probe["attack"] {
  return async (scene) => {
    const nats = await broker(scene);
    await scene.box.run(spoken(nats, published(subject(scene.nonce), scene.nonce)), 6_000);
    return await administered(nats, async (connection) => {
      const manager = await jetstreamManager(connection);
      const found = await manager.streams.getMessage(stream, { last_by_subj: subject(scene.nonce) });
      return found !== null && Buffer.from(found.data).toString("utf8").includes(scene.nonce);
    });
  };
}

export const nats: Probe[] = inCategory("nats", [
  {
    id: "task",
    attempts: "publishing a task",
    attack: stores(streams.tasks, (nonce) => `hindcast.task.shell.c-probe.${nonce.slice(0, 12)}`),
  },
  {
    id: "result",
    attempts: "forging the result of a task",
    attack: stores(streams.results, (nonce) => `hindcast.result.c-probe.${nonce.slice(0, 12)}`),
  },
  {
    id: "inbox",
    attempts: "reading the coordinator's inbox",
    attack: async (scene) => {
      const nats = await broker(scene);
      const { inboxPrefix } = nats.server.credentials("coordinator");
      return await administered(nats, async (connection) => {
        const reading = scene.box.run(spoken(nats, `SUB ${inboxPrefix}.> 1\\r\\n`), 6_000);
        const manager = await jetstreamManager(connection);
        let isOver = false;
        const asking = (async () => {
          // Their answers come to the inbox.
          while (!isOver) await manager.streams.info(streams.tasks).then(() => delay(100));
        })();
        const { text } = await reading.finally(() => (isOver = true));
        await asking;
        return text.includes(`MSG ${inboxPrefix}.`);
      });
    },
  },
  {
    id: "stream",
    attempts: "deleting a stream",
    attack: async (scene) => {
      const nats = await broker(scene);
      await scene.box.run(spoken(nats, published(`$JS.API.STREAM.DELETE.${streams.deadLetters}`, "")), 6_000);
      return await administered(nats, async (connection) => {
        const manager = await jetstreamManager(connection);
        const names = await manager.streams.names().next();
        return !names.includes(streams.deadLetters);
      });
    },
  },
]);
