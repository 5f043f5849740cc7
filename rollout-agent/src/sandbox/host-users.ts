// Where we are root, each sandbox is a host user of its own: the process limit does not bind the host's root, a hole in
// the kernel should not end there, and what the kernel counts per user (watches, pages in pipes) one episode must not
// take from another.

/** Far from any numbers that people, services and containers are given. */
export const firstHostUser = 2_113_929_216;
const usersPerProcess = 256;
const processesMax = 65_536;

let opened = 0;

/** A number that no other sandbox of this machine has, unless this process has 256 of them at once. */
export function nextHostUser(): number {
  opened = (opened + 1) % usersPerProcess;
  return firstHostUser + (process.pid % processesMax) * usersPerProcess + opened;
}
