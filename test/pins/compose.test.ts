// What deploy/compose.yaml promises: valid for Compose, no root, bounded, reachable from this machine only, secrets by file,
// and in step with what the code reads and the monitoring shows.
// Requirements: 7.3.compose, 7.3.pinned
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { limits } from "@hindcast/shared";
import { environmentVariables, namesOf } from "@hindcast/shared/node";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { allocatorEnvironment } from "../../coordinator/src/local/allocator.ts";
import { natsExporterFlags } from "../../deploy/monitoring/src/nats-exporter.ts";
import { composeDocument, composeFile, composeFolder, type Service } from "../support/compose.ts";

const file = composeFile();
const services = Object.entries(file.services);
const ours = services.filter(([, { image, restart }]) => image.startsWith("hindcast/") && restart !== "on-failure");
const programs = ours.filter(([name]) => name !== "nats");

it("is valid by the Compose specification, whose schema refuses a misspelt field", () => {
  // compose-spec.json of github.com/compose-spec/compose-go v2.9.1 (Apache-2.0).
  const schema = z
    .looseObject({})
    .parse(JSON.parse(readFileSync(new URL("../fixtures/compose-spec.json", import.meta.url), "utf8")));
  // Its own address of the draft has no `http`, by which Ajv knows it.
  const draft = "http://json-schema.org/draft-07/schema#";
  const validate = new Ajv({ strict: false, validateFormats: false }).compile({ ...schema, $schema: draft });
  expect(validate(composeDocument()), JSON.stringify(validate.errors)).toBe(true);
  expect(validate({ services: { nats: { image: "hindcast/nats:dev", read_onyl: true } } })).toBe(false);
});

