// Requirements: 5.5.lanes, 5.5.aimd, 5.5.fair, 5.5.budget, 5.5.pause, 5.7.retune
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Admitter, type TicketRequest } from "./admitter.ts";
import { BudgetAccount } from "./budget-account.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";
import { ConcurrencyLimit, cutDebounceMs } from "./concurrency-limit.ts";
import { FairQueue, type Waiting } from "./fair-queue.ts";
import { laneLimitsOf, LaneRule } from "./lane-rules.ts";
import { type LaneLimits, type LaneOutcome, LaneState } from "./lane-state.ts";
import { TokenBucket } from "./token-bucket.ts";

const open: LaneLimits = {
  requestsPerMinute: null,
  inputTokensPerMinute: null,
  outputTokensPerMinute: null,
  concurrency: { min: 1, start: 4, max: 64 },
};
const need = { inputTokens: 10, outputTokens: 10 };
const outcome = (kind: LaneOutcome["outcome"], retryAfterMs: number | null = null): LaneOutcome => ({
  outcome: kind,
  usage: null,
  retryAfterMs,
  detail: kind,
  durationMs: 1,
  learned: [],
});

describe("a token bucket", () => {
  it("never gives more in any window than its burst and the rate, whatever is asked and put back", () => {
    const asks = fc.array(fc.record({ gapMs: fc.nat({ max: 20_000 }), need: fc.integer({ min: 1, max: 300 }) }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(fc.integer({ min: 6, max: 5_000 }), asks, (perMinute, each) => {
        const bucket = new TokenBucket(perMinute, 0);
        const taken: { atMs: number; amount: number }[] = [];
        let nowMs = 0;
        for (const ask of each) {
          nowMs += ask.gapMs;
          nowMs += bucket.waitMs(ask.need, nowMs);
          expect(bucket.waitMs(ask.need, nowMs)).toBe(0);
          bucket.take(ask.need, nowMs);
          taken.push({ atMs: nowMs, amount: ask.need });
        }
        for (const [first, from] of taken.entries()) {
          let sum = 0;
          for (const [at, to] of taken.slice(first).entries()) {
            // Of all that was taken before the last: what is larger than the bucket leaves a debt behind it.
            const given = ((to.atMs - from.atMs) * perMinute) / 60_000;
            if (at > 0) expect(sum).toBeLessThanOrEqual(bucket.burst + given + 1e-6);
            sum += to.amount;
          }
        }
      }),
    );
  });

  it("lets a debt be waited for, and a refund be used", () => {
    const bucket = new TokenBucket(600, 0);
    bucket.take(100, 0);
    bucket.settle(100, 160, 0);
    expect(bucket.waitMs(1, 0)).toBe(6_100);
    bucket.settle(60, 0, 0);
    expect(bucket.waitMs(1, 0)).toBe(100);
  });
});

describe("the concurrency limit", () => {
  const cleanWindow = (limit: ConcurrencyLimit): void => {
    limit.began(limit.limit);
    for (let left = limit.limit; left > 0; left -= 1) limit.answered();
  };

  it("doubles until the first cut, grows by a little after it, and one overload of many requests is cut for once", () => {
    const limit = new ConcurrencyLimit({ min: 1, start: 4, max: 100 });
    cleanWindow(limit);
    cleanWindow(limit);
    expect(limit.limit).toBe(16);
    for (let n = 0; n < 16; n += 1) limit.overloaded(20_000, 20_000 + n);
    expect(limit.limit).toBe(12);
    cleanWindow(limit);
    expect(limit.limit).toBe(13);
    limit.overloaded(20_000 + cutDebounceMs, 20_001 + cutDebounceMs);
    expect(limit.limit).toBe(10);
  });

  it("stays in its bounds and always recovers, after whatever happened", () => {
    const events = fc.array(fc.constantFrom("answered", "overloaded", "rate-limited", "spent", "aborted"), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(events, fc.nat({ max: 600_000 }), (each, retryAfterMs) => {
        const lane = new LaneState(open, 0);
        let nowMs = 0;
        for (const [n, kind] of each.entries()) {
          nowMs += 3_000;
          lane.take({ ticket: String(n), ...need }, nowMs);
          lane.settle(String(n), outcome(kind, kind === "rate-limited" ? retryAfterMs : null), nowMs);
          const { concurrency } = lane.share(1);
          expect(concurrency).toBeGreaterThanOrEqual(1);
          expect(concurrency).toBeLessThanOrEqual(64);
        }
        lane.resume();
        for (let round = 0; round < 200; round += 1) {
          const { concurrency } = lane.share(1);
          const tickets = Array.from({ length: concurrency }, (_, n) => `r${round}-${n}`);
          for (const ticket of tickets) lane.take({ ticket, ...need }, nowMs);
          for (const ticket of tickets) lane.settle(ticket, outcome("answered"), nowMs);
        }
        expect(lane.share(1).concurrency).toBe(64);
      }),
      { numRuns: 30 },
    );
  });
});

describe("a lane", () => {
  it("is closed by Retry-After for exactly that long, and its limit is what it was", () => {
    const lane = new LaneState(open, 0);
    lane.settle(
      "t",
      { ...outcome("rate-limited", 30_000), learned: [{ unit: "requests", limit: 600, remaining: 100 }] },
      0,
    );
    expect(lane.blockOf(need, 29_999)?.block).toBe("gate");
    expect(lane.blockOf(need, 30_000)).toBeNull();
    expect(lane.share(1).concurrency).toBe(4);
  });

  it("is paused by a spend limit without a cut, with the provider's words, and tried again by one request", () => {
    const lane = new LaneState(open, 0);
    lane.take({ ticket: "a", ...need }, 0);
    lane.settle("a", { ...outcome("spent"), detail: "credit balance is too low" }, 0);
    expect(lane.blockOf(need, 0)).toEqual({ block: "paused", detail: "credit balance is too low", untilMs: 900_000 });
    expect(lane.share(1).concurrency).toBe(4);
    expect(lane.blockOf(need, 900_000)).toBeNull();
    lane.take({ ticket: "probe", ...need }, 900_000);
    expect(lane.blockOf(need, 900_001)?.block).toBe("paused");
    lane.settle("probe", outcome("answered"), 900_002);
    expect(lane.blockOf(need, 900_002)).toBeNull();
  });

  it("is tried again no sooner where a spent quota advises seconds", () => {
    const lane = new LaneState(open, 0);
    lane.take({ ticket: "a", ...need }, 0);
    lane.settle("a", { ...outcome("spent"), retryAfterMs: 18_000 }, 0);
    expect(lane.blockOf(need, 20_000)).toMatchObject({ block: "paused", untilMs: 900_000 });
  });

  it("is told by a day's Retry-After that it is paused, not that a request should queue for it", () => {
    const lane = new LaneState(open, 0);
    lane.settle("a", outcome("rate-limited", 7_200_000), 0);
    expect(lane.blockOf(need, 1)).toMatchObject({ block: "paused", untilMs: 7_200_000 });
  });

  it("starts from what its predecessor knew, with empty buckets and the requests that are still under way", () => {
    const limits = { ...open, requestsPerMinute: 60 };
    const first = new LaneState(limits, 0);
    for (const ticket of ["a", "b", "c", "d"]) first.take({ ticket, ...need }, 0);
    const second = new LaneState(limits, 10_000, first.record(10_000));
    expect(second.blockOf(need, 10_000)?.block).toBe("concurrency");
    second.settle("a", outcome("answered"), 10_000);
    expect(second.blockOf(need, 10_000)).toMatchObject({ block: "rate", untilMs: 11_000 });
  });
});

describe("a lane that is tuned", () => {
  it("holds to the new limits at once, also below what it found out, and passes them on", () => {
    const lane = new LaneState(open, 0);
    for (const ticket of ["a", "b", "c"]) lane.take({ ...need, ticket }, 0);
    lane.tune({ concurrencyMax: 2, outputTokensPerMinute: 600 }, 0);
    expect(lane.rates).toMatchObject({ concurrencyMax: 2, outputTokensPerMinute: 600, requestsPerMinute: null });
    expect(lane.blockOf(need, 0)).toMatchObject({ block: "concurrency", detail: "2 requests are under way" });
    for (const ticket of ["a", "b"]) lane.settle(ticket, outcome("answered"), 0);
    expect(lane.blockOf(need, 0)).toMatchObject({ block: "rate" });
    expect(lane.blockOf(need, 1_000)).toBeNull();
    const heir = new LaneState(open, 0, lane.record(0));
    expect(heir.rates).toEqual(lane.rates);
    heir.tune({ outputTokensPerMinute: null, concurrencyMax: 9 }, 0);
    expect(heir.rates).toMatchObject({ concurrencyMax: 9, outputTokensPerMinute: null });
    expect(heir.blockOf(need, 0)?.block).not.toBe("rate");
  });

  it("never goes beyond what the provider reports", () => {
    const lane = new LaneState(open, 0);
    lane.settle("a", { ...outcome("answered"), learned: [{ unit: "requests", limit: 50, remaining: 50 }] }, 0);
    lane.tune({ requestsPerMinute: 1_000 }, 0);
    expect(lane.share(1).requestsPerMinute).toBe(50);
    lane.tune({ requestsPerMinute: 20 }, 0);
    expect(lane.share(1).requestsPerMinute).toBe(20);
    lane.tune({ requestsPerMinute: null }, 0);
    expect(lane.share(1).requestsPerMinute).toBe(50);
  });
});

describe("the breaker", () => {
  it("opens after faults, lets one probe through, and closes by its answer", () => {
    const breaker = new CircuitBreaker();
    for (let n = 0; n < 5; n += 1) breaker.ended(String(n), true, 0);
    expect(breaker.waitMs(0)).toBe(5_000);
    expect(breaker.waitMs(5_000)).toBe(0);
    breaker.began("probe");
    expect(breaker.waitMs(6_000)).toBe(Number.POSITIVE_INFINITY);
    breaker.ended("probe", true, 6_000);
    expect(breaker.waitMs(6_000)).toBe(10_000);
    breaker.began("second");
    breaker.ended("second", false, 16_000);
    expect(breaker.waitMs(16_000)).toBe(0);
  });
});

describe("the queue", () => {
  const item = fc.record({
    flow: fc.constantFrom("a", "b", "c"),
    priority: fc.constantFrom(0, 1),
    weight: fc.constant(1),
    cost: fc.integer({ min: 1, max: 50 }),
  });

  it("gives everybody a turn in the end, of each campaign in its order, and higher priorities first", () => {
    fc.assert(
      fc.property(fc.array(item, { maxLength: 60 }), (items) => {
        const queue = new FairQueue<Waiting & { n: number }>();
        for (const [n, each] of items.entries()) queue.push({ ...each, n });
        const order: (Waiting & { n: number })[] = [];
        for (let next = queue.next(yes, yes); next !== null; next = queue.next(yes, yes)) order.push(next);
        expect(order).toHaveLength(items.length);
        expect(queue.length).toBe(0);
        expect(order).toEqual(order.toSorted((a, b) => a.priority - b.priority));
        for (const flow of ["a", "b", "c"]) {
          for (const priority of [0, 1]) {
            const own = order.filter((each) => each.flow === flow && each.priority === priority).map(({ n }) => n);
            expect(own).toEqual(own.toSorted((x, y) => x - y));
          }
        }
      }),
    );
  });

  it("shares between two that always wait as their weights are, to within one visit of each", () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), sizes, (wa, wb, costs) => {
        const queue = new FairQueue<Waiting>();
        const push = (flow: string, weight: number, n: number): void =>
          queue.push({ flow, weight, priority: 0, cost: costs[n % costs.length] ?? 1 });
        const served = { a: 0, b: 0 };
        for (let n = 0; n < 3; n += 1) {
          push("a", wa, n);
          push("b", wb, n);
        }
        for (let n = 3; n < 300; n += 1) {
          const next = queue.next(yes, yes)!;
          served[next.flow as "a" | "b"] += next.cost;
          push(next.flow, next.weight, n);
          expect(Math.abs(served.a / wa - served.b / wb)).toBeLessThanOrEqual(2 * (40 + Math.max(wa, wb)));
        }
      }),
    );
  });

  it("passes over what is not ready, and changes nothing while the next may not go", () => {
    const queue = new FairQueue<Waiting & { name: string }>();
    const [blocked, ready] = ["blocked", "ready"].map((name) => ({
      name,
      flow: name,
      priority: 0,
      weight: 1,
      cost: 1,
    }));
    queue.push(blocked!);
    queue.push(ready!);
    const isReady = ({ name }: { name: string }): boolean => name === "ready";
    expect(queue.next(isReady, () => false)).toBeNull();
    expect(queue.next(isReady, yes)).toBe(ready);
    expect(queue.next(isReady, yes)).toBeNull();
    expect(queue.length).toBe(1);
  });
});

