import type { Purpose } from "../../domain/usage.ts";
import type { ContentPart, ModelMessage } from "../model/model.ts";
import { sha256Hex } from "../derive-id.ts";
import { sectionsAreData } from "./sections.ts";

/** The fixed words of a prompt: who the model is, what it does, and what comes after the data. */
export interface Template {
  purpose: Purpose;
  system: string;
  /** Closing request after the sections. */
  request: string;
}

/** Bump when the layout of sections changes in a way that the words do not show. */
const layoutVersion = "1";

/** SHA-256 over the fixed words: equal hashes were written by equal templates. */
export function templateHash(template: Template): string {
  return sha256Hex(JSON.stringify([layoutVersion, template.purpose, template.system, template.request]));
}

/** The system text with the rule about sections. */
export function systemText(template: Template): string {
  return `${template.system}\n\n${sectionsAreData}`;
}

/** One user message from its parts; the parts listed in `cacheable` end a stable prefix. */
export function userMessage(parts: readonly string[], cacheable: readonly number[] = []): ModelMessage {
  const content = parts.map((text, index): ContentPart => {
    const spaced = index === parts.length - 1 ? text : `${text}\n\n`;
    return cacheable.includes(index) ? { kind: "text", text: spaced, cacheable: true } : { kind: "text", text: spaced };
  });
  return { role: "user", content };
}
