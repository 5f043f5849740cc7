// Gives new replicas an index to start from. After a checkpoint one replica per partition puts the files of its index
// into the object store and a pointer to them into a bucket; a replica whose folder is empty or behind fetches them and
// replays only the rest of the stream.
//
// It is a short cut and never a source of truth: whatever is missing or damaged, the replica rebuilds from the stream.
// Parts are named by their content, so a segment that did not change is not sent again.
import { createHash } from "node:crypto";
import { copyFile, link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BlobRef, HindcastError, limits, messageOf, Timestamp } from "@hindcast/shared";
import type { IndexBlobStore, Logger, RecordStore } from "@hindcast/shared/node";
import { z } from "zod";
import type { CheckpointFiles } from "./index-stats.ts";

const SnapshotFile = z.strictObject({
  /** A plain name: files lie in one folder. */
  name: z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,200}$/),
  bytes: z.int().nonnegative(),
  checksum: z.string().max(200),
  parts: z.array(BlobRef),
});

/** The newest snapshot of one partition and index version, and who is about to replace it. */
export const SnapshotPointer = z.strictObject({
  v: z.literal(1),
  kind: z.literal("index.snapshot"),
  indexVersion: z.string(),
  partition: z.int().nonnegative(),
  partitions: z.int().positive(),
  snapshot: z
    .strictObject({ sequence: z.int().nonnegative(), files: z.array(SnapshotFile), publishedAt: Timestamp })
    .nullable(),
  /** Until then nobody else publishes: two replicas' files differ, and would be sent twice for nothing. */
  claimedUntil: Timestamp.nullable(),
});
export type SnapshotPointer = z.infer<typeof SnapshotPointer>;
type Snapshot = NonNullable<SnapshotPointer["snapshot"]>;

export interface SnapshotExchangeOptions {
  pointers: RecordStore<SnapshotPointer>;
  blobs: IndexBlobStore;
  /** The index's own folder; its neighbours `<folder>.incoming` and `<folder>.outgoing` are used in between. */
  folder: string;
  partition: { index: number; of: number };
  indexVersion: string;
  logger: Logger;
  /** @default limits.snapshotPartBytes */
  partBytes?: number;
  now?: () => Date;
}

interface OpenIndex {
  readonly sequence: number;
  close(): Promise<void>;
}

export class SnapshotExchange {
  readonly #options: SnapshotExchangeOptions;
  readonly #partBytes: number;
  readonly #now: () => Date;
  #publishing: Promise<void> | null = null;

  constructor(options: SnapshotExchangeOptions) {
    this.#options = options;
    this.#partBytes = options.partBytes ?? limits.snapshotPartBytes;
    this.#now = options.now ?? (() => new Date());
  }

  /**
   * The index that `open` finds, or a newer one that was published, or an empty one where `open` finds what is beyond
   * the stream's end: the stream was replaced. `index` is closed when another takes its place. Never fails for the
   * exchange's sake: what cannot be fetched is logged, and the stream has it all.
   */
  async openNewest<I extends OpenIndex>(
    index: I,
    open: () => Promise<I>,
    { streamEnd, signal }: { streamEnd: number; signal: AbortSignal },
  ): Promise<I> {
    if (index.sequence <= streamEnd) return await this.#openNewer(index, open, { streamEnd, signal });
    this.#options.logger.warn({ event: "index.outdated", sequence: index.sequence, streamEnd });
    await index.close();
    const empty = await this.#openEmpty(open);
    return await this.#openNewer(empty, open, { streamEnd, signal });
  }

