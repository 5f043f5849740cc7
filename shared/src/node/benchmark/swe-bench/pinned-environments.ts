// Which of the published environments an instance runs in. Upstream pinned Verified's: an image is built for each
// repository and version, so that an instance of Lite has the one of another instance of its version.
import type { PinnedPython } from "../../../domain/swe-bench.ts";
import type { SweBenchInstance } from "./instance.ts";

export interface PinnedEnvironment {
  environment: PinnedPython;
  /** Whose pins these are: the instance's own, or those of another instance. */
  pinnedFor: string;
}

type Wanted = Pick<SweBenchInstance, "instance_id" | "repo" | "version">;

export class PinnedEnvironments {
  readonly #own = new Map<string, PinnedEnvironment>();
  readonly #ofVersion = new Map<string, PinnedEnvironment[]>();

  has(instanceId: string): boolean {
    return this.#own.has(instanceId);
  }

  /** @param of what the pins say they are for; pins of tasks that were made here say nothing */
  add(
    instanceId: string,
    environment: PinnedPython,
    of: { repo?: string | undefined; version?: string | undefined },
  ): void {
    const pinned = { environment, pinnedFor: instanceId };
    this.#own.set(instanceId, pinned);
    if (of.repo === undefined || of.version === undefined) return;
    const key = versionKey(of.repo, of.version);
    this.#ofVersion.set(key, [...(this.#ofVersion.get(key) ?? []), pinned]);
  }

  /**
   * The instance's own; otherwise that of the nearest pull request to the same version of the same repository, as some
   * versions' pins changed with their requirements. Null: nobody pinned one.
   */
  find({ instance_id: id, repo, version }: Wanted): PinnedEnvironment | null {
    const own = this.#own.get(id);
    if (own !== undefined) return own;
    const [nearest] = (this.#ofVersion.get(versionKey(repo, version)) ?? []).toSorted(
      (a, b) => distance(a.pinnedFor, id) - distance(b.pinnedFor, id),
    );
    return nearest ?? null;
  }
}

const versionKey = (repo: string, version: string): string => `${repo.toLowerCase()} ${version}`;

/** Between the numbers that two ids end in. */
function distance(one: string, other: string): number {
  const [a, b] = [one, other].map((id) => Number(/\d+$/.exec(id)?.[0] ?? 0));
  return Math.abs((a ?? 0) - (b ?? 0));
}
