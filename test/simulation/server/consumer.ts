// A JetStream pull consumer: what was delivered and not acknowledged, when it is delivered again, and who waits.
import type { Timeline } from "../time/scheduler.ts";
import type { Stream, StoredMessage } from "./stream.ts";
import { subjectMatches } from "./subjects.ts";
import { type Message, message } from "./wire.ts";

export interface ConsumerConfig {
  name: string;
  durable_name?: string;
  filter_subject?: string;
  ack_policy?: "none" | "explicit" | "all";
  deliver_policy?: string;
  opt_start_seq?: number;
  ack_wait?: number;
  max_deliver?: number;
  max_ack_pending?: number;
  max_waiting?: number;
  max_batch?: number;
  inactive_threshold?: number;
  [more: string]: unknown;
}

interface Pull {
  reply: string;
  left: number;
  isNoWait: boolean;
  events: { isCancelled: boolean }[];
}

interface Pending {
  deliveries: number;
  /** Virtual time at which it is delivered again. */
  dueAt: number;
  isHandedBack: boolean;
}

/** What a consumer needs of its server. */
export interface ConsumerHost {
  scheduler: Timeline;
  /** To the subscribers of `to`, by default of the message's own subject. */
  send(message: Message, to?: string): void;
  hasInterest(subject: string): boolean;
  advise(kind: string, stream: string, consumer: string, body: Record<string, unknown>): void;
}

export class Consumer {
  config: ConsumerConfig;
  readonly stream: Stream;
  readonly #host: ConsumerHost;
  /** The next stream sequence that was never delivered. */
  #next: number;
  #consumerSequence = 0;
  lastDelivered = 0;
  readonly pending = new Map<number, Pending>();
  /** Times that each message was delivered. */
  readonly #deliveries = new Map<number, number>();
  readonly #again: number[] = [];
  readonly #waiting: Pull[] = [];
  lastActiveAt: number;

  constructor(config: ConsumerConfig, stream: Stream, host: ConsumerHost) {
    this.config = config;
    this.stream = stream;
    this.#host = host;
    this.#next = config.deliver_policy === "by_start_sequence" ? (config.opt_start_seq ?? 1) : 1;
    this.lastActiveAt = host.scheduler.now;
  }

  get name(): string {
    return this.config.name;
  }

  get isAcknowledged(): boolean {
    return this.config.ack_policy !== "none";
  }

  get waitingCount(): number {
    return this.#waiting.length;
  }

