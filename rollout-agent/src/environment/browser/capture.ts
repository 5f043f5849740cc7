// Asks the browser for the accessibility trees of a page and its frames, and where their elements are.
import { AxNode, type FrameSnapshot, type Rect } from "@hindcast/shared/node";
import type { CDPSession } from "playwright-core";
import { z } from "zod";
import { boxAround } from "./element.ts";

// The protocol's types can only be had through the calls that return them.
type Snapshot = Awaited<ReturnType<typeof takeSnapshot>>;
type Document = Snapshot["documents"][number];

const Nodes = z.array(AxNode);
const frameDepthMax = 10;
/** Fields of one document whose text is looked for. */
const innerTextsMax = 200;

/** Key of a document: the frame, and the load that filled it. */
const keyOf = (frame: { id: string; loaderId: string }): string => `${frame.id} ${frame.loaderId}`;

export async function captureFrames(session: CDPSession): Promise<FrameSnapshot> {
  const [{ frameTree }, snapshot] = await Promise.all([session.send("Page.getFrameTree"), takeSnapshot(session)]);
  const keys = new Map<string, string>();
  const visit = (tree: typeof frameTree): void => {
    keys.set(tree.frame.id, keyOf(tree.frame));
    tree.childFrames?.forEach(visit);
  };
  visit(frameTree);
  return await captureDocument({ session, snapshot, keys }, 0, { x: 0, y: 0, depth: 0 });
}

function takeSnapshot(session: CDPSession) {
  return session.send("DOMSnapshot.captureSnapshot", { computedStyles: [], includeDOMRects: true });
}

interface Source {
  session: CDPSession;
  snapshot: Snapshot;
  keys: ReadonlyMap<string, string>;
}

/** @param place of the document's top left corner in the top viewport. */
async function captureDocument(
  { session, snapshot, keys }: Source,
  index: number,
  place: { x: number; y: number; depth: number },
): Promise<FrameSnapshot> {
  const document = snapshot.documents[index];
  const frameId = snapshot.strings[document?.frameId ?? -1] ?? "";
  if (document === undefined) return empty(frameId);
  const backendIds = document.nodes.backendNodeId ?? [];
  const origin = { x: place.x - (document.scrollOffsetX ?? 0), y: place.y - (document.scrollOffsetY ?? 0) };
  const { rects, insets } = placesOf(document, origin);
  const tree = treeOf(session, frameId, { known: new Set(backendIds), rects });
  const children = await Promise.all(
    innerDocuments(document).map(async ({ node, inner }): Promise<[number, FrameSnapshot] | null> => {
      const backendId = backendIds[node];
      const rect = backendId === undefined ? undefined : rects.get(backendId);
      if (backendId === undefined || rect === undefined || place.depth >= frameDepthMax) return null;
      const inset = insets.get(backendId) ?? { x: 0, y: 0 };
      const corner = { x: rect.x + inset.x, y: rect.y + inset.y, depth: place.depth + 1 };
      return [backendId, await captureDocument({ session, snapshot, keys }, inner, corner)];
    }),
  );
  return {
    key: keys.get(frameId) ?? frameId,
    nodes: await tree,
    rects,
    clickable: new Set((document.nodes.isClickable?.index ?? []).flatMap((node) => backendIds[node] ?? [])),
    children: new Map(children.filter((child) => child !== null)),
  };
}

/** Adds to `rects` what the snapshot does not know: the text inside of fields, which is the browser's own. */
async function treeOf(
  session: CDPSession,
  frameId: string,
  { known, rects }: { known: ReadonlySet<number>; rects: Map<number, Rect> },
): Promise<AxNode[]> {
  const nodes = await session.send("Accessibility.getFullAXTree", { frameId }).then(
    (answer) => Nodes.parse(answer.nodes),
    // A frame that went away meanwhile has no tree.
    () => [],
  );
  const inner = nodes.filter(
    ({ backendDOMNodeId: id, role, name }) =>
      id !== undefined && !known.has(id) && role?.value === "StaticText" && name?.value !== "",
  );
  await Promise.all(
    inner.slice(0, innerTextsMax).map(async ({ backendDOMNodeId: id = -1 }) => {
      const rect = await boxOf(session, id);
      if (rect !== null) rects.set(id, rect);
    }),
  );
  return nodes;
}

async function boxOf(session: CDPSession, backendNodeId: number): Promise<Rect | null> {
  try {
    const { quads } = await session.send("DOM.getContentQuads", { backendNodeId });
    return quads[0] === undefined ? null : boxAround(quads[0]);
  } catch {
    // It has no box: it is not shown.
    return null;
  }
}

function innerDocuments({ nodes }: Document): { node: number; inner: number }[] {
  const { index = [], value = [] } = nodes.contentDocumentIndex ?? {};
  return index.map((node, position) => ({ node, inner: value[position] ?? -1 }));
}

/** Boxes by backend id, in the top viewport, and how far the content of each is from its corner (its border). */
function placesOf(
  { layout, nodes }: Document,
  origin: { x: number; y: number },
): { rects: Map<number, Rect>; insets: Map<number, { x: number; y: number }> } {
  const rects = new Map<number, Rect>();
  const insets = new Map<number, { x: number; y: number }>();
  for (const [position, node] of layout.nodeIndex.entries()) {
    const backendId = nodes.backendNodeId?.[node];
    const [x, y, width, height] = layout.bounds[position] ?? [];
    if (backendId === undefined || x === undefined || y === undefined) continue;
    rects.set(backendId, { x: x + origin.x, y: y + origin.y, width: width ?? 0, height: height ?? 0 });
    const [left, top] = layout.clientRects?.[position] ?? [];
    if (left !== undefined && top !== undefined) insets.set(backendId, { x: left, y: top });
  }
  return { rects, insets };
}

function empty(key: string): FrameSnapshot {
  return { key, nodes: [], rects: new Map(), clickable: new Set(), children: new Map() };
}
