// An image as one file for container runtimes and registries: `docker load`, `ctr images import` and `skopeo copy` read it.
// Two layers: the recipe's root, and the guest, so that a new guest does not ship the root again.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { copyFile, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { arch } from "node:os";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Transform } from "node:stream";
import { HindcastError } from "@hindcast/shared";
import { guestFile } from "../sandbox/sandbox-world.ts";

export interface PackedImage {
  /** Folder of the image's root. */
  root: string;
  guestPath: string;
  /** `repository:tag`. */
  reference: string;
  /** The file that is written, whole or not at all. */
  output: string;
}

const architectures: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** @throws ENVIRONMENT_SETUP_FAILED with what tar says */
export async function packImage(
  { root, guestPath, reference, output }: PackedImage,
  signal: AbortSignal,
): Promise<void> {
  // Beside its result, which is then one rename away.
  const folder = await mkdtemp(join(dirname(output), ".image-"));
  try {
    const guestRoot = join(folder, "guest");
    await mkdir(guestRoot);
    await copyFile(guestPath, join(guestRoot, basename(guestFile)));
    const owner = ["--owner=0", "--group=0", "--mode=0755"];
    const layers = [
      { name: "root.tar", digest: await tar(join(folder, "root.tar"), ["-C", root, "-c", "."], signal) },
      {
        name: "guest.tar",
        digest: await tar(join(folder, "guest.tar"), [...owner, "-C", guestRoot, "-c", "."], signal),
      },
    ];
    const configuration = {
      architecture: architectures[arch()] ?? arch(),
      os: "linux",
      config: { Entrypoint: [guestFile] },
      rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => `sha256:${digest}`) },
    };
    const manifest = [{ Config: "config.json", RepoTags: [reference], Layers: layers.map(({ name }) => name) }];
    await writeFile(join(folder, "config.json"), JSON.stringify(configuration));
    await writeFile(join(folder, "manifest.json"), JSON.stringify(manifest));
    const names = ["manifest.json", "config.json", ...layers.map(({ name }) => name)];
    await tar(join(folder, "image.tar"), ["-C", folder, "-c", ...names], signal);
    await rename(join(folder, "image.tar"), output);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns the archive's SHA-256 */
async function tar(path: string, what: readonly string[], signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  const common = ["--numeric-owner", "--one-file-system", "--sort=name"];
  const child = spawn("tar", [...common, ...what], {
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-1_000)));
  const hashed = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  // Both at once: an interrupted child rejects before its output has ended.
  const [[code]] = await Promise.all([
    once(child, "close") as Promise<[number | null]>,
    pipeline(child.stdout, hashed, createWriteStream(path)),
  ]);
  if (code === 0) return hash.digest("hex");
  const message = `${path} cannot be packed: ${said.trim()}`;
  throw new HindcastError({ code: "ENVIRONMENT_SETUP_FAILED", boundary: "environment", message });
}
