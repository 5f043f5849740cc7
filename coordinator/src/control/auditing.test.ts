// Requirements: 5.7.audit
import { AuditRecord, encode, type WorkerId } from "@hindcast/shared";
import { silentLogger } from "@hindcast/shared/node";
import { expect, it } from "vitest";
import { audited } from "./auditing.ts";

it("records what came of a thousand dead letters, though each has a long story", async () => {
  const changes = Array.from({ length: 1_000 }, (_, n) => ({
    what: `dead letter ${n} (task-0123456789abcdef0123)`,
    campaignId: null,
    before: "dead",
    after: "dead",
    problem: "x".repeat(330),
  }));
  const kinds: string[] = [];
  const append = (record: AuditRecord): Promise<number> => {
    encode(AuditRecord, record);
    kinds.push(record.kind);
    return Promise.resolve(kinds.length);
  };
  const deps = { bus: { audit: { append } } as never, workerId: "w-1" as WorkerId, logger: silentLogger };
  const request = { v: 1, kind: "command", verb: "requeue", target: null, arguments: {} } as const;
  const told = await audited(deps, { request, user: null }, () => Promise.resolve({ result: null, changes }));
  expect(told.changes[0]?.problem).toHaveLength(330);
  expect(kinds).toEqual(["audit.intent", "audit.outcome"]);
});
