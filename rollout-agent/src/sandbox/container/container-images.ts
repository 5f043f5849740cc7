// Images that a container daemon keeps as copies of the image cache's. They are imported and never pulled, and the cache
// counts and evicts them with its own: a label tells whose they are, the tag which image.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { limits } from "@hindcast/shared";
import type { ImageCopy } from "../../image/image-cache.ts";
import type { ImageRef } from "../sandbox.ts";
import type { DockerEngine } from "./docker-engine.ts";

const repository = "hindcast-image";
/** Of an image: the folder of the cache that it is a copy of. */
const cacheLabel = "hindcast.images";
/** Half of the hash: what people read stays readable, and no two images have met in 128 bits. */
const tagLength = 32;
const draftEnd = "-draft";

interface ListedImage {
  RepoTags: string[] | null;
  Labels: Record<string, string> | null;
  Size: number;
}

function tagOf(hash: string): string {
  return hash.slice(0, tagLength);
}

/**
 * The daemon's own name of the image, which is imported where it is not there.
 *
 * @param folder of the image cache: who may evict it
 * @throws SANDBOX_UNAVAILABLE
 */
export async function importImage(
  engine: DockerEngine,
  { path, hash }: ImageRef & { kind: "root" },
  { folder, signal }: { folder: string; signal: AbortSignal },
): Promise<string> {
  const tag = tagOf(hash);
  const reference = `${repository}:${tag}`;
  const found = await engine.call("GET", `/images/${reference}/json`, { allowed: [404], signal });
  if (found.status !== 404) return reference;
  const tar = spawn("tar", ["--numeric-owner", "--one-file-system", "-C", path, "-c", "."], {
    stdio: ["ignore", "pipe", "ignore"],
    signal,
  });
  const packed = once(tar, "close");
  const label = encodeURIComponent(`LABEL ${cacheLabel}=${JSON.stringify(folder)}`);
  // Under a name that nobody asks for until it is whole.
  const draft = `fromSrc=-&repo=${repository}&tag=${tag}${draftEnd}&changes=${label}`;
  await engine.call("POST", `/images/create?${draft}`, { body: tar.stdout, timeoutMs: limits.imageLockWaitMs });
  const [code] = (await packed) as [number | null];
  if (code !== 0) throw new Error(`${path} could not be packed: tar ended with ${String(code)}`);
  await engine.call("POST", `/images/${reference}${draftEnd}/tag?repo=${repository}&tag=${tag}`);
  await engine.call("DELETE", `/images/${reference}${draftEnd}`, { allowed: [404] });
  return reference;
}

/** What the daemon keeps of this cache's images, what an import left unfinished too. @throws SANDBOX_UNAVAILABLE */
export async function listCopies(engine: DockerEngine, folder: string): Promise<ImageCopy[]> {
  const filters = encodeURIComponent(JSON.stringify({ reference: [repository] }));
  const found = await engine.get<ListedImage[]>(`/images/json?filters=${filters}`);
  return found
    .filter(({ Labels }) => Labels?.[cacheLabel] === folder)
    .flatMap(({ RepoTags, Size }) =>
      (RepoTags ?? []).flatMap((reference) => {
        const [name, tag = ""] = reference.split(":");
        if (name !== repository) return [];
        const copy: ImageCopy = {
          isOf: (hash) => tag.replace(draftEnd, "") === tagOf(hash),
          isWhole: !tag.endsWith(draftEnd),
          bytes: Size,
          remove: async () => {
            // 409: a container runs from it. Without `force`, the daemon is who knows.
            const { status } = await engine.call("DELETE", `/images/${reference}`, { allowed: [404, 409] });
            return status !== 409;
          },
        };
        return [copy];
      }),
    );
}
