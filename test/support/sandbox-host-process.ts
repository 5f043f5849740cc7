// Opens a sandbox with the driver that its argument describes, leaves a process in it, says `ready`, and waits to be
// killed.
import { createSandboxProvider, type GivenSandboxes } from "./given-sandboxes.ts";

const [id = "", given = "null"] = process.argv.slice(2);
const never = new AbortController().signal;
const provider = createSandboxProvider((JSON.parse(given) as GivenSandboxes | null) ?? undefined);
const limits = { memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 22, processesMax: 32 };
const sandbox = await provider.open({ id, limits }, never);
const script = "trap '' TERM HUP; (setsid bash -c 'trap \"\" TERM HUP; sleep 600' &); echo started";
await sandbox.exec({ script, timeoutMs: 60_000, outputBytesMax: 100, outputBytesKill: 1_000 }, never);
console.log("ready");
await sandbox.exec({ script: "sleep 600", timeoutMs: 600_000, outputBytesMax: 100, outputBytesKill: 1_000 }, never);
