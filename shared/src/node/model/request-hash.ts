// The journal's key: two requests with the same hash would be answered alike, so the second is never bought.
import { sha256Hex } from "../derive-id.ts";
import type { CompletionRequest, Model } from "./model.ts";

/** JSON with object keys sorted by code unit and absent properties dropped: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    member !== null && typeof member === "object" && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : member,
  );
}

/**
 * SHA-256 over everything that decides an answer. `purpose` and `cacheable` do not: the one is bookkeeping, the other
 * changes the price only.
 */
export function requestHashOf(model: Pick<Model, "id" | "settings">, request: CompletionRequest): string {
  return sha256Hex(
    canonicalJson({
      v: 1,
      model: model.id,
      settings: model.settings ?? {},
      system: request.system,
      messages: request.messages.map(({ role, content }) => ({ role, content: content.map(({ text }) => text) })),
      output: request.output,
      outputTokensMax: request.outputTokensMax,
      seed: request.seed,
    }),
  );
}
