// Every message is JSON with `v` and `kind` at the top. Unknown versions and kinds are errors of their own, so that a
// reader can keep and count them instead of misreading them.
import { z } from "zod";
import { HindcastError } from "../errors.ts";
import { limits } from "../limits.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** @throws PROTOCOL_INVALID when the value does not fit its own schema, PROTOCOL_TOO_LARGE above `bytesMax`. */
export function encode<S extends z.ZodType>(
  schema: S,
  value: z.input<S>,
  bytesMax: number = limits.messageBytesMax,
): Uint8Array {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw invalid(`a message to be sent is malformed: ${z.prettifyError(parsed.error)}`);
  const bytes = encoder.encode(JSON.stringify(parsed.data));
  if (bytes.length > bytesMax) {
    throw new HindcastError({
      code: "PROTOCOL_TOO_LARGE",
      boundary: "protocol",
      message: `a message of ${bytes.length} bytes exceeds the limit of ${bytesMax}; large content belongs in a blob`,
    });
  }
  return bytes;
}

/** @throws PROTOCOL_INVALID, PROTOCOL_UNKNOWN_VERSION or PROTOCOL_TOO_LARGE; never returns a half-read message. */
export function decode<S extends z.ZodType>(
  schema: S,
  bytes: Uint8Array,
  bytesMax: number = limits.messageBytesMax,
): z.output<S> {
  if (bytes.length > bytesMax) {
    throw new HindcastError({
      code: "PROTOCOL_TOO_LARGE",
      boundary: "protocol",
      message: `a message of ${bytes.length} bytes exceeds the limit of ${bytesMax}`,
    });
  }
  let json: unknown;
  try {
    json = JSON.parse(decoder.decode(bytes));
  } catch (error) {
    throw invalid(`a message is not UTF-8 JSON: ${String(error)}`);
  }
  const version = typeof json === "object" && json !== null && "v" in json ? json.v : undefined;
  if (version !== 1) {
    throw new HindcastError({
      code: "PROTOCOL_UNKNOWN_VERSION",
      boundary: "protocol",
      message: `message version ${JSON.stringify(version) ?? "missing"} is not known here (known: 1); upgrade this process or its peer`,
    });
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw invalid(`a message is malformed: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

function invalid(message: string): HindcastError {
  return new HindcastError({ code: "PROTOCOL_INVALID", boundary: "protocol", message: message.slice(0, 2_000) });
}