const yes = (): boolean => true;

describe("the admitter", () => {
  it("never lets settled and reserved dollars exceed a limit, and tells everybody in the end", () => {
    const calls = fc.array(
      fc.record({
        usdMax: fc.double({ min: 0.001, max: 0.3, noNaN: true }),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      { minLength: 1, maxLength: 80 },
    );
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 5, noNaN: true }), calls, (limitUsd, each) => {
        const account = new BudgetAccount("c-1", limitUsd);
        const admitter = new Admitter(() => open);
        for (const [n, { usdMax }] of each.entries())
          admitter.enqueue(aTicket(String(n), { usdMax, accounts: [account] }), 0);
        const inFlight: string[] = [];
        let [told, spent] = [0, 0];
        for (let nowMs = 1; told < each.length; nowMs += 1) {
          const decisions = admitter.decide(nowMs);
          told += decisions.length;
          for (const { kind, request } of decisions) if (kind === "granted") inFlight.push(request.ticket);
          expect(account.settledUsd + account.escrowUsd).toBeLessThanOrEqual(limitUsd + 1e-9);
          expect(decisions.length + inFlight.length).toBeGreaterThan(0);
          const ticket = inFlight.shift();
          if (ticket === undefined) continue;
          const { usdMax, share } = each[Number(ticket)]!;
          spent += usdMax * share;
          admitter.settle({ ticket, lane: "lane", costUsd: usdMax * share }, outcome("answered"), nowMs);
        }
        expect(spent).toBeLessThanOrEqual(limitUsd + 1e-9);
      }),
    );
  });

  it("settles a ticket once: a second settlement moves no dollars", () => {
    const account = new BudgetAccount("c-1", 1);
    const admitter = new Admitter(() => open);
    admitter.enqueue(aTicket("t", { usdMax: 0.5, accounts: [account] }), 0);
    admitter.decide(0);
    const settlement = { ticket: "t", lane: "lane", costUsd: 0.2 };
    expect(admitter.settle(settlement, outcome("answered"), 1).isKnown).toBe(true);
    expect(admitter.settle(settlement, outcome("answered"), 2).isKnown).toBe(false);
    expect(account.status()).toMatchObject({ settledUsd: 0.2, escrowUsd: 0 });
  });

  it("a budget without room holds up only its own campaign", () => {
    const full = new BudgetAccount("c-1", 1);
    full.hold("earlier", 0.9, "h");
    const admitter = new Admitter(() => open);
    admitter.enqueue(aTicket("blocked", { usdMax: 0.5, accounts: [full], flow: "c-1" }), 0);
    admitter.enqueue(aTicket("free", { flow: "c-2" }), 0);
    expect(admitter.decide(0).map(({ request }) => request.ticket)).toEqual(["free"]);
    full.settle("earlier", 0.1);
    expect(admitter.decide(0).map(({ request }) => request.ticket)).toEqual(["blocked"]);
  });
});

