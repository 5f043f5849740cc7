import { loadDocuments, type LoadedDocuments } from "../documents/load-documents.ts";
import type { CommandContext } from "./command-context.ts";
import { documentSources } from "./default-documents.ts";

/** Problems shown one by one; the rest is a number. */
const problemsShown = 5;

/** Reads what the configuration names and says what could not be read. @throws DOCUMENTS_EMPTY, DOCUMENTS_UNREADABLE */
export async function readDocuments(context: CommandContext): Promise<LoadedDocuments> {
  const { terminal, env, loaded, interruption } = context;
  const documents = await loadDocuments(
    documentSources(loaded.config.campaign.documents, env),
    { environment: env, onProgress: (done, total) => terminal.status(`reading documents ${done}/${total}`) },
    interruption.asked,
  );
  terminal.status("");
  const { statistics, problems, duplicates } = documents;
  terminal.event({ event: "documents.read", ...statistics, duplicates: duplicates.length, problems });
  terminal.line(
    `read ${statistics.filesRead} of ${statistics.files} files: ${statistics.chunks} documents, ` +
      `about ${statistics.tokens} tokens; ${duplicates.length} duplicates removed`,
  );
  for (const { source, problem } of problems.slice(0, problemsShown)) terminal.note(`not read: ${source}: ${problem}`);
  if (problems.length > problemsShown)
    terminal.note(`not read: ${problems.length - problemsShown} more (--json lists all)`);
  return documents;
}
