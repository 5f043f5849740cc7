import { messageOf } from "../../errors.ts";
import { AuditRecord } from "../../protocol/audit.ts";
import { decode, encode } from "../../protocol/envelope.ts";
import { streams, subjects } from "../../protocol/subjects.ts";
import type { AuditLog } from "./bus.ts";
import type { Connection } from "./connection.ts";
import { store } from "./store.ts";
import { readAll } from "./stored.ts";

export class JetStreamAuditLog implements AuditLog {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async append(record: AuditRecord): Promise<number> {
    const subject = subjects.audit(record.kind === "audit.intent" ? record.verb : "outcome");
    const { sequence } = await store(this.#connection, {
      stream: streams.audit,
      subject,
      bytes: encode(AuditRecord, record),
    });
    return sequence;
  }

  /** A record of a newer version must not hide the others; it is reported and stays. */
  async *read(): AsyncGenerator<{ sequence: number; record: AuditRecord }> {
    for await (const { sequence, subject, bytes } of readAll(this.#connection, streams.audit, subjects.audits)) {
      const record = this.#decoded(subject, bytes);
      if (record !== null) yield { sequence, record };
    }
  }

  #decoded(subject: string, bytes: Uint8Array): AuditRecord | null {
    try {
      return decode(AuditRecord, bytes);
    } catch (error) {
      this.#connection.report(`unreadable audit record ${subject}: ${messageOf(error)}`);
      return null;
    }
  }
}
