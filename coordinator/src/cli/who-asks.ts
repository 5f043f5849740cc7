import { hostname, userInfo } from "node:os";

/** `user@host`, for the audit log only; nobody relies on it. */
export function whoAsks(): string {
  return `${userName()}@${hostname()}`.slice(0, 200);
}

/** A container may run as a number without a name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "unknown");
  }
}
