// Google's batch jobs as ai.google.dev documents them: a JSONL file is uploaded, named in `batchGenerateContent`, and
// answered by another file. Inline requests are not emulated: Hindcast sends none.
import { type EmulatedBatches, type Job, type Outcome, scriptedOutcome, withMishap } from "./batches.ts";
import { type Failure, type HttpReply, json, type RecordedRequest, type Surroundings, type Wire } from "./emulator.ts";

const fileBytesMax = 2 * 1024 ** 3;

export interface GeminiBatchOptions {
  batches: EmulatedBatches;
  /** Uploaded files by id; shared by all requests to one emulator. */
  files: Map<string, string>;
  wire: Pick<Wire, "refuse" | "answer">;
  access: (url: URL, headers: RecordedRequest["headers"]) => HttpReply | null;
  error: (status: number, name: string, message: string) => HttpReply;
  failure: (failure: Failure) => HttpReply;
}

export async function serveGeminiBatches(
  request: RecordedRequest,
  surroundings: Surroundings,
  options: GeminiBatchOptions,
): Promise<HttpReply | null> {
  const url = new URL(request.path, surroundings.url);
  const route = `${request.method} ${url.pathname}`;
  const model = /^POST \/v1beta\/models\/([^/:]+):batchGenerateContent$/.exec(route)?.[1];
  const file = /^GET \/v1beta\/files\/([^/:]+):download$/.exec(route)?.[1];
  const [, id, verb] = /^(?:GET|POST) \/v1beta\/batches\/([^/:]+)(:cancel)?$/.exec(route) ?? [];
  const isList = route === "GET /v1beta/batches";
  const isUpload = route === "POST /upload/v1beta/files";
  if (model === undefined && file === undefined && id === undefined && !isList && !isUpload) return null;
  const problem = options.access(url, request.headers);
  if (problem !== null) return problem;
  const { batches, files, failure } = options;
  if (isUpload) return upload(request, { url, surroundings, options });
  if (model !== undefined) {
    return withMishap(batches.mishapOf("create"), failure, async () => create(request, model, options));
  }
  if (isList) return withMishap(batches.mishapOf("list"), failure, async () => pageOf(url, options));
  if (file !== undefined) {
    const text = files.get(file);
    if (text === undefined) return options.error(404, "NOT_FOUND", `File files/${file} was not found.`);
    const reply = { status: 200, headers: { "content-type": "application/jsonl" }, frames: [text] };
    return withMishap(batches.mishapOf("results"), failure, async () => reply);
  }
  const job = batches.jobs.find((each) => each.id === id);
  if (job === undefined) return options.error(404, "NOT_FOUND", `Requested entity batches/${id} was not found.`);
  if (verb !== undefined) {
    return withMishap(batches.mishapOf("cancel"), failure, async () => {
      if (job.state === "running") job.state = "cancelling";
      return json(200, {});
    });
  }
  return withMishap(batches.mishapOf("poll"), failure, async () => {
    await batches.look(job, (each) => outcomeOf(each.body, { job, surroundings, options }));
    if (job.state === "ended" && !files.has(`out-${job.id}`)) files.set(`out-${job.id}`, resultsOf(job, options));
    return json(200, operationOf(job));
  });
}

/** The resumable protocol: a start that names a place, then chunks to that place. */
function upload(
  { headers }: RecordedRequest,
  { url, surroundings, options }: { url: URL; surroundings: Surroundings; options: GeminiBatchOptions },
): HttpReply {
  const { files, error } = options;
  const id = url.searchParams.get("upload_id");
  const command = headers["x-goog-upload-command"] ?? "";
  if (id === null) {
    if (headers["x-goog-upload-protocol"] !== "resumable" || command !== "start") {
      return error(400, "INVALID_ARGUMENT", "Resumable uploads begin with the command start.");
    }
    if (Number(headers["x-goog-upload-header-content-length"]) > fileBytesMax) {
      return error(400, "INVALID_ARGUMENT", "The file is too large.");
    }
    const next = `in-${files.size + 1}`;
    files.set(next, "");
    return json(200, {}, { "x-goog-upload-url": `${surroundings.url}/upload/v1beta/files?upload_id=${next}` });
  }
  const before = files.get(id);
  if (before === undefined) return error(404, "NOT_FOUND", "There is no such upload.");
  if (Number(headers["x-goog-upload-offset"]) !== Buffer.byteLength(before)) {
    return error(400, "INVALID_ARGUMENT", "The offset is not where the upload had got to.");
  }
  files.set(id, before + surroundings.text);
  const isFinal = command.includes("finalize");
  const file = { name: `files/${id}`, mimeType: "application/jsonl", state: "ACTIVE" };
  return json(200, isFinal ? { file } : {}, { "x-goog-upload-status": isFinal ? "final" : "active" });
}

