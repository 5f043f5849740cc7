// The journal of a program that works without a bus: one file per answer, named by its request's hash. A file appears
// whole or not at all, whoever dies when.
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HindcastError } from "../../errors.ts";
import { deriveId, sha256Hex } from "../derive-id.ts";
import { JournaledCompletion, type JournalStore } from "./journal.ts";

/** The store that `journaled` writes to, in a folder that is made where it is missing. */
export function folderJournal(folder: string): JournalStore {
  const answerPath = (key: string): string => join(folder, `${key}.json`);
  const wordsPath = (sha256: string): string => join(folder, `${sha256}.words`);
  return {
    records: {
      get: async (key) => {
        const bytes = await bytesOf(answerPath(key));
        if (bytes === null) return null;
        return { value: JournaledCompletion.parse(JSON.parse(bytes.toString("utf8"))), revision: 1 };
      },
      create: async (key, value) => {
        if (!(await writeOnce(answerPath(key), Buffer.from(JSON.stringify(value))))) {
          throw new HindcastError({
            code: "BUS_CONFLICT",
            boundary: "bus",
            message: `${answerPath(key)} is there already`,
          });
        }
        return 1;
      },
    },
    blobs: {
      put: async (bytes) => {
        const sha256 = sha256Hex(bytes);
        await writeOnce(wordsPath(sha256), bytes);
        return { sha256, bytes: bytes.byteLength };
      },
      get: async ({ sha256 }) => {
        const bytes = await bytesOf(wordsPath(sha256));
        if (bytes !== null && sha256Hex(bytes) === sha256) return bytes;
        const message = `${wordsPath(sha256)} is ${bytes === null ? "not there" : "damaged"}; remove the folder to buy its answers again`;
        throw new HindcastError({ code: "BUS_NOT_FOUND", boundary: "bus", message });
      },
    },
  };
}

async function bytesOf(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** False where the file is there already. */
async function writeOnce(path: string, bytes: Uint8Array): Promise<boolean> {
  await mkdir(join(path, ".."), { recursive: true });
  const temporary = `${path}.${deriveId("t", process.pid, performance.now())}`;
  await writeFile(temporary, bytes);
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}
