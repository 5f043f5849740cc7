import type { LaneId } from "../../protocol/admission.ts";
import { sha256Hex } from "../derive-id.ts";

export interface LaneIdentity {
  provider: "anthropic" | "gemini" | "openai";
  baseUrl: string;
  apiKey: string;
  model: string;
}

/** Whom a request's rate limits are shared with: provider, family of models, and a hash of endpoint and key. */
export function laneIdOf({ provider, baseUrl, apiKey, model }: LaneIdentity): LaneId {
  const family = familyOf(provider, model);
  const name = family.replaceAll(/[^A-Za-z0-9_-]+/g, "-").slice(0, 80);
  return `${provider}.${name}.${sha256Hex(JSON.stringify([baseUrl, apiKey, family])).slice(0, 12)}`;
}

/**
 * Snapshots (`-20260915`, `-001`) share the limits of their model. Anthropic pools those of one generation of a class:
 * Sonnet 5 and 5.5, say.
 */
function familyOf(provider: LaneIdentity["provider"], model: string): string {
  const bare = model.replace(/(?:-\d{3,8}){1,2}$/, "");
  return provider === "anthropic" ? bare.replace(/^(claude-[a-z]+-\d+)-\d+$/, "$1") : bare;
}
