/**
 * Milliseconds that the processor spent on `work`: what code costs, however busy the machine is with other things.
 */
export function processorMilliseconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
