// What an instance's patch is judged by, and the form in which a task carries it.
import { gunzipSync, gzipSync } from "node:zlib";
import { z } from "zod";
import type { SweBenchReference } from "../../../domain/swe-bench.ts";
import type { SweBenchInstance } from "./instance.ts";

export interface JudgedInstance extends Omit<SweBenchReference, "kind" | "passToPass"> {
  passToPass: string[];
}

/** Above it the list is packed; 9 of Verified's 500 instances have such lists. */
const listBytesMax = 64 * 1024;
/** Unpacked: no list of SWE-bench has 1 MB. */
const unpackedBytesMax = 16 * 1024 * 1024;

export function judgedInstance(instance: SweBenchInstance): JudgedInstance {
  return {
    instanceId: instance.instance_id,
    evalScript: instance.eval_script,
    logParser: instance.log_parser,
    evalType: instance.eval_type,
    failToPass: instance.FAIL_TO_PASS,
    passToPass: instance.PASS_TO_PASS,
  };
}

export function sweBenchReference(instance: SweBenchInstance): SweBenchReference {
  const judged = judgedInstance(instance);
  const list = JSON.stringify(judged.passToPass);
  const isLong = Buffer.byteLength(list) > listBytesMax;
  const passToPass = isLong ? { gzip: gzipSync(list).toString("base64") } : judged.passToPass;
  return { kind: "swe-bench", ...judged, passToPass };
}

/** @throws Error where a packed list is none */
export function judgedByReference(packed: SweBenchReference): JudgedInstance {
  const { instanceId, evalScript, logParser, evalType, failToPass, passToPass } = packed;
  const reference = { instanceId, evalScript, logParser, evalType, failToPass };
  if (Array.isArray(passToPass)) return { ...reference, passToPass };
  const text = gunzipSync(Buffer.from(passToPass.gzip, "base64"), { maxOutputLength: unpackedBytesMax }).toString(
    "utf8",
  );
  return { ...reference, passToPass: z.array(z.string()).parse(JSON.parse(text)) };
}
