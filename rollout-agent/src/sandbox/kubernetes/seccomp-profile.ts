// The system call filter of a pod, as a file for the nodes: what the container driver gives the daemon with each container.
// RuntimeDefault refuses the user namespace in which the guest arranges its world, and Unconfined is not `restricted`.
import { containerFilter } from "../container/container-settings.ts";

/** Text of the file at `<kubelet's folder>/seccomp/hindcast/sandbox.json`. */
export function seccompProfile(): string {
  const { archMap, ...filter } = containerFilter;
  const architectures = archMap.flatMap(({ architecture, subArchitectures }) => [architecture, ...subArchitectures]);
  return `${JSON.stringify({ ...filter, architectures }, null, 2)}\n`;
}