describe("a lane's rule", () => {
  const bounds = { min: 1, start: 20, max: 100 };

  it("names a provider and a family, or a provider alone", () => {
    const rules = ["anthropic:claude-sonnet-5 rpm=50 itpm=30000 otpm=8000 concurrency=2-40", "gemini concurrency=5"];
    expect(rules.map((rule) => LaneRule.parse(rule))).toEqual(rules);
    expect(laneLimitsOf("anthropic.claude-sonnet-5.3f9c1d7e55ab", rules, bounds)).toEqual({
      requestsPerMinute: 50,
      inputTokensPerMinute: 30_000,
      outputTokensPerMinute: 8_000,
      concurrency: { min: 2, start: 20, max: 40 },
    });
    expect(laneLimitsOf("gemini.gemini-3-8-flash.x", rules, bounds).concurrency).toEqual({ min: 1, start: 5, max: 5 });
    expect(laneLimitsOf("openai.gpt.x", rules, bounds).concurrency).toEqual(bounds);
  });

  it.each(["anthropic", "anthropic rpm=0", "anthropic:claude tpm=5", "rpm=5", "anthropic  rpm=5"])(
    "refuses %j",
    (text) => {
      expect(LaneRule.safeParse(text).success).toBe(false);
    },
  );
});

function aTicket(ticket: string, partial: Partial<TicketRequest> = {}): TicketRequest {
  const place = { flow: "c-1", priority: 1, weight: 1, cost: 1, accounts: [], usdMax: 0, isAttached: true };
  return { ticket, holder: "h", lane: "lane", ...need, ...place, ...partial };
}
