// One request with many replies: pulling from a consumer and reading a range are both this. The library's own pull
// iterators reconnect, re-pull and swallow failures in ways of their own; here the caller decides.
import { createInbox, type Msg } from "@nats-io/transport-node";
import { TimeoutError } from "@nats-io/transport-node";
import { ConnectionLost } from "./bus-errors.ts";
import type { Connection } from "./connection.ts";

export interface ConversationOptions {
  /** Replies that end the conversation; also the bound of the queue between server and reader. */
  messagesMax: number;
  /** Longest silence (heartbeats break it) before the server is taken for gone. */
  idleMs: number;
  signal?: AbortSignal;
  /** Looks at every message as it comes, heartbeats too; what it throws ends the conversation. */
  check?: (message: Msg) => void;
}

/**
 * A message before this one never came although the connection held: between the servers of a cluster a delivery can
 * get lost when their route breaks.
 */
export class MessageLost extends ConnectionLost {
  constructor(what: string) {
    super(`a message was lost on its way (${what})`);
  }
}

/** The server ended the conversation with a status other than "that was all". */
export class ConversationRefused extends Error {
  override readonly name = "ConversationRefused";
  readonly status: number;
  constructor(status: number, description: string) {
    super(`${status} ${description}`);
    this.status = status;
  }
}

const heartbeat = 100;
/** End of batch; no messages; expired or partially filled. Also 409s that only say that the pull is over. */
const ordinaryEnds: readonly number[] = [204, 404, 408];
const ordinaryConflicts = ["Batch Completed", "Message Size Exceeds MaxBytes", "Server Shutdown"];

/**
 * Yields replies until `messagesMax`, an ordinary end, or `signal` aborts.
 * @throws ConnectionLost, TimeoutError after `idleMs` of silence, or ConversationRefused (a deleted consumer: 409;
 *   nobody there: 503), or what `check` throws
 */
export async function* converse(
  connection: Connection,
  subject: string,
  request: unknown,
  options: ConversationOptions,
): AsyncGenerator<Msg> {
  const link = connection.link;
  const stop = AbortSignal.any([link, connection.closing, options.signal].filter((signal) => signal !== undefined));
  const queue: Msg[] = [];
  let failure: unknown;
  let isOver = false;
  let wake = Promise.withResolvers<void>();
  const end = (error?: unknown): void => {
    failure = error;
    isOver = true;
    wake.resolve();
  };
  const silence = setTimeout(() => end(new TimeoutError()), options.idleMs);
  const onAbort = (): void => end(link.aborted ? new ConnectionLost("the connection was lost") : undefined);
  stop.addEventListener("abort", onAbort, { once: true });
  const stopForbidden = connection.onForbidden(subject, end);
  const inbox = createInbox(connection.inboxPrefix);
  const subscription = connection.nats.subscribe(inbox, {
    callback: (error, message) => {
      silence.refresh();
      if (error !== null) return end(error);
      try {
        options.check?.(message);
      } catch (problem) {
        return end(problem);
      }
      const status = statusOf(message);
      if (status === null) queue.push(message);
      else if (status.code !== heartbeat) return end(endOf(status));
      wake.resolve();
    },
  });
  try {
    if (stop.aborted) onAbort();
    else connection.nats.publish(subject, JSON.stringify(request), { reply: inbox });
    for (let received = 0; received < options.messagesMax;) {
      const message = queue.shift();
      if (message !== undefined) {
        received += 1;
        yield message;
      } else if (isOver) {
        if (failure !== undefined) throw failure;
        return;
      } else {
        await wake.promise;
        wake = Promise.withResolvers<void>();
      }
    }
  } finally {
    clearTimeout(silence);
    stop.removeEventListener("abort", onAbort);
    stopForbidden();
    if (!subscription.isClosed()) subscription.unsubscribe();
  }
}

/** A status is a reply without payload and with a code in its header line; data messages have code 0. */
function statusOf(message: Msg): { code: number; description: string } | null {
  const code = message.headers?.code ?? 0;
  return code === 0 || message.data.length > 0 ? null : { code, description: message.headers?.description ?? "" };
}

function endOf(status: { code: number; description: string }): ConversationRefused | undefined {
  if (ordinaryEnds.includes(status.code)) return undefined;
  if (status.code === 409 && ordinaryConflicts.some((text) => status.description.includes(text))) return undefined;
  return new ConversationRefused(status.code, status.description);
}
