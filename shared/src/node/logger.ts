// Structured logs: one JSON object per line. Events are named `noun.verb` in the field `event`; ids are bound once with
// `logger.child({ campaignId, … })`. Prompts and observations appear at debug only.
import { destination, pino, stdTimeFunctions, type Logger as PinoLogger } from "pino";
import type { LogLevel } from "./environment-variable.ts";

export type Logger = PinoLogger;

/** Fields that are never written, wherever somebody logs an object that has them. */
const secretFields = ["password", "apiKey", "authorization", "credentials", "secret"];

export interface LoggerOptions {
  /** The process or part, e.g. `rollout-agent`. */
  name: string;
  level?: LogLevel;
  /** A file to append to; standard output by default. */
  path?: string;
}

/** Writes synchronously, so that the last lines before an exit are there. */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      name: options.name,
      level: options.level ?? "info",
      timestamp: stdTimeFunctions.isoTime,
      base: { pid: process.pid },
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: "***" },
    },
    options.path === undefined
      ? destination({ dest: 1, sync: true })
      : destination({ dest: options.path, sync: true, mkdir: true, append: true }),
  );
}

/** For tests and tools that want silence. */
export const silentLogger: Logger = pino({ level: "silent" }, { write: () => undefined });
