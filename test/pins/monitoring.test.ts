// Requirements: 7.6.dashboards, 7.6.runbook
import { readFile } from "node:fs/promises";
import { metricCatalogue } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { alertGroups } from "../../deploy/monitoring/src/alerts/index.ts";
import { queriesOf } from "../../deploy/monitoring/src/dashboard.ts";
import { dashboards } from "../../deploy/monitoring/src/dashboards/index.ts";
import { monitoringFiles } from "../../deploy/monitoring/src/files.ts";

const folder = new URL("../../deploy/monitoring/", import.meta.url);
const alerts = Object.values(alertGroups).flat();

describe("monitoring", () => {
  it.each([...monitoringFiles()])(
    "%s is what its source says (node deploy/monitoring/src/main.ts)",
    async (path, text) => {
      const form = (content: string): unknown => (path.endsWith(".json") ? JSON.parse(content) : content.split(/\s+/));
      expect(form(await readFile(new URL(path, folder), "utf8"))).toEqual(form(text));
    },
  );

  it("names only metrics of the catalogue, of Node.js, of Prometheus and of NATS's exporter", () => {
    const expressions = [...dashboards.flatMap((each) => queriesOf(each, "1m")), ...alerts.map(({ value }) => value)];
    for (const expression of expressions) {
      for (const [name] of expression.matchAll(/\b(?:hindcast|process|nodejs|gnatsd|jetstream)_[a-z0-9_]+/g)) {
        if (!name.startsWith("hindcast_")) continue;
        expect(Object.keys(metricCatalogue), expression).toContain(name.replace(/_(bucket|count|sum)$/, ""));
      }
    }
  });

  it("shows in a dashboard every metric that an alert watches", () => {
    const shown = dashboards.flatMap((each) => queriesOf(each, "1m")).join(" ");
    const watched = alerts.flatMap(({ value }) => [...value.matchAll(/\bhindcast_[a-z0-9_]+/g)].map(([name]) => name));
    for (const name of watched) expect(shown, name).toContain(name.replace(/_(bucket|count|sum)$/, ""));
  });

  it("gives every panel a description and every alert a runbook entry with three parts", () => {
    for (const { rows } of dashboards) {
      for (const { title, description } of rows.flatMap(({ panels }) => panels)) {
        expect(description, title).toMatch(/\S.*\.$/);
      }
    }
    for (const { means, lookAt, act, name } of alerts) {
      for (const text of [means, lookAt, act]) expect(text, name).toMatch(/\.$/);
    }
    expect(new Set(alerts.map(({ name }) => name)).size).toBe(alerts.length);
  });
});