it.each(services)("%s is pinned, bounded, without root, rights or a place to write to", (name, service) => {
  expect(service.image).toMatch(/(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})$/);
  // Of others by what they hold; of the exporter only the tag is known.
  if (!service.image.startsWith("hindcast/") && name !== "nats-exporter") expect(service.image).toMatch(/@sha256:/);
  expect(service.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
  expect(service).toMatchObject({ read_only: true, privileged: false, cap_drop: ["ALL"], cap_add: [] });
  const confined = ["no-new-privileges:true"];
  // The exception, word for word: sandboxes are user namespaces with a /proc of their own.
  const exception = ["seccomp:unconfined", "apparmor:unconfined", "systempaths=unconfined"];
  expect(service.security_opt).toEqual(name === "rollout-agent" ? [...confined, ...exception] : confined);
  for (const port of service.ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  for (const mount of service.volumes) {
    if (mount.type === "volume") expect(Object.keys(file.volumes)).toContain(mount.source);
    else {
      expect(mount.read_only, mount.source).toBe(true);
      expect(existsSync(join(composeFolder, mount.source)), mount.source).toBe(true);
    }
  }
  for (const network of service.networks) expect(Object.keys(file.networks)).toContain(network);
  for (const other of Object.keys(service.depends_on)) expect(Object.keys(file.services)).toContain(other);
});

it.each(["coordinator", "rollout-agent"])(
  "gives memory back in the image of the %s as in a cluster of one machine",
  (name) => {
    const image = readFileSync(join(composeFolder, `images/${name}.Dockerfile`), "utf8");
    const told = Object.entries(allocatorEnvironment).map((each) => each.join("="));
    expect(image).toContain(`ENV ${told.join(" ")}\n`);
  },
);

it("has a health check wherever the image has something to ask with", () => {
  const without = services.flatMap(([name, { healthcheck }]) => (healthcheck === undefined ? [name] : []));
  // Images of one program each; nats-ready asks NATS in its place, and Prometheus the exporter.
  expect(without).toEqual(["nats", "nats-ready", "nats-exporter"]);
});

it("has secrets in files only, each of them used and each one made", () => {
  const used = services.flatMap(([, service]) => service.secrets.map(({ source }) => source));
  expect(new Set(used)).toEqual(new Set(Object.keys(file.secrets)));
  const script = readFileSync(`${composeFolder}kubernetes/credentials.sh`, "utf8");
  const installed = /install -m 444 (.*) "\$folder"/.exec(script)?.[1] ?? "";
  const users = /^users=\((.*)\)$/m.exec(script)?.[1]?.split(" ") ?? [];
  const made = [...installed.split(" ").filter((each) => !each.startsWith('"')), ...users];
  for (const { file: path } of Object.values(file.secrets)) {
    expect(made).toContain(path.replace("compose/secrets/", ""));
  }
  for (const [name, { environment }] of services) {
    for (const [variable, value] of Object.entries(environment)) {
      if (/PASSWORD|KEY|SECRET|TOKEN/.test(variable)) expect(value, `${name} ${variable}`).toMatch(/^\/run\/secrets\//);
    }
  }
});

it("sets only variables that the programs read, to values that they take, and users that NATS knows", () => {
  const known = new Map(
    Object.values(environmentVariables).flatMap((entry) => namesOf({ entry }).map((name) => [name, entry] as const)),
  );
  const accounts = readFileSync(`${composeFolder}kubernetes/bases/nats/accounts.conf`, "utf8");
  const users = [...accounts.matchAll(/user: "(.*)"/g)].map(([, user]) => user);
  for (const [name, { environment, secrets }] of programs) {
    for (const [variable, value] of Object.entries(environment)) {
      const entry = known.get(variable);
      expect(entry, `${name} sets ${variable}`).toBeDefined();
      expect(entry?.schema.safeParse(value).success, `${name}: ${variable}=${value}`).toBe(true);
    }
    expect(users).toContain(environment["HINDCAST_NATS_USER"]);
    for (const path of [environment["HINDCAST_NATS_PASSWORD_FILE"], environment["HINDCAST_NATS_CA_FILE"]]) {
      expect(secrets.map(({ target }) => `/run/secrets/${target}`)).toContain(path);
    }
  }
});

it("lets every program drain before it is killed", () => {
  for (const [name, { stop_grace_period: grace = "10s" }] of ours) {
    expect(Number.parseInt(grace, 10) * 1_000, name).toBeGreaterThan(limits.drainMs + limits.abortMs);
  }
});

it("builds every image of ours from a base that is given, and pulls none of them", () => {
  const built = ours.map(([, { build }]) => build?.dockerfile);
  for (const dockerfile of built) {
    const text = readFileSync(join(composeFolder, "images", dockerfile ?? "missing"), "utf8");
    expect(text).toMatch(/^FROM \$\{BASE\}$/m);
  }
  const args = (service: Service): string[] => Object.keys(service.build?.args ?? {});
  for (const [name, service] of ours) expect(args(service), name).toEqual(["BUILD", "BASE"]);
});

it("is made from a base that is pinned by digest, the same for every image, here and for other platforms", () => {
  const folder = join(composeFolder, "images");
  const dockerfiles = readdirSync(folder).filter((name) => name.endsWith(".Dockerfile") && !name.startsWith("build."));
  expect(dockerfiles.length).toBeGreaterThan(5);
  const found = dockerfiles.map((name) => /^ARG BASE=(.*)$/m.exec(readFileSync(join(folder, name), "utf8"))?.[1]);
  found.push(/variable "BASE" \{ default = "(.*)" \}/.exec(readFileSync(join(folder, "docker-bake.hcl"), "utf8"))?.[1]);
  found.push(...ours.map(([, service]) => service.build?.args["BASE"]));
  expect(new Set(found).size).toBe(1);
  expect(found[0]).toMatch(/^debian:bookworm-slim@sha256:[0-9a-f]{64}$/);
});

it("of others makes the releases that manifests name", () => {
  const tool = readFileSync(join(composeFolder, "images/nats-exporter.mjs"), "utf8");
  const version = /natsExporterVersion = "(.*)"/.exec(tool)?.[1];
  expect(file.services["nats-exporter"]?.image).toBe(`natsio/prometheus-nats-exporter:${version}`);
  const cli = /natsCliVersion = "(.*)"/.exec(readFileSync(join(composeFolder, "images/nats-cli.mjs"), "utf8"))?.[1];
  expect(readFileSync(join(composeFolder, "images/build.Dockerfile"), "utf8")).toContain(`NATS_CLI_VERSION=${cli}\n`);
});

it("scrapes every program by its name, and shows the committed dashboards and alerts", () => {
  const Scrape = z.looseObject({
    rule_files: z.array(z.string()),
    scrape_configs: z.array(
      z.looseObject({ dns_sd_configs: z.array(z.looseObject({ names: z.array(z.string()), port: z.int() })) }),
    ),
  });
  const config = Scrape.parse(parse(readFileSync(`${composeFolder}compose/prometheus.yaml`, "utf8")));
  const scraped = config.scrape_configs.flatMap(({ dns_sd_configs: found }) => found.flatMap(({ names }) => names));
  expect(new Set(scraped)).toEqual(new Set([...programs.map(([name]) => name), "nats-exporter"]));
  for (const name of [...scraped, "prometheus"]) expect(file.services[name]?.networks, name).toContain("monitoring");
  const mounted = (name: string) => file.services[name]?.volumes ?? [];
  for (const rule of config.rule_files) {
    const mount = mounted("prometheus").find(({ target }) => rule.startsWith(`${target}/`));
    expect(existsSync(join(composeFolder, mount?.source ?? "missing", rule.slice((mount?.target ?? "").length)))).toBe(
      true,
    );
  }
  expect(file.services["nats-exporter"]?.["command"]).toEqual(expect.arrayContaining([...natsExporterFlags]));
  const provider = readFileSync(`${composeFolder}compose/grafana/dashboards/hindcast.yaml`, "utf8");
  const path = /path: ([\w/]+)/.exec(provider)?.[1];
  expect(mounted("grafana")).toContainEqual(expect.objectContaining({ source: "monitoring/dashboards", target: path }));
});

it("images are compiled from the sources: nothing that this machine has built or keeps to itself goes in", () => {
  const ignored = readFileSync(join(composeFolder, "images/build.Dockerfile.dockerignore"), "utf8").split("\n");
  const own = [".git", ".hindcast", "deploy/compose/secrets", "**/*.node", "**/node_modules", "**/dist", "**/target"];
  expect(ignored).toEqual(expect.arrayContaining(own));
});
