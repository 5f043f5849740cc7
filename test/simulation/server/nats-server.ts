// The simulated nats-server: connections, subscriptions and routing, with JetStream behind it. All its state is on a
// disk that never loses anything; a restart breaks the connections only.
import type { Timeline } from "../time/scheduler.ts";
import { JetStream } from "./jetstream.ts";
import { isLiteral, subjectMatches } from "./subjects.ts";
import { CommandReader, delivery, type Message, message } from "./wire.ts";

/** The server's end of a connection. */
export interface Wire {
  /** Whose it is; for traces. */
  name: string;
  send(bytes: Uint8Array, about: Message | null): void;
}

interface Subscription {
  sid: string;
  subject: string;
  queue: string | null;
  connection: Connection;
  /** Messages until it ends by itself. */
  left: number | null;
}

interface Connection {
  wire: Wire;
  reader: CommandReader;
  subscriptions: Map<string, Subscription>;
}

const info = {
  server_id: "SIMULATED",
  server_name: "simulated",
  version: "2.14.5",
  proto: 1,
  headers: true,
  max_payload: 1_048_576,
  jetstream: true,
};

/** What may happen to a message on its way in: it is taken so many times. Default: once. */
export type Intake = (message: Message, wire: Wire) => number;

export class SimulatedNatsServer {
  readonly jetstream: JetStream;
  /** Told of every message that is taken in; the trace is made of these. */
  onMessage: (message: Message, wire: Wire) => void = () => undefined;
  intake: Intake = () => 1;
  readonly #connections = new Map<Wire, Connection>();
  readonly #exact = new Map<string, Set<Subscription>>();
  readonly #patterns = new Set<Subscription>();
  #turn = 0;

  constructor(scheduler: Timeline) {
    this.jetstream = new JetStream({
      scheduler,
      send: (sent, to) => void this.#route(sent, to ?? sent.subject),
      hasInterest: (subject) => this.#subscribers(subject).length > 0,
      publish: (published) => this.#publish(published),
    });
  }

  open(wire: Wire): void {
    this.#connections.set(wire, { wire, reader: new CommandReader(), subscriptions: new Map() });
    wire.send(Buffer.from(`INFO ${JSON.stringify(info)}\r\n`), null);
  }

  receive(wire: Wire, frame: Uint8Array): void {
    const connection = this.#connections.get(wire);
    if (connection === undefined) return;
    for (const command of connection.reader.read(frame)) {
      if (command.kind === "ping") wire.send(Buffer.from("PONG\r\n"), null);
      else if (command.kind === "publish") {
        for (let times = this.intake(command.message, wire); times > 0; times--) this.admit(command.message, wire);
      } else if (command.kind === "subscribe") this.#subscribe(connection, command);
      else if (command.kind === "unsubscribe") this.#unsubscribe(connection, command.sid, command.after);
    }
  }

  close(wire: Wire): void {
    const connection = this.#connections.get(wire);
    if (connection === undefined) return;
    for (const sid of connection.subscriptions.keys()) this.#unsubscribe(connection, sid, null);
    this.#connections.delete(wire);
  }

  /** Takes a message in, whatever `intake` would have said. */
  admit(taken: Message, wire: Wire): void {
    this.onMessage(taken, wire);
    this.#publish(taken);
  }

  #publish(taken: Message): void {
    const isTaken = this.jetstream.take(taken);
    const isHeard = this.#route(taken, taken.subject);
    if (!isTaken && !isHeard && taken.reply !== null) {
      this.#route(message(taken.reply, "", { status: "503" }), taken.reply);
    }
  }

  /** To every plain subscriber and to one of each queue group. */
  #route(sent: Message, to: string): boolean {
    const groups = new Map<string, Subscription[]>();
    const chosen: Subscription[] = [];
    for (const subscription of this.#subscribers(to)) {
      if (subscription.queue === null) chosen.push(subscription);
      else groups.set(subscription.queue, [...(groups.get(subscription.queue) ?? []), subscription]);
    }
    for (const group of groups.values()) chosen.push(group[this.#turn++ % group.length]!);
    for (const subscription of chosen) {
      subscription.connection.wire.send(delivery(sent, subscription.sid), sent);
      if (subscription.left !== null && --subscription.left <= 0) {
        this.#unsubscribe(subscription.connection, subscription.sid, null);
      }
    }
    return chosen.length > 0;
  }

  #subscribers(subject: string): Subscription[] {
    const found = [...(this.#exact.get(subject) ?? [])];
    for (const each of this.#patterns) if (subjectMatches(each.subject, subject)) found.push(each);
    return found;
  }

  #subscribe(connection: Connection, asked: { sid: string; subject: string; queue: string | null }): void {
    const { sid, subject, queue } = asked;
    const subscription: Subscription = { sid, subject, queue, connection, left: null };
    connection.subscriptions.set(sid, subscription);
    if (!isLiteral(subject)) this.#patterns.add(subscription);
    else this.#exact.set(subject, (this.#exact.get(subject) ?? new Set()).add(subscription));
  }

  #unsubscribe(connection: Connection, sid: string, after: number | null): void {
    const subscription = connection.subscriptions.get(sid);
    if (subscription === undefined) return;
    if (after !== null) {
      subscription.left = after;
      return;
    }
    connection.subscriptions.delete(sid);
    this.#patterns.delete(subscription);
    const exact = this.#exact.get(subscription.subject);
    exact?.delete(subscription);
    if (exact?.size === 0) this.#exact.delete(subscription.subject);
  }
}
