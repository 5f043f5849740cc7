import { createRequire } from "node:module";
import { join } from "node:path";
import { workFolder } from "../harness/places.ts";

/** A package of the private folder of peers; the type is what the caller uses of it. */
export function peerModule<T>(name: string): T {
  return createRequire(join(workFolder, "node", "package.json"))(name) as T;
}
