import { Counter, Registry } from "prom-client";
import { expect, it } from "vitest";
import { startAdminServer } from "./admin-server.ts";

it("serves metrics, health and readiness, and nothing else", async () => {
  const registry = new Registry();
  new Counter({ name: "hindcast_steps_total", help: "Steps.", registers: [registry] }).inc(3);
  let isReady = false;
  await using server = await startAdminServer({ port: 0, registry, isReady: () => isReady });
  const get = async (path: string, method = "GET"): Promise<[number, string]> => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method });
    return [response.status, await response.text()];
  };
  expect(await get("/metrics")).toEqual([200, expect.stringContaining("hindcast_steps_total 3")]);
  expect(await get("/healthz")).toEqual([200, "ok\n"]);
  expect((await get("/readyz"))[0]).toBe(503);
  isReady = true;
  expect((await get("/readyz"))[0]).toBe(200);
  expect((await get("/secrets"))[0]).toBe(404);
  expect((await get("/metrics", "POST"))[0]).toBe(405);
});
