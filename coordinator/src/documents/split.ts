import { deriveId } from "@hindcast/shared/node";
import { Document, estimateTokens } from "@hindcast/shared";
import { cutToBytes, headingBytesMax, renderBlock, type Block, type Heading, type ParsedDocument } from "./block.ts";

/** A budget below this leaves no room for a heading and a few lines. */
export const documentTokensMin = 128;
/** A section below this share of the budget is put together with its neighbours under the same heading. */
const smallShare = 0.25;
/** `estimateTokens` counts four bytes as a token. */
const bytesPerToken = 4;
const separator = "\n\n";

/**
 * Splits a document into chunks of at most `tokensMax` tokens: along its headings, from the top down, so that a section
 * that fits stays whole; small neighbours are joined; what has no heading to split at is split between blocks, then
 * between lines, and only a line that is larger than a chunk is split inside. A fence is never left open: a listing
 * that must be split becomes several fences.
 *
 * @param tokensMax at least `documentTokensMin`; by the rule of `estimateTokens`.
 */
export function splitDocument(parsed: ParsedDocument, source: string, tokensMax: number): Document[] {
  if (tokensMax < documentTokensMin) {
    throw new RangeError(`documents cannot be split to ${tokensMax} tokens; the least is ${documentTokensMin}`);
  }
  const title = cutToBytes((parsed.title ?? source).replace(/\s+/g, " ").trim(), headingBytesMax) || source;
  const bytesMax = tokensMax * bytesPerToken;
  return piecesOf(sectionTree(title, parsed.blocks), bytesMax).map((piece, part) =>
    Document.parse({
      id: deriveId("doc", piece.text),
      source,
      part,
      title,
      headingPath: piece.path,
      text: piece.text,
      tokens: estimateTokens(piece.text),
    }),
  );
}

interface Section {
  heading: Heading;
  /** Headings below the title that lead here; empty for the document itself. */
  path: string[];
  blocks: Block[];
  children: Section[];
}

interface Piece {
  path: string[];
  text: string;
}

function sectionTree(title: string, blocks: readonly Block[]): Section {
  const root: Section = { heading: { kind: "heading", level: 1, text: title }, path: [], blocks: [], children: [] };
  const open: { level: number; section: Section }[] = [{ level: 0, section: root }];
  let isFirstHeading = true;
  for (const block of blocks) {
    if (block.kind !== "heading") {
      open.at(-1)?.section.blocks.push(block);
      continue;
    }
    // The heading that the title was taken from is the document's own, not a section within it.
    const isTitle = isFirstHeading && block.text === title;
    isFirstHeading = false;
    if (isTitle) continue;
    while (open.length > 1 && (open.at(-1)?.level ?? 0) >= block.level) open.pop();
    const parent = open.at(-1)?.section ?? root;
    const section: Section = { heading: block, path: [...parent.path, block.text], blocks: [], children: [] };
    parent.children.push(section);
    open.push({ level: block.level, section });
  }
  return root;
}

function piecesOf(section: Section, bytesMax: number): Piece[] {
  const hasContent = (part: Section): boolean => part.blocks.length > 0 || part.children.some(hasContent);
  if (!hasContent(section)) return [];
  const whole = renderSection(section);
  if (Buffer.byteLength(whole) <= bytesMax) return [{ path: section.path, text: whole }];
  const own = section.blocks.length === 0 ? [] : splitBlocks([section.heading, ...section.blocks], bytesMax);
  const pieces = own.map((text) => ({ path: section.path, text }));
  return joinSmall([...pieces, ...section.children.flatMap((child) => piecesOf(child, bytesMax))], bytesMax);
}

function renderSection(section: Section): string {
  return [section.heading, ...section.blocks]
    .map(renderBlock)
    .concat(section.children.map(renderSection))
    .join(separator);
}

function joinSmall(pieces: readonly Piece[], bytesMax: number): Piece[] {
  const small = bytesMax * smallShare;
  const joined: (Piece & { bytes: number })[] = [];
  for (const piece of pieces) {
    const bytes = Buffer.byteLength(piece.text);
    const last = joined.at(-1);
    if (
      last !== undefined &&
      Math.min(last.bytes, bytes) < small &&
      last.bytes + separator.length + bytes <= bytesMax
    ) {
      last.path = commonPath(last.path, piece.path);
      last.text += separator + piece.text;
      last.bytes += separator.length + bytes;
    } else joined.push({ ...piece, bytes });
  }
  return joined.map(({ path, text }) => ({ path, text }));
}

function commonPath(a: readonly string[], b: readonly string[]): string[] {
  const end = a.findIndex((heading, at) => heading !== b[at]);
  return a.slice(0, end === -1 ? a.length : end);
}

/** Packs rendered blocks one after the other; a heading always stays with what follows it. */
function splitBlocks(blocks: readonly Block[], bytesMax: number): string[] {
  // Room for the heading line and the separator, so that a full part still fits below it.
  const partBytesMax = bytesMax - headingBytesMax - 16;
  const texts: string[] = [];
  let text = "";
  let bytes = 0;
  for (const part of blocks.flatMap((block) => splitBlock(block, partBytesMax))) {
    const partBytes = Buffer.byteLength(part);
    if (text !== "" && bytes + separator.length + partBytes > bytesMax) {
      texts.push(text);
      text = "";
      bytes = 0;
    }
    text += text === "" ? part : separator + part;
    bytes += partBytes + (bytes === 0 ? 0 : separator.length);
  }
  if (text !== "") texts.push(text);
  return texts;
}

function splitBlock(block: Block, bytesMax: number): string[] {
  const whole = renderBlock(block);
  if (block.kind === "heading" || Buffer.byteLength(whole) <= bytesMax) return [whole];
  const frame = Buffer.byteLength(whole) - Buffer.byteLength(block.text);
  return packLines(block.text, bytesMax - frame).map((text) => renderBlock({ ...block, text }));
}

/** Whole lines up to `bytesMax`; a longer line is cut at white space, or where there is none between characters. */
function packLines(text: string, bytesMax: number): string[] {
  const packed: string[] = [];
  let lines: string[] = [];
  let bytes = 0;
  const flush = (): void => {
    if (lines.some((line) => line.trim() !== "")) packed.push(lines.join("\n"));
    lines = [];
    bytes = 0;
  };
  for (const line of text.split("\n").flatMap((candidate) => cutLine(candidate, bytesMax))) {
    const lineBytes = Buffer.byteLength(line) + 1;
    if (bytes + lineBytes > bytesMax + 1) flush();
    lines.push(line);
    bytes += lineBytes;
  }
  flush();
  return packed;
}

function cutLine(line: string, bytesMax: number): string[] {
  if (Buffer.byteLength(line) <= bytesMax) return [line];
  const cuts: string[] = [];
  let cut = "";
  let bytes = 0;
  for (const word of line.split(/(?<=\s)/)) {
    const wordBytes = Buffer.byteLength(word);
    if (bytes + wordBytes > bytesMax && cut !== "") {
      cuts.push(cut);
      cut = "";
      bytes = 0;
    }
    if (wordBytes <= bytesMax) {
      cut += word;
      bytes += wordBytes;
      continue;
    }
    for (const character of word) {
      const characterBytes = Buffer.byteLength(character);
      if (bytes + characterBytes > bytesMax) {
        cuts.push(cut);
        cut = "";
        bytes = 0;
      }
      cut += character;
      bytes += characterBytes;
    }
  }
  if (cut !== "") cuts.push(cut);
  return cuts;
}
