// What an operator says about a lane's limits, in one line: `anthropic:claude-sonnet-5 rpm=50 itpm=30000 otpm=8000 concurrency=2-40`.
import { z } from "zod";
import type { ConcurrencyBounds } from "./concurrency-limit.ts";
import type { LaneLimits } from "./lane-state.ts";

const shape =
  /^(?<provider>[a-z]+)(?::(?<family>\S+))?(?<rest>(?: (?:rpm|itpm|otpm)=[1-9]\d{0,9}| concurrency=[1-9]\d{0,3}(?:-[1-9]\d{0,3})?)+)$/;

/** `provider[:family]`, then at least one of rpm, itpm, otpm (per minute) and concurrency (most, or least-most). */
export const LaneRule = z
  .string()
  .regex(
    shape,
    "expected provider:family with rpm=, itpm=, otpm= or concurrency=, e.g. anthropic:claude-sonnet-5 rpm=50",
  );
export type LaneRule = z.infer<typeof LaneRule>;

/** The limits of a lane: the first rule that names it, over `bounds` where it says nothing of concurrency. */
export function laneLimitsOf(lane: string, rules: readonly LaneRule[], bounds: ConcurrencyBounds): LaneLimits {
  const rule = rules.map((text) => shape.exec(text)?.groups).find((groups) => names(groups, lane));
  const value = (name: string): string | null => new RegExp(` ${name}=(\\S+)`).exec(rule?.["rest"] ?? "")?.[1] ?? null;
  const perMinute = (name: string): number | null => (value(name) === null ? null : Number(value(name)));
  return {
    requestsPerMinute: perMinute("rpm"),
    inputTokensPerMinute: perMinute("itpm"),
    outputTokensPerMinute: perMinute("otpm"),
    concurrency: boundsOf(value("concurrency"), bounds),
  };
}

function names(groups: Record<string, string | undefined> | undefined, lane: string): boolean {
  const [provider, family = ""] = lane.split(".");
  const named = groups?.["family"]?.replaceAll(/[^A-Za-z0-9_-]+/g, "-");
  return groups?.["provider"] === provider && (named === undefined || named === family);
}

function boundsOf(text: string | null, bounds: ConcurrencyBounds): ConcurrencyBounds {
  if (text === null) return bounds;
  const [first = "", second] = text.split("-");
  const max = Number(second ?? first);
  const min = Math.min(max, second === undefined ? bounds.min : Number(first));
  return { min, max, start: Math.max(min, Math.min(max, bounds.start)) };
}
