// Every password and the authority are replaced while a campaign runs, by the guide's own commands.
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "@nats-io/transport-node";
import { messageOf } from "@hindcast/shared";
import type { ResultRows } from "../../support/result-rows.ts";
import { follow, guideBlock } from "../guide.ts";
import { agentsNamespace, type Installation, untilReady } from "../installation.ts";
import { secretValue } from "../kubectl.ts";
import { unfinished } from "../stored.ts";

/** What was good before: by user the password, and the authority's certificate. */
export interface OldCredentials {
  passwords: ReadonlyMap<string, string>;
  authority: string;
}

const users = ["coordinator", "index-core", "client", "backup"] as const;
const agent = "rollout-agent-shell";
const refusalMs = 10_000;
const begunMsMax = 60_000;
/** kubectl ends a way in whose connection NATS has closed, and the next one is a moment later. */
const refusalTriesMax = 5;

/** @param begin a campaign, whose follower has the old password and goes when it is refused; the campaign itself goes on */
export async function rotateUnderLoad(
  rows: ResultRows,
  begin: () => Promise<string>,
  hindcast: Installation,
): Promise<OldCredentials> {
  const passwords = await passwordsNow(hindcast);
  const authority = readFileSync(hindcast.caFile, "utf8");
  await rows.add("credentials rotated under load", async () => {
    const working = begin();
    working.catch(() => undefined);
    await untilBegun(hindcast);
    await follow(guideBlock("Rotate credentials", "credentials.sh"));
    const pods = await untilReady();
    const fresh = await passwordsNow(hindcast);
    const same = [...passwords].filter(([user, password]) => fresh.get(user) === password).map(([user]) => user);
    if (same.length > 0) throw new Error(`${same.join(", ")} kept their passwords`);
    return `${passwords.size} passwords, a new authority, ${pods} pods ready by them`;
  });
  return { passwords, authority };
}

/** What is told of it later rests on its being there: a campaign whose follower had no time to begin it is none. */
async function untilBegun(hindcast: Installation): Promise<void> {
  const access = await hindcast.access("coordinator");
  for (const deadline = Date.now() + begunMsMax; (await unfinished(access)).length === 0; await pause(200)) {
    if (Date.now() > deadline) throw new Error("no campaign has begun");
  }
}

async function passwordsNow(hindcast: Installation): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const user of users) found.set(user, (await hindcast.access(user)).password);
  return found.set(agent, await secretValue(agentsNamespace, `bus-${agent}`, "password"));
}

/** @param hindcast of today @throws Error where somebody is let in, or refused for another reason */
export async function oldCredentialsAreRefused(old: OldCredentials, hindcast: Installation): Promise<string> {
  const { servers, caFile } = await hindcast.access("client");
  const trusted = { servers, reconnect: false, timeout: refusalMs };
  for (const [user, pass] of old.passwords) {
    const refusal = await refusalOf(hindcast, { ...trusted, user, pass, tls: { caFile } });
    if (!/authorization/i.test(refusal)) throw new Error(`${user} with the old password: ${refusal}`);
  }
  const { user, password: pass } = await hindcast.access("client");
  const untrusted = await refusalOf(hindcast, { ...trusted, user, pass, tls: { ca: old.authority } });
  if (!/certificate|signature|self.signed/i.test(untrusted)) throw new Error(`by the old authority: ${untrusted}`);
  return `${old.passwords.size} users: Authorization Violation; the old authority: ${untrusted}`;
}

async function refusalOf(hindcast: Installation, options: Parameters<typeof connect>[0]): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    await hindcast.access("client");
    try {
      const nats = await connect(options);
      await nats.close();
      return "let in";
    } catch (error) {
      const { cause } = error as Error;
      const said = [messageOf(error), ...(cause === undefined ? [] : [messageOf(cause)])].join(": ");
      if (!said.includes("error connecting") || attempt === refusalTriesMax) return said;
    }
  }
}
