import { isDeepStrictEqual } from "node:util";
import type { CallToolResult } from "@modelcontextprotocol/client";
import type { WorldArtifact } from "./world.ts";

/** As many as one observation holds. */
const artifactsMax = 20;

type Content = CallToolResult["content"][number];

/** What a tool answered, as text; images and other files stand beside it and are named in it. */
export function contentOf({ content, structuredContent }: CallToolResult): {
  text: string;
  artifacts: WorldArtifact[];
} {
  const artifacts: WorldArtifact[] = [];
  const lines = content.map((part) => lineOf(part, artifacts));
  // Servers should repeat structured content as text; what one does not repeat is shown.
  if (structuredContent !== undefined && !content.some((part) => repeats(part, structuredContent))) {
    lines.push(JSON.stringify(structuredContent));
  }
  return { text: lines.join("\n"), artifacts };
}

function repeats(part: Content, structured: unknown): boolean {
  if (part.type !== "text") return false;
  try {
    return isDeepStrictEqual(JSON.parse(part.text), structured);
  } catch {
    // A text and no JSON.
    return false;
  }
}

function lineOf(part: Content, artifacts: WorldArtifact[]): string {
  switch (part.type) {
    case "text":
      return part.text;
    case "image":
    case "audio":
      return kept({ stem: part.type, mediaType: part.mimeType, base64: part.data }, artifacts);
    case "resource_link":
      return `[resource ${part.name}: ${part.uri}]`;
    case "resource": {
      const { resource } = part;
      if ("text" in resource) return `[resource ${resource.uri}]\n${resource.text}`;
      const mediaType = resource.mimeType ?? "application/octet-stream";
      return `[resource ${resource.uri}]\n${kept({ stem: "resource", mediaType, base64: resource.blob }, artifacts)}`;
    }
  }
}

function kept(file: { stem: string; mediaType: string; base64: string }, artifacts: WorldArtifact[]): string {
  const bytes = Buffer.from(file.base64, "base64");
  const what = `${file.mediaType}, ${bytes.byteLength} bytes`;
  if (artifacts.length >= artifactsMax) return `[${what}, not kept]`;
  const ending = /^[a-z]+\/([a-z0-9]+)$/.exec(file.mediaType)?.[1] ?? "bin";
  const name = `${file.stem}-${artifacts.length + 1}.${ending}`;
  artifacts.push({ name, mediaType: file.mediaType.slice(0, 128), bytes });
  return `[${name}: ${what}]`;
}
