// The thread in which PDFs are read, one after another; pdf.ts starts it, bounds it and ends it.
import { parentPort } from "node:worker_threads";
import type { ParsedDocument } from "../block.ts";
import { pdfDocument } from "./pdf-document.ts";

/** What the thread answers for each file. */
export type PdfAnswer = { document: ParsedDocument } | { problem: string };

// pdf.js recovers from many a damaged object and forgets a promise that was rejected on the way: it says nothing about
// the document, which is still read, refused, or stopped by the deadline.
process.on("unhandledRejection", () => undefined);

parentPort?.on("message", (bytes: Uint8Array) => {
  void answerTo(bytes).then((answer) => parentPort?.postMessage(answer));
});

async function answerTo(bytes: Uint8Array): Promise<PdfAnswer> {
  try {
    return { document: await pdfDocument(bytes) };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
