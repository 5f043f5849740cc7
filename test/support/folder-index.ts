// Stands in for an index on disk: a manifest that names files and their sequence, for tests of what moves such folders.
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CheckpointFiles, IndexFile } from "@hindcast/index-core";
import { sha256Hex } from "@hindcast/shared/node";

export class FolderIndex {
  readonly sequence: number;
  readonly folder: string;
  isClosed = false;

  constructor(folder: string, sequence: number) {
    this.folder = folder;
    this.sequence = sequence;
  }

  /** Refuses a folder whose files are not those of its manifest, as the real index does. */
  static async open(folder: string): Promise<FolderIndex> {
    await mkdir(folder, { recursive: true });
    const manifest = await readFile(join(folder, "MANIFEST"), "utf8").catch(() => null);
    if (manifest === null) return new FolderIndex(folder, 0);
    const { sequence, files } = JSON.parse(manifest) as CheckpointFiles;
    for (const { name, checksum } of files) {
      if (sha256Hex(await readFile(join(folder, name))) !== checksum) throw new Error(`${name} is damaged`);
    }
    return new FolderIndex(folder, sequence);
  }

  /** Replaces the files of the checkpoint before. */
  async checkpoint(sequence: number, contents: Record<string, string>): Promise<CheckpointFiles> {
    for (const name of await readdir(this.folder)) if (!(name in contents)) await rm(join(this.folder, name));
    const files: IndexFile[] = [];
    for (const [name, content] of Object.entries(contents)) files.push(await this.#write(name, content));
    const manifest = await this.#write("MANIFEST", JSON.stringify({ sequence, files }));
    return { sequence, files: [...files, manifest] };
  }

  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }

  async #write(name: string, content: string): Promise<IndexFile> {
    const path = join(this.folder, name);
    // A new file, as a rename makes one: what is linked elsewhere stays as it was.
    await rm(path, { force: true });
    await writeFile(path, content);
    return { name, bytes: Buffer.byteLength(content), checksum: sha256Hex(content) };
  }
}
