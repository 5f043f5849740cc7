/**
 * What glibc's allocator is told in coordinators and agents (mallopt(3); ADR 0096): two arenas for their dozen threads
 * instead of up to eight for each core, and whatever is free at an arena's end goes back to the system from 128 KiB on,
 * with no threshold that grows with the largest buffer ever freed. The images say the same.
 */
export const allocatorEnvironment: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: "2",
  MALLOC_TRIM_THRESHOLD_: "131072",
};
