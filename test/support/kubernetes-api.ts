// An HTTP server that answers as an API server did: what a one-node cluster of Kubernetes 1.34 with the overlay `local`
// said, its disk nearly full (test/fixtures/kubernetes-api.json; keys and machine ids left out). A test changes answers to
// describe another cluster. Real kubectl asks it, through a KUBECONFIG that names it.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { kubernetesFolder } from "./manifests.ts";

const Recorded = z.record(z.string(), z.looseObject({}));
const recorded = new URL("../fixtures/kubernetes-api.json", import.meta.url);
const Review = z.looseObject({
  spec: z.looseObject({
    resourceAttributes: z.object({
      group: z.string(),
      resource: z.string(),
      verb: z.string(),
      namespace: z.string().optional(),
    }),
  }),
});
type Attributes = z.infer<typeof Review>["spec"]["resourceAttributes"];

/** By path without its query; `status` other than 200 is answered with a Status object. */
export type Answers = Map<string, object | { status: number; message: string }>;

export interface TestCluster extends AsyncDisposable {
  /** File for KUBECONFIG. */
  kubeconfig: string;
}

export function recordedAnswers(): Answers {
  return new Map(Object.entries(Recorded.parse(JSON.parse(readFileSync(recorded, "utf8")))));
}

/** The Secrets that deploy/kubernetes/credentials.sh makes, by path. */
export function freshSecrets(): Answers {
  const text = execFileSync(`${kubernetesFolder}credentials.sh`, { encoding: "utf8" });
  const Named = z.looseObject({
    kind: z.string(),
    metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
  });
  const objects = parseAllDocuments(text).map((document) => Named.parse(document.toJS()));
  return new Map(
    objects
      .filter(({ kind }) => kind === "Secret")
      .map((secret) => [
        `/api/v1/namespaces/${secret.metadata.namespace}/secrets/${secret.metadata.name}`,
        secret as object,
      ]),
  );
}

export async function aCluster(
  folder: string,
  answers: Answers,
  mayDo: (attributes: Attributes) => boolean = () => true,
): Promise<TestCluster> {
  const server = createServer((request, response) => {
    void (async () => {
      const [path = ""] = (request.url ?? "").split("?");
      const answer = path.endsWith("/selfsubjectaccessreviews") ? await review(request, mayDo) : answers.get(path);
      const refusal = answer === undefined ? { status: 404, message: "404 page not found" } : answer;
      const status = "status" in refusal && typeof refusal.status === "number" ? refusal.status : 200;
      const body = status === 200 ? refusal : { kind: "Status", apiVersion: "v1", code: status, ...refusal };
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    })();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const kubeconfig = join(folder, "kubeconfig");
  const named = (name: string, what: object): object => ({ name, ...what });
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [named("test", { cluster: { server: `http://127.0.0.1:${address.port}` } })],
      contexts: [named("test", { context: { cluster: "test", user: "" } })],
      "current-context": "test",
    }),
  );
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  };
  return { kubeconfig, [Symbol.asyncDispose]: close };
}

async function review(request: IncomingMessage, mayDo: (attributes: Attributes) => boolean): Promise<object> {
  let text = "";
  for await (const part of request) text += String(part);
  const asked = Review.parse(JSON.parse(text));
  return { ...asked, status: { allowed: mayDo(asked.spec.resourceAttributes) } };
}
