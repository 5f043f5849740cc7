import { type CampaignId, type Change, decode, limits, Task } from "@hindcast/shared";
import type { Bus, DeadLetter } from "@hindcast/shared/node";
import { unchanged, unknownTarget } from "./targets.ts";

interface Letter {
  letter: DeadLetter;
  /** Null for what this version cannot read; its subject still says whose it was. */
  task: Task | null;
  taskId: string;
  campaign: string;
}

/**
 * Puts dead letters back into their queues: one by its number, one by its task, a campaign's, or all.
 * @throws BUS_NOT_FOUND when nothing is called so
 */
export async function requeue(bus: Pick<Bus, "deadLetters" | "results">, target: string | null): Promise<Change[]> {
  const letters = (await bus.deadLetters.list()).map(readLetter);
  const wanted = target === null ? letters : letters.filter((letter) => isCalled(letter, target));
  if (wanted.length === 0 && target !== null) {
    const names = letters.flatMap(({ letter, taskId, campaign }) => [String(letter.sequence), taskId, campaign]);
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

async function requeueOne(
  bus: Pick<Bus, "deadLetters" | "results">,
  { letter, task, taskId }: Letter,
): Promise<Change> {
  const what = { what: `dead letter ${letter.sequence} (${taskId})`, campaignId: task?.campaignId ?? null };
  const result = task === null ? null : await bus.results.get(task.campaignId, task.taskId);
  if (result !== null) {
    const problem =
      "its task has its terminal record, which is written once: no worker would do anything. `hindcast dead-letters drop` removes it";
    return unchanged(what, "dead", problem);
  }
  await bus.deadLetters.requeue(letter.sequence);
  return { ...what, before: "dead", after: "queued", problem: null };
}

function isCalled({ letter, taskId, campaign }: Letter, target: string): boolean {
  return [String(letter.sequence), taskId, campaign].includes(target);
}

function readLetter(letter: DeadLetter): Letter {
  const [campaign = "", taskId = ""] = letter.subject.split(".").slice(3);
  return { letter, task: readTask(letter), taskId, campaign: campaign as CampaignId };
}

function readTask({ payload }: DeadLetter): Task | null {
  try {
    return decode(Task, payload);
  } catch {
    // What cannot be read has no record either; a newer agent may be there by now.
    return null;
  }
}
