import type { WorkerId } from "@hindcast/shared";
import { currentProcess } from "../time/process.ts";

/** Names a simulated process among the holders of tickets: unique per start, as `holderOf`, and equal under equal seeds. */
export const holderHere = (workerId: WorkerId): string => `${workerId}-${currentProcess()!.random.hex(8)}`;
