import type { Probe } from "../probe.ts";
import { bombs, time } from "./appetite.ts";
import { escape, hostFiles } from "./escape.ts";
import { devices, mounts, procAndSys, sockets } from "./machine.ts";
import { metadata, nats, otherEpisodes } from "./neighbours.ts";
import { kernel, privileges } from "./rights.ts";
import { filesAndArchives, output } from "./trickery.ts";

/** Every probe, by category. */
export const probes: readonly Probe[] = [
  ...escape,
  ...hostFiles,
  ...otherEpisodes,
  ...metadata,
  ...nats,
  ...procAndSys,
  ...devices,
  ...mounts,
  ...sockets,
  ...bombs,
  ...filesAndArchives,
  ...output,
  ...time,
  ...privileges,
  ...kernel,
];
