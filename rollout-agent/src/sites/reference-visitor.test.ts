// Requirements: 6.14.tasks
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ReferenceVisitor } from "./reference-visitor.ts";

const form = `<body hx-headers='{"x-token": "a token"}'><form action="/comments?a=1&amp;b=2" method="post">
  <input type="hidden" name="_csrf" value="secret"><input name="title" value="as it is">
  <textarea name="content">old</textarea><button name="status" value="close">Close</button></form>`;

let server: Server;
let origin: string;
let sent: string[];
beforeEach(async () => {
  sent = [];
  server = createServer((request, response) => {
    if (request.method === "GET") return void response.end(form);
    void text(request).then((body) => {
      sent.push(`${request.url} ${body} ${String(request.headers["x-token"])}`);
      response.end("{}");
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => void server.close());

it("sends a form as it is shown, or as a script sends it: elsewhere, with what is hidden in it, and with the page's headers", async () => {
  const visitor = new ReferenceVisitor([]);
  const page = await visitor.open(`${origin}/issue`);
  await visitor.submit(page, { has: "status", fields: { content: "new", status: "close" } });
  await visitor.submit(page, { has: "_csrf", fields: { id: "7" }, action: `${origin}/labels` });
  expect(sent).toEqual([
    "/comments?a=1&b=2 _csrf=secret&title=as+it+is&content=new&status=close a token",
    "/labels _csrf=secret&id=7 a token",
  ]);
  expect(visitor.exchanges.map(({ request }) => request.method)).toEqual(["GET", "POST", "POST"]);
  await expect(visitor.submit(page, { has: "nothing", fields: {} })).rejects.toThrow("has no form with nothing");
});
