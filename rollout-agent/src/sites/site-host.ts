// Where a site is visited. Every visitor gets a copy of the site for himself: a browser that comes without a visit's
// cookie is shown the site in its first state and may do there what it likes. So an episode begins afresh by being a fresh
// browser, episodes do not see each other, and nobody has to say when to reset. One copy more than is in use is kept
// ready; where there are no more, the one that was left longest is put back. Our agents say when they leave.
// The site's time is the visit's own: it stands still but for what is sent, so that the same doing leads to the same pages.
import { once } from "node:events";
import { Agent, createServer, request as ask, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { limits } from "@hindcast/shared";
import { deriveId } from "@hindcast/shared/node";
import type { BuiltSite } from "./build-site.ts";
import { SiteCopy } from "./site-copy.ts";
import { clockOf } from "./site-recipe.ts";
import { clockHeader, leavePath, visitCookie } from "./visits.ts";

export interface SiteHostOptions {
  site: BuiltSite;
  /** 0: any free one. */
  port: number;
  copiesMax: number;
  /** For the states of copies; must be there. */
  folder: string;
  /** A visit that was left for so long may end where somebody else wants to come. @default limits.siteIdleMsMin */
  idleMsMin?: number;
}

/** What passes with everything that a visitor sends: what comes later is later, and minutes are what pages show. */
const secondsPerSending = 60;

interface Held {
  copy: SiteCopy;
  visit: string | null;
  /** Its visitor said that he is gone. */
  isLeft: boolean;
  lastAsked: number;
  inFlight: number;
  /** What changes something was sent so often in this visit. */
  sent: number;
}

export class SiteHost implements AsyncDisposable {
  readonly origin: string;
  readonly #options: SiteHostOptions;
  readonly #server: ReturnType<typeof createServer>;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #stop = new AbortController();
  readonly #copies: Held[] = [];
  readonly #startedAt = Date.now();
  /** Visits are begun one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #spare: Promise<unknown> | null = null;
  #visits = 0;
  #started = 0;

  private constructor(options: SiteHostOptions, server: ReturnType<typeof createServer>) {
    this.#options = options;
    this.#server = server;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      this.#answer(request, response).catch((error: unknown) => {
        if (!response.headersSent) say(response, 503, String(error));
        response.destroy();
      });
    });
  }

  /** Resolves when the first visitor may come. @throws ENVIRONMENT_UNAVAILABLE with what the site said */
  static async start(options: SiteHostOptions): Promise<SiteHost> {
    const server = createServer();
    server.listen(options.port, "127.0.0.1");
    await once(server, "listening");
    const host = new SiteHost(options, server);
    try {
      await host.#startCopy();
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The databases of visits that are there, by the value of their cookie. */
  databases(): Map<string, string> {
    return new Map(this.#copies.flatMap(({ visit, copy }) => (visit === null ? [] : [[visit, copy.database]])));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("the site is closed"));
    this.#server.closeAllConnections();
    this.#server.close();
    await this.#spare;
    await this.#turn.catch(() => undefined);
    await Promise.all(this.#copies.map(({ copy }) => copy[Symbol.asyncDispose]()));
    this.#agent.destroy();
  }

  get #cookie(): string {
    // Cookies know no ports: the sites of one machine must not share names.
    return `${visitCookie}${this.#options.site.recipe.name}`;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const visit = cookieOf(request, this.#cookie);
    if (visit !== null) {
      const held = this.#copies.find((one) => one.visit === visit);
      if (held !== undefined && request.method === "POST" && request.url === leavePath) {
        held.isLeft = true;
        response.writeHead(204).end();
        return;
      }
      if (held !== undefined) {
        // Restored with the cookies of then, it is back. What a page that is closing still fetches is no return.
        if (request.headers["sec-fetch-mode"] === "navigate") held.isLeft = false;
        return this.#forward(held, request, response, null);
      }
      response.setHeader("set-cookie", `${this.#cookie}=; Path=/; Max-Age=0`);
      return say(
        response,
        410,
        "This visit is over: its copy of the site was given to somebody else. Reload to begin anew.",
      );
    }
    const begun = this.#turn.then(() => this.#beginVisit());
    this.#turn = begun.catch(() => undefined);
    const held = await begun;
    if (held === null) {
      response.setHeader("retry-after", "5");
      return say(response, 503, "All copies of the site are in use; raise --copies or come back later.");
    }
    return this.#forward(held, request, response, held.visit);
  }

  async #beginVisit(): Promise<Held | null> {
    this.#forgetDead();
    const held = this.#free() ?? (await this.#spare, this.#free()) ?? (await this.#another());
    if (held === null) return null;
    this.#visits += 1;
    held.visit = deriveId("visit", this.origin, String(this.#startedAt), String(this.#visits));
    held.isLeft = false;
    held.sent = 0;
    held.lastAsked = performance.now();
    this.#keepSpare();
    return held;
  }

  #free(): Held | undefined {
    return this.#copies.find(({ visit, copy }) => visit === null && copy.isRunning);
  }

  async #another(): Promise<Held | null> {
    if (this.#copies.length < this.#options.copiesMax) return await this.#startCopy();
    const idleMsMin = this.#options.idleMsMin ?? limits.siteIdleMsMin;
    const [left] = this.#copies
      .filter(
        ({ inFlight, lastAsked, isLeft }) => inFlight === 0 && (isLeft || performance.now() - lastAsked >= idleMsMin),
      )
      .toSorted((a, b) => a.lastAsked - b.lastAsked);
    if (left === undefined) return null;
    left.visit = null;
    try {
      await left.copy.restore();
      return left;
    } catch (error) {
      // What is half restored is shown to nobody.
      this.#copies.splice(this.#copies.indexOf(left), 1);
      await left.copy[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A copy whose process died takes its visit along. */
  #forgetDead(): void {
    for (const held of this.#copies.filter(({ copy }) => !copy.isRunning)) {
      this.#copies.splice(this.#copies.indexOf(held), 1);
      void held.copy[Symbol.asyncDispose]();
    }
  }

  #keepSpare(): void {
    const isWanted = this.#spare === null && this.#free() === undefined;
    if (!isWanted || this.#copies.length >= this.#options.copiesMax || this.#stop.signal.aborted) return;
    const started = (): void => void (this.#spare = null);
    // One that does not start is started again, and complained about, when it is wanted.
    this.#spare = this.#startCopy().then(started, started);
  }

  async #startCopy(): Promise<Held> {
    const { site, folder } = this.#options;
    this.#started += 1;
    const state = join(folder, `copy-${this.#started}`);
    const copy = await SiteCopy.start(site, { state, origin: this.origin }, this.#stop.signal);
    const held: Held = { copy, visit: null, isLeft: false, lastAsked: performance.now(), inFlight: 0, sent: 0 };
    this.#copies.push(held);
    return held;
  }

  async #forward(held: Held, request: IncomingMessage, response: ServerResponse, fresh: string | null): Promise<void> {
    held.inFlight += 1;
    held.lastAsked = performance.now();
    try {
      const { method, url: path } = request;
      const { recipe } = this.#options.site;
      const isAside = recipe.asides.includes(path?.split("?")[0] ?? "");
      if (!isAside && !["GET", "HEAD", "OPTIONS"].includes(method ?? "")) held.sent += 1;
      const clock = clockOf(recipe) + held.sent * secondsPerSending;
      const headers = { ...request.headers, [clockHeader]: String(clock) };
      const sent = ask({ host: "127.0.0.1", port: held.copy.port, method, path, headers, agent: this.#agent });
      request.pipe(sent);
      // Before there is an answer, `once` below tells of it as well; after that nobody else listens.
      sent.on("error", () => {
        if (response.headersSent) response.destroy();
      });
      request.once("error", () => sent.destroy());
      response.once("close", () => sent.destroy());
      const [answer] = (await once(sent, "response")) as [IncomingMessage];
      response.writeHead(
        answer.statusCode ?? 502,
        headersOf(answer, fresh === null ? null : `${this.#cookie}=${fresh}`),
      );
      answer.pipe(response);
      await Promise.race([once(answer, "end"), once(response, "close")]);
    } finally {
      held.inFlight -= 1;
      held.lastAsked = performance.now();
    }
  }
}

function headersOf({ rawHeaders }: IncomingMessage, cookie: string | null): string[] {
  return cookie === null ? rawHeaders : [...rawHeaders, "Set-Cookie", `${cookie}; Path=/; HttpOnly; SameSite=Lax`];
}

function cookieOf({ headers }: IncomingMessage, name: string): string | null {
  const found = (headers.cookie ?? "").split(/;\s*/).find((pair) => pair.startsWith(`${name}=`));
  return found === undefined ? null : found.slice(name.length + 1);
}

function say(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/html; charset=utf-8" });
  response.end(`<title>${status}</title><p>${text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</p>`);
}
