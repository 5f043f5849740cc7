// What the DevTools protocol tells of a page, and the one tree that a page with its frames makes: nodes that are of no
// use to a reader are out of it, nodes outside of the viewport where only that is asked for.
import { z } from "zod";

const AxValue = z.looseObject({ value: z.unknown().optional() });

/** A node of `Accessibility.getFullAXTree`; everything else that it holds is ignored. */
export const AxNode = z.looseObject({
  nodeId: z.string(),
  ignored: z.boolean().default(false),
  role: AxValue.optional(),
  name: AxValue.optional(),
  value: AxValue.optional(),
  properties: z.array(z.looseObject({ name: z.string(), value: AxValue })).default([]),
  childIds: z.array(z.string()).default([]),
  backendDOMNodeId: z.int().optional(),
});
export type AxNode = z.infer<typeof AxNode>;

/** In CSS pixels of the top viewport. */
export interface Rect {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Size {
  width: number;
  height: number;
}

/** One document: its nodes, root first, and what is known of their elements by backend id. */
export interface FrameSnapshot {
  /** Names the document: a page that is loaded anew has another. */
  key: string;
  nodes: readonly AxNode[];
  rects: ReadonlyMap<number, Rect>;
  clickable: ReadonlySet<number>;
  /** By backend id of the `iframe` element. */
  children: ReadonlyMap<number, FrameSnapshot>;
}

export interface PageNode {
  frame: FrameSnapshot;
  ax: AxNode;
  rect: Rect | null;
  children: PageNode[];
}

/** An element counts as visible from this share of its area on. */
const visibleShareMin = 0.6;
/** Depth of the tree that is read; a page that nests deeper is cut. */
const depthMax = 400;

/**
 * The tree of `frame` and the frames in it.
 * @param viewport nodes with less than 0.6 of their area inside are left out, their children stay; null keeps all.
 * @param withFoldedOptions keeps the options of a list that is seen, which have no place until it is unfolded: for
 *   action languages that choose them by name.
 */
export function pageTree(
  frame: FrameSnapshot,
  viewport: Size | null,
  { withFoldedOptions = false }: { withFoldedOptions?: boolean } = {},
): PageNode | null {
  return frameTree(frame, { viewport, withFoldedOptions, depth: 0 });
}

interface Context {
  viewport: Size | null;
  withFoldedOptions: boolean;
  depth: number;
}

function frameTree(frame: FrameSnapshot, { viewport, withFoldedOptions, depth }: Context): PageNode | null {
  // Some nodes come twice; the first counts.
  const byId = new Map<string, AxNode>();
  for (const node of frame.nodes) if (!byId.has(node.nodeId)) byId.set(node.nodeId, node);
  const root = frame.nodes[0];
  if (root === undefined) return null;
  const seen = new Set<string>([root.nodeId]);
  const childrenOf = (node: AxNode, level: number, isInList = false): PageNode[] => {
    if (level >= depthMax) return [];
    const inside = frame.children.get(node.backendDOMNodeId ?? -1);
    const nested = inside === undefined ? null : frameTree(inside, { viewport, withFoldedOptions, depth: level + 1 });
    const own = node.childIds.flatMap((id) => {
      const child = byId.get(id);
      if (child === undefined || seen.has(id)) return [];
      seen.add(id);
      const rect = frame.rects.get(child.backendDOMNodeId ?? -1) ?? null;
      const isSeen = isKept(child, rect, viewport);
      const role = child.role?.value;
      const children = childrenOf(child, level + 1, role === "combobox" ? isSeen : isInList);
      const isFoldedOption = withFoldedOptions && isInList && role === "option";
      return isSeen || isFoldedOption ? [{ frame, ax: child, rect: isSeen ? rect : null, children }] : children;
    });
    return nested === null ? own : [...own, nested];
  };
  return { frame, ax: root, rect: null, children: childrenOf(root, depth) };
}

function isKept(node: AxNode, rect: Rect | null, viewport: Size | null): boolean {
  // Pieces of lines have no element of their own.
  if (node.role?.value === "InlineTextBox") return false;
  return viewport === null || (rect !== null && visibleShare(rect, viewport) >= visibleShareMin);
}

/** How much of an element's area lies inside the viewport, 0 to 1; 0 for one without area. */
export function visibleShare({ x, y, width, height }: Rect, viewport: Size): number {
  if (width <= 0 || height <= 0) return 0;
  const across = Math.max(0, Math.min(x + width, viewport.width) - Math.max(x, 0));
  const down = Math.max(0, Math.min(y + height, viewport.height) - Math.max(y, 0));
  return (across * down) / (width * height);
}
