// A web site for browsers under test: pages as text, and what it was asked.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface WebSite extends AsyncDisposable {
  /** `http://127.0.0.1:4711` */
  origin: string;
  /** Method and path of every request. */
  asked: string[];
}

export type SitePage = string | ((request: IncomingMessage, response: ServerResponse) => void);

/** Pages by path without query; everything else is not found. */
export async function aWebSite(pages: Record<string, SitePage>): Promise<WebSite> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const page = pages[(request.url ?? "").replace(/\?.*$/, "")];
    if (typeof page === "function") {
      page(request, response);
      return;
    }
    response.writeHead(page === undefined ? 404 : 200, { "content-type": "text/html; charset=utf-8" });
    response.end(page === undefined ? "not found" : page);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