  async #openNewer<I extends OpenIndex>(
    index: I,
    open: () => Promise<I>,
    { streamEnd, signal }: { streamEnd: number; signal: AbortSignal },
  ): Promise<I> {
    const { folder, logger } = this.#options;
    const incoming = `${folder}.incoming`;
    const previous = `${folder}.previous`;
    let isOpen = true;
    try {
      const found = await this.#options.pointers.get(this.#key);
      const snapshot = found?.value.snapshot ?? null;
      if (snapshot !== null && snapshot.sequence > streamEnd) {
        logger.warn({ event: "snapshot.outdated", sequence: snapshot.sequence, streamEnd });
        await this.#options.pointers.delete(this.#key);
        return index;
      }
      if (snapshot === null || snapshot.sequence <= index.sequence) return index;
      await this.#fetch(snapshot, incoming, signal);
      await index.close();
      isOpen = false;
      await rm(previous, { recursive: true, force: true });
      await rename(folder, previous);
      await rename(incoming, folder);
      logger.info({ event: "snapshot.fetched", sequence: snapshot.sequence, files: snapshot.files.length });
      return await this.#openFetched(snapshot, { open, previous });
    } catch (error) {
      // What was there before, where nothing has taken its place: onto a folder that holds something this fails.
      if (!isOpen) await rename(previous, folder).catch(() => undefined);
      signal.throwIfAborted();
      logger.warn({ event: "snapshot.unavailable", problem: messageOf(error) });
      return isOpen ? index : await open();
    } finally {
      // Also what a process that was killed in between has left.
      for (const left of [incoming, previous]) await rm(left, { recursive: true, force: true });
    }
  }

  /**
   * Publishes a checkpoint in the background unless a newer one is published or another replica is about to. Resolves
   * once the files are held, so that the index may go on and remove them.
   */
  async offer(checkpoint: CheckpointFiles, signal: AbortSignal): Promise<void> {
    if (this.#publishing !== null || checkpoint.files.length === 0 || signal.aborted) return;
    const outgoing = `${this.#options.folder}.outgoing`;
    await this.#hold(checkpoint, outgoing);
    this.#publishing = this.#publishHeld(checkpoint, outgoing, signal);
  }

  /** Resolves when nothing is being published. */
  async settled(): Promise<void> {
    await this.#publishing;
  }

  /** Bucket keys take no version text as it is. */
  get #key(): string {
    const { partition, indexVersion } = this.#options;
    const version = createHash("sha256").update(indexVersion).digest("hex").slice(0, 16);
    return `${partition.of}.${partition.index}.${version}`;
  }

  async #openFetched<I extends OpenIndex>(
    snapshot: Snapshot,
    { open, previous }: { open: () => Promise<I>; previous: string },
  ): Promise<I> {
    try {
      const opened = await open();
      if (opened.sequence === snapshot.sequence) return opened;
      await opened.close();
      throw new Error(`the fetched index is at ${opened.sequence}, not at ${snapshot.sequence}`);
    } catch (error) {
      // What the index refuses would be refused at every start; what was there before is whole.
      this.#options.logger.warn({ event: "snapshot.refused", problem: messageOf(error) });
      await rm(this.#options.folder, { recursive: true, force: true });
      await rename(previous, this.#options.folder);
      return await open();
    }
  }

  async #openEmpty<I extends OpenIndex>(open: () => Promise<I>): Promise<I> {
    await rm(this.#options.folder, { recursive: true, force: true });
    await mkdir(this.#options.folder, { recursive: true });
    return await open();
  }

  async #fetch(snapshot: Snapshot, incoming: string, signal: AbortSignal): Promise<void> {
    await rm(incoming, { recursive: true, force: true });
    await mkdir(incoming, { recursive: true });
    for (const { name, bytes, parts } of snapshot.files) {
      const file = await open(join(incoming, name), "wx");
      try {
        let written = 0;
        for (const part of parts) {
          signal.throwIfAborted();
          // Checks the part's digest.
          const content = await this.#options.blobs.get(part);
          await file.write(content);
          written += content.length;
        }
        if (written !== bytes) throw new Error(`${name} has ${written} bytes in its parts, but should have ${bytes}`);
        await file.sync();
      } finally {
        await file.close();
      }
    }
  }

  /** Hard links, so that neither a later checkpoint nor its removal of old files changes what is being sent. */
  async #hold({ files }: CheckpointFiles, outgoing: string): Promise<void> {
    await rm(outgoing, { recursive: true, force: true });
    await mkdir(outgoing, { recursive: true });
    for (const { name } of files) {
      const [from, to] = [join(this.#options.folder, name), join(outgoing, name)];
      await mkdir(dirname(to), { recursive: true });
      await link(from, to).catch(() => copyFile(from, to));
    }
  }

  async #publish(checkpoint: CheckpointFiles, outgoing: string, signal: AbortSignal): Promise<void> {
    const { pointers, logger } = this.#options;
    const claim = await this.#claim(checkpoint.sequence);
    if (claim === null) return;
    try {
      const files: Snapshot["files"] = [];
      for (const file of checkpoint.files) {
        SnapshotFile.shape.name.parse(file.name);
        files.push({ ...file, parts: await this.#send(join(outgoing, file.name), file, signal) });
      }
      const snapshot = { sequence: checkpoint.sequence, files, publishedAt: this.#now().toISOString() };
      await pointers.update(this.#key, this.#pointer(snapshot, null), claim.revision);
    } catch (error) {
      // Whoever comes next need not wait for the claim to run out.
      await pointers
        .update(this.#key, this.#pointer(claim.previous, null), claim.revision)
        .catch((problem: unknown) => logger.warn({ event: "snapshot.claimed", problem: messageOf(problem) }));
      throw error;
    }
    logger.info({ event: "snapshot.published", sequence: checkpoint.sequence, files: checkpoint.files.length });
    await this.#removeOutdated();
  }

  /** Never rejects: without a snapshot the next replica only replays more. */
  async #publishHeld(checkpoint: CheckpointFiles, outgoing: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#publish(checkpoint, outgoing, signal);
    } catch (error) {
      this.#options.logger.warn({ event: "snapshot.unpublished", problem: messageOf(error) });
    }
    await rm(outgoing, { recursive: true, force: true }).catch((error: unknown) =>
      this.#options.logger.warn({ event: "snapshot.left", folder: outgoing, problem: messageOf(error) }),
    );
    this.#publishing = null;
  }

  /** Null: somebody else has published, or is about to. */
  async #claim(sequence: number): Promise<{ revision: number; previous: Snapshot | null } | null> {
    const { pointers } = this.#options;
    const now = this.#now();
    const found = await pointers.get(this.#key);
    const previous = found?.value ?? null;
    const published = previous?.snapshot?.sequence ?? -1;
    const isClaimed = previous?.claimedUntil != null && new Date(previous.claimedUntil) > now;
    if (published >= sequence || isClaimed) return null;
    const until = new Date(now.getTime() + limits.snapshotClaimMs).toISOString();
    const kept = previous?.snapshot ?? null;
    const value = this.#pointer(kept, until);
    try {
      const revision =
        found === null
          ? await pointers.create(this.#key, value)
          : await pointers.update(this.#key, value, found.revision);
      return { revision, previous: kept };
    } catch (error) {
      if (error instanceof HindcastError && error.code === "BUS_CONFLICT") return null;
      throw error;
    }
  }

  #pointer(snapshot: Snapshot | null, claimedUntil: string | null): SnapshotPointer {
    const { indexVersion, partition } = this.#options;
    return {
      v: 1,
      kind: "index.snapshot",
      indexVersion,
      partition: partition.index,
      partitions: partition.of,
      snapshot,
      claimedUntil,
    };
  }

  async #send(path: string, { name, bytes }: { name: string; bytes: number }, signal: AbortSignal): Promise<BlobRef[]> {
    const parts: BlobRef[] = [];
    const file = await open(path, "r");
    try {
      for (let sent = 0; sent < bytes; sent += this.#partBytes) {
        signal.throwIfAborted();
        const part = Buffer.alloc(Math.min(this.#partBytes, bytes - sent));
        const { bytesRead } = await file.read(part, 0, part.length, sent);
        if (bytesRead !== part.length) throw new Error(`${name} is shorter than the ${bytes} bytes it should have`);
        parts.push(await this.#options.blobs.put(part));
      }
    } finally {
      await file.close();
    }
    return parts;
  }

  /** Parts that no pointer names, and pointers of versions that nobody publishes any more. */
  async #removeOutdated(): Promise<void> {
    const { pointers, blobs, logger } = this.#options;
    const now = this.#now().getTime();
    const named = new Set<string>();
    for (const { key, value } of await pointers.entries()) {
      const age = now - new Date(value.snapshot?.publishedAt ?? now).getTime();
      if (key !== this.#key && this.#isReplaced(value) && age > limits.snapshotOtherVersionMs) {
        await pointers.delete(key);
        continue;
      }
      for (const part of value.snapshot?.files.flatMap(({ parts }) => parts) ?? []) named.add(part.sha256);
    }
    let removed = 0;
    for (const { sha256, storedAt } of await blobs.list()) {
      if (named.has(sha256) || now - new Date(storedAt).getTime() <= limits.snapshotOrphanMs) continue;
      await blobs.remove({ sha256 });
      removed += 1;
    }
    if (removed > 0) logger.info({ event: "snapshot.parts-removed", removed });
  }

  #isReplaced({ indexVersion, partitions }: SnapshotPointer): boolean {
    return indexVersion !== this.#options.indexVersion || partitions !== this.#options.partition.of;
  }
}
