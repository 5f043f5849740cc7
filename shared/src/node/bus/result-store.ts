// The write-once terminal records: the exactly-once anchor. Acknowledgements do not fence (a worker whose lease ran out
// can still remove the task while another works on it); a second result is refused by the stream for ever. That the
// first one is the holder's, and no zombie's, is decided by closing the lease (commit.ts).
import type { CampaignId, TaskId } from "../../domain/ids.ts";
import { messageOf } from "../../errors.ts";
import { decode, encode } from "../../protocol/envelope.ts";
import { TaskResult } from "../../protocol/result.ts";
import { streams, subjects } from "../../protocol/subjects.ts";
import { isBusCode } from "./bus-errors.ts";
import type { ResultStore } from "./bus.ts";
import type { Connection } from "./connection.ts";
import { follow } from "./follower.ts";
import { store } from "./store.ts";
import { lastMessage, readAll } from "./stored.ts";

export class JetStreamResultStore implements ResultStore {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async put(result: TaskResult): Promise<"stored" | "already"> {
    const subject = subjects.result(result.campaignId, result.taskId);
    try {
      await store(this.#connection, { stream: streams.results, subject, bytes: encode(TaskResult, result) });
      return "stored";
    } catch (error) {
      if (isBusCode(error, "BUS_CONFLICT")) return "already";
      throw error;
    }
  }

  async has(campaign: CampaignId, task: TaskId): Promise<boolean> {
    return (await lastMessage(this.#connection, streams.results, subjects.result(campaign, task))) !== null;
  }

  async get(campaign: CampaignId, task: TaskId): Promise<TaskResult | null> {
    const message = await lastMessage(this.#connection, streams.results, subjects.result(campaign, task));
    return message === null ? null : decode(TaskResult, message.bytes);
  }

  async newest(campaign: CampaignId): Promise<number> {
    return (await lastMessage(this.#connection, streams.results, subjects.resultsOfCampaign(campaign)))?.sequence ?? 0;
  }

  async list(campaign: CampaignId): Promise<TaskResult[]> {
    const results: TaskResult[] = [];
    for await (const result of this.each(campaign)) results.push(result);
    return results;
  }

  async *each(campaign: CampaignId): AsyncGenerator<TaskResult> {
    for await (const message of readAll(this.#connection, streams.results, subjects.resultsOfCampaign(campaign))) {
      const result = this.#read(message.subject, message.bytes);
      if (result !== null) yield result;
    }
  }

  async *watch(campaign: CampaignId, signal: AbortSignal): AsyncGenerator<TaskResult> {
    const source = { stream: streams.results, filter: subjects.resultsOfCampaign(campaign) };
    for await (const message of follow(this.#connection, { ...source, fromSequence: 1, isRepeatable: true }, signal)) {
      const result = this.#read(message.subject, message.bytes);
      if (result !== null) yield result;
    }
  }

  /** An unreadable result stays in its stream for a reader that knows it; here it is reported and passed over. */
  #read(subject: string, bytes: Uint8Array): TaskResult | null {
    try {
      return decode(TaskResult, bytes);
    } catch (error) {
      this.#connection.report(`unreadable result ${subject}: ${messageOf(error)}`);
      return null;
    }
  }
}
