import { HindcastError, messageOf, WorldReply } from "@hindcast/shared";
import { z } from "zod";
import { worldLost, worldUnavailable } from "./world-faults.ts";

const quoteCharsMax = 200;

/** @throws ENVIRONMENT_LOST for what is no reply to request `id`, ENVIRONMENT_UNAVAILABLE for another version */
export function readReply(world: string, text: string, id: number): WorldReply {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const remedy = "only replies belong there, everything else on the error stream";
    throw worldLost(world, `it wrote ${quoted(text)}, which is no JSON (${messageOf(error)}); ${remedy}`, error);
  }
  if (typeof value === "object" && value !== null && "v" in value && value.v !== 1) {
    throw worldUnavailable(world, `it speaks version ${JSON.stringify(value.v)} of the protocol, and this is 1`);
  }
  const parsed = WorldReply.safeParse(value);
  if (!parsed.success) {
    const why = z.prettifyError(parsed.error).slice(0, 1_000);
    throw worldLost(world, `it wrote ${quoted(text)}, which is no reply: ${why}`);
  }
  if (parsed.data.id !== id) {
    throw worldLost(world, `it answered request ${parsed.data.id} when request ${id} was open`);
  }
  return parsed.data;
}

/** Classified errors as they are; the rest is a broken session. */
export function asLost(world: string, error: unknown): HindcastError {
  return error instanceof HindcastError ? error : worldLost(world, messageOf(error), error);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > quoteCharsMax ? `${text.slice(0, quoteCharsMax)}…` : text);
}