function create({ body }: RecordedRequest, model: string, { batches, files, error }: GeminiBatchOptions): HttpReply {
  const invalid = (message: string): HttpReply => error(400, "INVALID_ARGUMENT", message);
  const batch = body["batch"] as { displayName?: string; inputConfig?: { fileName?: string } } | undefined;
  if (batch?.displayName === undefined) return invalid("* BatchGenerateContentRequest.batch.display_name: required");
  const file = /^files\/(.+)$/.exec(batch.inputConfig?.fileName ?? "")?.[1];
  const text = file === undefined ? undefined : files.get(file);
  if (text === undefined) return invalid("* BatchGenerateContentRequest.batch.input_config: file_name is not a file");
  const lines = text.split("\n").filter((line) => line !== "");
  const seen = new Set<string>();
  const requests = [];
  for (const [i, line] of lines.entries()) {
    const { key, request, ...extra } = JSON.parse(line) as { key?: unknown; request?: Record<string, unknown> };
    const [stranger] = Object.keys(extra);
    if (stranger !== undefined) return invalid(`Invalid JSON in line ${i + 1}: Unknown name "${stranger}"`);
    if (typeof key !== "string" || key === "" || seen.has(key)) return invalid(`line ${i + 1}: key must be unique`);
    if (request === undefined) return invalid(`line ${i + 1}: request is not specified`);
    seen.add(key);
    requests.push({ id: key, body: request });
  }
  if (requests.length === 0) return invalid("The input file has no requests.");
  return json(200, operationOf(batches.create({ name: batch.displayName, model, requests })));
}

async function outcomeOf(
  body: Record<string, unknown>,
  { job, surroundings, options }: { job: Job; surroundings: Surroundings; options: GeminiBatchOptions },
): Promise<Outcome> {
  const single = { method: "POST", path: pathOf(job), headers: { "x-goog-api-key": "" }, body };
  const outcome = await scriptedOutcome(single, {
    reply: surroundings.reply,
    refuse: (request) => options.wire.refuse(request),
  });
  // The real endpoint does not honour the newer field and answers with JSON of another shape.
  const config = body["generationConfig"] as Record<string, unknown> | undefined;
  if (outcome.kind !== "answer" || config?.["responseJsonSchema"] === undefined) return outcome;
  return { kind: "answer", answer: { ...outcome.answer, text: '{"degenerate":true}' } };
}

const pathOf = ({ model }: Job): string => `/v1beta/models/${model}:generateContent`;

/** Requests that were not answered in time have no line. */
function resultsOf(job: Job, { wire, failure }: GeminiBatchOptions): string {
  const errorOf = (reply: HttpReply): object => {
    const { error } = JSON.parse(reply.frames.join("")) as { error: { code: number } };
    const codes: Record<number, number> = { 400: 3, 403: 7, 404: 5, 413: 3, 429: 8, 503: 14 };
    return { ...error, code: codes[error.code] ?? 13 };
  };
  const lines = job.outcomes.flatMap<object>(({ request: { id, body }, outcome }) => {
    const single = { method: "POST", path: pathOf(job), headers: {}, body };
    switch (outcome.kind) {
      case "answer":
        return [{ key: id, response: JSON.parse(wire.answer(single, outcome.answer).frames.join("")) as object }];
      case "failure":
        return [{ key: id, error: errorOf(failure(outcome.failure)) }];
      case "refusal":
        return [{ key: id, error: errorOf(outcome.reply) }];
      default:
        return [];
    }
  });
  return lines.map((line) => `${JSON.stringify(line)}\n`).join("");
}

function operationOf({ id, name, model, createdAt, state, outcomes, requests }: Job): object {
  const isOver = state === "ended" || state === "archived";
  const count = (kind: Outcome["kind"]): number => outcomes.filter(({ outcome }) => outcome.kind === kind).length;
  const isExpired = isOver && count("expired") === requests.length;
  const isCancelled = isOver && count("cancelled") > 0;
  const word = isExpired ? "EXPIRED" : isCancelled ? "CANCELLED" : isOver ? "SUCCEEDED" : "RUNNING";
  const output = { responsesFile: `files/out-${id}` };
  return {
    name: `batches/${id}`,
    metadata: {
      "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
      name: `batches/${id}`,
      model: `models/${model}`,
      displayName: name,
      state: `BATCH_STATE_${word}`,
      createTime: createdAt,
      updateTime: createdAt,
      batchStats: { requestCount: String(requests.length) },
      ...(isOver && !isExpired && { output }),
    },
    ...(isOver && !isExpired && { done: true, response: output }),
  };
}

function pageOf(url: URL, { batches }: GeminiBatchOptions): HttpReply {
  const size = Number(url.searchParams.get("pageSize") ?? 10);
  const from = Number(url.searchParams.get("pageToken") ?? 0);
  const jobs = batches.newestFirst();
  return json(200, {
    operations: jobs.slice(from, from + size).map(operationOf),
    ...(from + size < jobs.length && { nextPageToken: String(from + size) }),
  });
}
