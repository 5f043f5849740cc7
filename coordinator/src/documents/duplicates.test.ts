// Requirements: 3.1.duplicates
import { Document } from "@hindcast/shared";
import { deriveId } from "@hindcast/shared/node";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DocumentDeduplicator, nearDuplicateThreshold } from "./duplicates.ts";

const aDocument = (source: string, text: string): Document =>
  Document.parse({ id: deriveId("doc", text), source, part: 0, title: source, headingPath: [], text, tokens: 1 });
const sentence = (i: number): string => `Lantern number ${i} hangs in room ${i * 7} and burns for ${i * 3} hours.`;
const manual = Array.from({ length: 60 }, (_, i) => sentence(i));

describe("DocumentDeduplicator", () => {
  it("keeps the first of texts that differ in case, spacing and punctuation only", () => {
    const deduplicator = new DocumentDeduplicator();
    expect(deduplicator.add(aDocument("a", "Light the LANTERN, now."))).toBe(true);
    expect(deduplicator.add(aDocument("b", "light the\n  lantern now"))).toBe(false);
    expect(deduplicator.documents.map(({ source }) => source)).toEqual(["a"]);
    expect(deduplicator.duplicates).toEqual([{ source: "b#0", of: "a#0", similarity: 1 }]);
  });

  it("drops a copy with a few changed words and says how similar it is", () => {
    const deduplicator = new DocumentDeduplicator();
    deduplicator.add(aDocument("v1", manual.join("\n")));
    expect(deduplicator.add(aDocument("v2", manual.with(30, "This lantern is new.").join("\n")))).toBe(false);
    expect(deduplicator.duplicates[0]?.similarity).toBeGreaterThan(nearDuplicateThreshold);
    expect(deduplicator.duplicates[0]?.similarity).toBeLessThan(1);
  });

  it("keeps a text that shares only a part with another", () => {
    const deduplicator = new DocumentDeduplicator();
    deduplicator.add(aDocument("all", manual.join("\n")));
    expect(deduplicator.add(aDocument("half", manual.slice(0, 30).join("\n")))).toBe(true);
    expect(deduplicator.add(aDocument("other", "Something else entirely about tents and poles."))).toBe(true);
  });

  it("accounts for every document, whatever the texts", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => text.trim() !== "")),
        (texts) => {
          const deduplicator = new DocumentDeduplicator();
          texts.forEach((text, i) => deduplicator.add(aDocument(String(i), text)));
          expect(deduplicator.documents.length + deduplicator.duplicates.length).toBe(texts.length);
          for (const { text } of deduplicator.documents) expect(deduplicator.add(aDocument("again", text))).toBe(false);
        },
      ),
    );
  });
});