  /** Messages that match and were never delivered. */
  get undelivered(): number {
    return this.stream.count(this.config.filter_subject ?? ">", this.#next);
  }

  /** Everything up to here was delivered and acknowledged, or given up. */
  get ackFloor(): number {
    return this.pending.size === 0 ? this.lastDelivered : Math.min(...this.pending.keys()) - 1;
  }

  pull(reply: string, request: { batch?: number; expires?: number; no_wait?: boolean; idle_heartbeat?: number }): void {
    this.lastActiveAt = this.#host.scheduler.now;
    if (this.#waiting.length >= (this.config.max_waiting ?? 512)) return this.#status(reply, "409 Exceeded MaxWaiting");
    const pull: Pull = { reply, left: request.batch ?? 1, isNoWait: request.no_wait === true, events: [] };
    this.#waiting.push(pull);
    this.pump();
    if (!this.#waiting.includes(pull)) return;
    if (pull.isNoWait) return this.#end(pull, "404 No Messages");
    const { scheduler } = this.#host;
    if (request.expires !== undefined) {
      pull.events.push(scheduler.after(request.expires / 1e6, null, () => this.#end(pull, "408 Request Timeout")));
    }
    if (request.idle_heartbeat !== undefined) this.#beat(pull, request.idle_heartbeat / 1e6);
  }

  /** Delivers as long as there is somebody to deliver to and something to deliver. */
  pump(): void {
    for (;;) {
      const pull = this.#waiting[0];
      if (pull === undefined) return;
      if (!this.#host.hasInterest(pull.reply)) {
        this.#drop(pull);
        continue;
      }
      const stored = this.#take();
      if (stored === null) return;
      this.#deliver(stored, pull);
    }
  }

  acknowledge(sequence: number, payload: string): void {
    this.lastActiveAt = this.#host.scheduler.now;
    if (payload.startsWith("+WPI")) return this.#extend(sequence);
    if (payload.startsWith("-NAK")) return this.#refuse(sequence, payload);
    if (!this.#deliveries.has(sequence)) return;
    if (payload.startsWith("+TERM")) {
      const deliveries = this.#deliveries.get(sequence) ?? 1;
      this.#advise("MSG_TERMINATED", { stream_seq: sequence, deliveries, reason: payload.slice(6) });
    }
    this.stream.remove(sequence);
    this.pump();
  }

  /** The message is gone from the stream. */
  forget(sequence: number): void {
    if (this.#deliveries.has(sequence)) this.#settle(sequence);
  }

  /** The consumer's leader moved: what is not acknowledged is delivered again at once. */
  redeliverEarly(): void {
    for (const [sequence, pending] of this.pending) {
      pending.dueAt = this.#host.scheduler.now;
      this.#comeDue(sequence, pending);
    }
  }

  close(): void {
    while (this.#waiting[0] !== undefined) this.#end(this.#waiting[0], "409 Consumer Deleted");
  }

  dropPulls(): void {
    while (this.#waiting[0] !== undefined) this.#drop(this.#waiting[0]);
  }

  #settle(sequence: number): void {
    this.pending.delete(sequence);
    this.#deliveries.delete(sequence);
    const at = this.#again.indexOf(sequence);
    if (at !== -1) this.#again.splice(at, 1);
  }

  #take(): StoredMessage | null {
    while (this.#again.length > 0) {
      const sequence = this.#again.shift()!;
      const stored = this.stream.at(sequence);
      if (stored === null) {
        this.#settle(sequence);
        continue;
      }
      if (this.#isExhausted(sequence)) this.#giveUp(sequence);
      else return stored;
    }
    if (this.isAcknowledged && this.pending.size >= (this.config.max_ack_pending ?? 1_000)) return null;
    for (; this.#next <= this.stream.lastSequence; this.#next++) {
      const stored = this.stream.at(this.#next);
      if (stored === null || !subjectMatches(this.config.filter_subject ?? ">", stored.subject)) continue;
      this.#next += 1;
      return stored;
    }
    return null;
  }

  #deliver(stored: StoredMessage, pull: Pull): void {
    const { scheduler } = this.#host;
    const { sequence } = stored;
    const deliveries = (this.#deliveries.get(sequence) ?? 0) + 1;
    this.#consumerSequence += 1;
    this.lastDelivered = Math.max(this.lastDelivered, sequence);
    if (this.isAcknowledged) {
      this.#deliveries.set(sequence, deliveries);
      const pending = { deliveries, dueAt: scheduler.now + (this.config.ack_wait ?? 30e9) / 1e6, isHandedBack: false };
      this.pending.set(sequence, pending);
      this.#watch(sequence, pending);
    }
    const tokens = [this.stream.config.name, this.name, deliveries, sequence, this.#consumerSequence];
    const reply = `$JS.ACK.${tokens.join(".")}.${Math.round(scheduler.now * 1e6)}.0`;
    const { subject, headers, data } = stored;
    this.#host.send(message(subject, data, { reply, headers }), pull.reply);
    pull.left -= 1;
    if (pull.left === 0) this.#drop(pull);
  }

  #watch(sequence: number, pending: Pending): void {
    this.#host.scheduler.after(pending.dueAt - this.#host.scheduler.now, null, () => this.#comeDue(sequence, pending));
  }

  #comeDue(sequence: number, pending: Pending): void {
    if (this.pending.get(sequence) !== pending || this.#again.includes(sequence)) return;
    if (pending.dueAt > this.#host.scheduler.now) return this.#watch(sequence, pending);
    // The timer itself gives up what expired on its last delivery; what was handed back waits for the next pull.
    if (!pending.isHandedBack && this.#isExhausted(sequence)) return this.#giveUp(sequence);
    this.#again.push(sequence);
    this.pump();
  }

  #isExhausted(sequence: number): boolean {
    const max = this.config.max_deliver ?? -1;
    return max > 0 && (this.#deliveries.get(sequence) ?? 0) >= max;
  }

  /** It stays in its stream, and nobody will ever be given it again. */
  #giveUp(sequence: number): void {
    this.pending.delete(sequence);
    this.#advise("MAX_DELIVERIES", { stream_seq: sequence, deliveries: this.#deliveries.get(sequence) });
  }

  #extend(sequence: number): void {
    const pending = this.pending.get(sequence);
    if (pending !== undefined) pending.dueAt = this.#host.scheduler.now + (this.config.ack_wait ?? 30e9) / 1e6;
  }

  #refuse(sequence: number, payload: string): void {
    const pending = this.pending.get(sequence);
    if (pending === undefined) return;
    const delayNs = payload.length > 5 ? (JSON.parse(payload.slice(5)) as { delay?: number }).delay : undefined;
    const dueAt = this.#host.scheduler.now + (delayNs ?? 0) / 1e6;
    const again = { deliveries: pending.deliveries, dueAt, isHandedBack: true };
    this.pending.set(sequence, again);
    this.#comeDue(sequence, again);
  }

  #beat(pull: Pull, everyMs: number): void {
    const event = this.#host.scheduler.after(everyMs, null, () => {
      if (!this.#waiting.includes(pull)) return;
      this.#status(pull.reply, "100 Idle Heartbeat", [
        ["Nats-Last-Consumer", String(this.#consumerSequence)],
        ["Nats-Last-Stream", String(this.lastDelivered)],
      ]);
      this.#beat(pull, everyMs);
    });
    pull.events.push(event);
  }

  #end(pull: Pull, status: string): void {
    if (!this.#waiting.includes(pull)) return;
    this.#drop(pull);
    this.#status(pull.reply, status);
  }

  #drop(pull: Pull): void {
    this.#waiting.splice(this.#waiting.indexOf(pull), 1);
    for (const event of pull.events) event.isCancelled = true;
  }

  #status(reply: string, status: string, headers: Message["headers"] = []): void {
    this.#host.send(message(reply, "", { status, headers }));
  }

  #advise(kind: string, body: Record<string, unknown>): void {
    this.#host.advise(kind, this.stream.config.name, this.name, body);
  }
}
