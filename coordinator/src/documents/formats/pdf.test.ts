// Requirements: 3.1.formats, 3.1.bad-files, 3.bad.documents
import { readFileSync } from "node:fs";
import { deflateSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ParsedDocument } from "../block.ts";
import { parsePdf, PdfReader } from "./pdf.ts";

const handbook = readFileSync(new URL("../../../../test/fixtures/documents/handbook.pdf", import.meta.url));
const live = new AbortController().signal;

describe("what is read of a PDF", () => {
  const texts = (parsed: ParsedDocument, kind: "heading" | "fence" | "text"): string[] =>
    parsed.blocks.filter((block) => block.kind === kind).map((block) => block.text);

  it("tells headings by size and listings by typeface and drops running lines", async () => {
    const parsed = await parsePdf(handbook, live);
    expect(parsed.title).toBe("Lantern handbook");
    expect(parsed.blocks.filter((block) => block.kind === "heading").map((block) => block.level)).toEqual([1, 2, 2, 2]);
    expect(texts(parsed, "heading")).toEqual(["Lantern handbook", "Lighting", "Dousing", "Storing"]);
    expect(texts(parsed, "fence")).toEqual(["lantern light porch\nlantern light garden"]);
    expect(texts(parsed, "text").join("\n")).not.toContain("Page");
  });

  it("leaves the caller's bytes as they are", async () => {
    const bytes = Uint8Array.from(handbook);
    await parsePdf(bytes, live);
    expect(Buffer.from(bytes).equals(handbook)).toBe(true);
  });
});

describe("damaged PDFs", () => {
  let stray: unknown[] = [];
  const onStray = (error: unknown): number => stray.push(error);
  beforeAll(() => {
    process.on("unhandledRejection", onStray);
  });
  afterAll(() => {
    process.off("unhandledRejection", onStray);
  });

  it("refuses a damaged file by a message", async () => {
    await expect(parsePdf(handbook.subarray(0, 300), live)).rejects.toThrow(/mend or exclude it|no text/);
    await expect(parsePdf(Buffer.from("%PDF-1.7\nnothing"), live)).rejects.toThrow(/cannot be read as PDF/);
  });

  // Each makes pdf.js reject a promise that nobody awaits, as found by changing bytes at random.
  it.each<{ damage: string; changes: [number, number][]; outcome: RegExp }>([
    {
      damage: "an inconsistent generation",
      changes: [
        [802, 18],
        [1641, 55],
      ],
      outcome: /wrong type of object/,
    },
    {
      damage: "a bad entry in the cross-reference table",
      changes: [
        [270, 207],
        [1131, 247],
      ],
      outcome: /contains no text/,
    },
    {
      damage: "an array that never ends",
      changes: [
        [1186, 40],
        [346, 91],
      ],
      outcome: /End of file inside array/,
    },
    {
      damage: "an illegal character",
      changes: [
        [1173, 41],
        [863, 37],
      ],
      outcome: /wrong type of object/,
    },
  ])("survives $damage", async ({ changes, outcome }) => {
    const result = await parsePdf(withChanges(changes), live).then(
      () => "read",
      (error: unknown) => String(error),
    );
    expect(result).toMatch(outcome);
    expect(stray).toEqual([]);
    expect((await parsePdf(handbook, live)).title).toBe("Lantern handbook");
  });

  it("takes any bytes after the signature and ends with a document or an error", async () => {
    const tail = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.string().map((text) => Buffer.from(text)),
    );
    await fc.assert(
      fc.asyncProperty(tail, async (bytes) => {
        const file = Buffer.concat([Buffer.from("%PDF-1.4\n"), bytes]);
        await expect(parsePdf(file, live).catch((error: unknown) => error)).resolves.toBeDefined();
      }),
      { numRuns: 30 },
    );
  });

  it("takes a good file with any bytes changed", async () => {
    const change = fc.tuple(fc.nat(handbook.length - 1), fc.nat(255));
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 12 }), async (changes) => {
        await expect(parsePdf(withChanges(changes), live).catch((error: unknown) => error)).resolves.toBeDefined();
      }),
      { numRuns: 200 },
    );
    expect(stray).toEqual([]);
  });
});

describe("hostile PDFs", () => {
  it("gives a file up at the deadline and reads the next one", async () => {
    const reader = new PdfReader({ timeoutMs: 3_000 });
    await expect(reader.read(nestedForms(40), live)).rejects.toThrow(/was not read as PDF within 3000 ms/);
    expect((await reader.read(handbook, live)).title).toBe("Lantern handbook");
  });

  it("gives a file up that fills the memory and reads the next one", async () => {
    const reader = new PdfReader({ memoryBytesMax: 64 * 1024 ** 2 });
    const bomb = deflateSync(Buffer.alloc(400 * 1024 ** 2, "BT (a) Tj ET\n"), { level: 1 });
    await expect(reader.read(aPdf([page, stream("/Filter /FlateDecode", bomb)]), live)).rejects.toThrow(
      /takes more than 67108864 bytes of memory/,
    );
    expect((await reader.read(handbook, live)).title).toBe("Lantern handbook");
  });

  it("stops when it is told to, and files in the queue with it", async () => {
    const reader = new PdfReader();
    const controller = new AbortController();
    const reads = [reader.read(nestedForms(40), controller.signal), reader.read(handbook, controller.signal)];
    controller.abort(new Error("interrupted"));
    for (const read of reads) await expect(read).rejects.toThrow("interrupted");
    expect((await reader.read(handbook, live)).title).toBe("Lantern handbook");
  });

  it("reads files that are given at once, each for itself", async () => {
    const files = [handbook, Buffer.from("%PDF-1.7\nnothing"), handbook];
    const outcomes = await Promise.allSettled(files.map((file) => parsePdf(file, live)));
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  });
});

function withChanges(changes: readonly (readonly [number, number])[]): Buffer {
  const bytes = Buffer.from(handbook);
  for (const [at, value] of changes) bytes[at] = value;
  return bytes;
}

const page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Resources << >> /Contents 4 0 R >>";

function stream(entries: string, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([
    Buffer.from(`<< ${entries} /Length ${bytes.length} >>\nstream\n`),
    bytes,
    Buffer.from("\nendstream"),
  ]);
}

/** A file of one page; the objects are numbered from 3, which is the page. Without a table: pdf.js looks for objects. */
function aPdf(objects: readonly (Buffer | string)[]): Buffer {
  const catalog = "<< /Type /Catalog /Pages 2 0 R >>";
  const pages = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>";
  const parts = [catalog, pages, ...objects].flatMap((object, index) => [
    Buffer.from(`${index + 1} 0 obj\n`),
    Buffer.from(object),
    Buffer.from("\nendobj\n"),
  ]);
  return Buffer.concat([Buffer.from("%PDF-1.4\n"), ...parts, Buffer.from("trailer << /Root 1 0 R >>\n%%EOF\n")]);
}

/** Each form shows the next one twice: a few kilobytes that take 2 to the power of `depth` steps to read. */
function nestedForms(depth: number): Buffer {
  const resources = (next: number): string => `<< /Font << /T 5 0 R >> /XObject << /F ${next} 0 R >> >>`;
  const letter = "BT /T 9 Tf (a) Tj ET";
  const forms = Array.from({ length: depth }, (_, index) => {
    const entries = `/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources ${resources(index + 7)}`;
    return stream(entries, index === depth - 1 ? letter : `${letter} /F Do /F Do`);
  });
  const font = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>";
  return aPdf([page.replace("<< >>", resources(6)), stream("", "/F Do"), font, ...forms]);
}
