import { HindcastError, messageOf } from "@hindcast/shared";
import { defaultDocumentSources } from "../documents/default-sources.ts";
import { type DocumentSource, parseDocumentSource } from "../documents/document-source.ts";
import { loadDocuments, type LoadedDocuments } from "../documents/load-documents.ts";
import { formatCount, formatCountOf } from "../report/format.ts";
import type { CommandContext } from "./command-context.ts";

/** Problems shown one by one; the rest is a number. */
const problemsShown = 5;

/** Reads what the configuration names, or what the world brings, and says what could not be read. @throws DOCUMENTS_EMPTY, DOCUMENTS_UNREADABLE */
export async function readDocuments(
  context: CommandContext,
  ofWorld: readonly DocumentSource[] | null = null,
): Promise<LoadedDocuments> {
  const { terminal, env, interruption } = context;
  const documents = await loadDocuments(
    await documentSources(context, ofWorld),
    { environment: env, onProgress: (done, total) => terminal.status(`reading documents ${done}/${total}`) },
    interruption.asked,
  );
  terminal.status("");
  const { statistics, problems, duplicates } = documents;
  terminal.event({ event: "documents.read", ...statistics, duplicates: duplicates.length, problems });
  terminal.line(
    `read ${formatCount(statistics.filesRead)} of ${formatCountOf(statistics.files, "file")}: ` +
      `${formatCountOf(statistics.chunks, "document")}, about ${formatCountOf(statistics.tokens, "token")}; ` +
      `${formatCountOf(duplicates.length, "duplicate")} removed`,
  );
  for (const { source, problem } of problems.slice(0, problemsShown)) terminal.note(`not read: ${source}: ${problem}`);
  if (problems.length > problemsShown)
    terminal.note(`not read: ${problems.length - problemsShown} more (--json lists all)`);
  return documents;
}

async function documentSources(
  { terminal, env, interruption, loaded }: CommandContext,
  ofWorld: readonly DocumentSource[] | null,
): Promise<DocumentSource[]> {
  const named = loaded.config.campaign.documents;
  if (named.length > 0) return named.map(parse);
  if (ofWorld !== null) return documentsOf(ofWorld);
  const { sources, missing } = await defaultDocumentSources(env, interruption.asked);
  for (const sentence of missing) terminal.note(sentence);
  if (sources.length > 0) return sources;
  throw new HindcastError({
    code: "DOCUMENTS_EMPTY",
    boundary: "documents",
    message: "neither npm's manual nor git's pages are on this machine; name documents of your own with --docs",
  });
}

function documentsOf(world: readonly DocumentSource[]): DocumentSource[] {
  if (world.length > 0) return [...world];
  throw new HindcastError({
    code: "DOCUMENTS_EMPTY",
    boundary: "documents",
    message: "this world brings no documents of its own; name some with --docs",
  });
}

function parse(text: string): DocumentSource {
  try {
    return parseDocumentSource(text);
  } catch (error) {
    throw new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message: messageOf(error) });
  }
}
