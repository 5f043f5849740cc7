import { type Change, decode, HindcastError, limits, streams, Task } from "@hindcast/shared";
import type { Bus, DeadLetter } from "@hindcast/shared/node";
import { unchanged, unknownTarget } from "./targets.ts";

interface Letter {
  letter: DeadLetter;
  /** Null for what this version cannot read; its subject still says whose it was. */
  task: Task | null;
  /** Of the task, or of whatever else it is. */
  name: string;
  /** Null for what belongs to none. */
  campaign: string | null;
}

/**
 * Puts dead letters back into their queues: one by its number, one by its task, a campaign's, or all.
 * @throws BUS_NOT_FOUND when nothing is called so
 */
export async function requeue(bus: Pick<Bus, "deadLetters">, target: string | null): Promise<Change[]> {
  const letters = (await bus.deadLetters.list()).map(readLetter);
  const wanted = target === null ? letters : letters.filter((letter) => namesOf(letter).includes(target));
  if (wanted.length === 0 && target !== null) {
    const names = letters.flatMap(namesOf);
    throw unknownTarget(target, "dead letter, task or campaign with dead letters", names);
  }
  const changes: Change[] = [];
  for (const letter of wanted.slice(0, limits.changesMax - 1)) changes.push(await requeueOne(bus, letter));
  const left = wanted.length - changes.length;
  if (left > 0) {
    const rest = { what: `${left} more dead letters`, campaignId: null };
    changes.push(unchanged(rest, "dead", "that is more than one command takes; give it again"));
  }
  return changes;
}

/** What a requeue would help nothing, of a task that has ended or is held, stays and says why. */
async function requeueOne(bus: Pick<Bus, "deadLetters">, { letter, task, name }: Letter): Promise<Change> {
  const what = { what: `dead letter ${letter.sequence} (${name})`, campaignId: task?.campaignId ?? null };
  try {
    await bus.deadLetters.requeue(letter.sequence);
  } catch (error) {
    if (!(error instanceof HindcastError && error.code === "BUS_CONFLICT")) throw error;
    return unchanged(what, "dead", error.message);
  }
  return { ...what, before: "dead", after: "queued", problem: null };
}

function namesOf({ letter, name, campaign }: Letter): string[] {
  return [String(letter.sequence), name, ...(campaign === null ? [] : [campaign])];
}

function readLetter(letter: DeadLetter): Letter {
  const tokens = letter.subject.split(".");
  const campaign = letter.stream === streams.tasks ? (tokens[3] ?? null) : null;
  return { letter, task: readTask(letter), name: tokens.at(-1) ?? "", campaign };
}

function readTask({ payload }: DeadLetter): Task | null {
  try {
    return decode(Task, payload);
  } catch {
    // What cannot be read has no record either; a newer agent may be there by now.
    return null;
  }
}
