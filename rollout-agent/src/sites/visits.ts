// Visits of self-hosted sites, as browsers know them: by a cookie. A browser that is closed says so, so that its copy of the
// site is free for the next one at once, and not only when nobody has asked for it for long.
export const visitCookie = "hindcast_visit_";
export const leavePath = "/-/hindcast/leave";

const leaveMsMax = 2_000;

/** Ends the visits of a browser at the origins where it is. One that cannot be ended ends by being left. */
export async function leaveVisits(
  origins: Iterable<string>,
  cookies: readonly { name: string; value: string }[],
): Promise<void> {
  const visits = cookies.filter(({ name }) => name.startsWith(visitCookie));
  if (visits.length === 0) return;
  const cookie = visits.map(({ name, value }) => `${name}=${value}`).join("; ");
  const leaving = [...new Set(origins)].map((origin) =>
    fetch(`${origin}${leavePath}`, { method: "POST", headers: { cookie }, signal: AbortSignal.timeout(leaveMsMax) }),
  );
  await Promise.allSettled(leaving);
}
