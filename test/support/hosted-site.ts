// A self-hosted site in a test: its host, its tasks, whoever reads pages and sends forms there, and players with a browser.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { BrowserSpec, Evaluation } from "@hindcast/shared";
import { type SiteUrls, verifiedReference } from "@hindcast/shared/node";
import { createBrowserProvider } from "../../rollout-agent/src/environment/browser/browser-provider.ts";
import { webArenaEvaluator } from "../../rollout-agent/src/environment/browser/webarena-evaluator.ts";
import type { Environment, EnvironmentProvider } from "../../rollout-agent/src/environment/environment.ts";
import { defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import type { BuiltSite } from "../../rollout-agent/src/sites/build-site.ts";
import { ReferenceVisitor } from "../../rollout-agent/src/sites/reference-visitor.ts";
import { loginOf, urlsOf } from "../../rollout-agent/src/sites/site-files.ts";
import { SiteHost } from "../../rollout-agent/src/sites/site-host.ts";
import { placesOf } from "../../rollout-agent/src/sites/site-recipe.ts";
import { tasksOfSite } from "../../rollout-agent/src/sites/tasks/tasks-of-site.ts";
import type { MadeTask } from "../../rollout-agent/src/sites/tasks/template.ts";
import { problemOf } from "../../rollout-agent/src/sites/verify-tasks.ts";
import { aBrowserSpec, browserLimits, chromium } from "./browser.ts";
import { anObserved } from "./builders.ts";

/** An element, its id in the first group, and what is done with it. */
type Call = readonly [element: RegExp, call: string];
type Login = readonly { name: string; value: string }[];
/** A browser of one login, which sees this much of a page. */
interface Opened {
  login: Login;
  id: string;
  scope?: BrowserSpec["scope"];
}
type Shown = Awaited<ReturnType<Environment["reset"]>>;

const never = new AbortController().signal;
/** Of a player who says that he has changed what he was asked to. */
const claim = '{"task_type": "MUTATE", "status": "SUCCESS", "retrieved_data": null, "error_details": null}';

export const textOf = ({ observation }: Shown): string => (observation.kind === "page" ? observation.text : "");

export class HostedSite implements AsyncDisposable {
  readonly folder: string;
  readonly host: SiteHost;
  readonly urls: SiteUrls;
  readonly tasks: readonly MadeTask[];
  readonly #clock: string;
  readonly #logins: ReadonlyMap<string, Login>;
  readonly #provider: EnvironmentProvider;

  private constructor(site: BuiltSite, folder: string, host: SiteHost) {
    this.folder = folder;
    this.host = host;
    this.urls = urlsOf([{ recipe: site.recipe, origin: host.origin }]);
    this.tasks = tasksOfSite(site);
    this.#clock = site.recipe.clock;
    this.#logins = new Map(placesOf(site.recipe).map(({ role, login }) => [role, login]));
    this.#provider = createBrowserProvider({
      chromiumPath: chromium,
      guestPath: defaultGuestPath,
      miniWobFolder: null,
      evaluators: [webArenaEvaluator(this.urls)],
    });
  }

  static async start(site: BuiltSite, copiesMax: number): Promise<HostedSite> {
    const folder = mkdtempSync(join(tmpdir(), `hindcast-${site.recipe.name}-`));
    try {
      const host = await SiteHost.start({ site, folder, port: 0, copiesMax, idleMsMin: 0 });
      return new HostedSite(site, folder, host);
    } catch (error) {
      rmSync(folder, { recursive: true, force: true });
      throw error;
    }
  }

  /** The template's first. */
  task(template: number): MadeTask {
    const made = this.tasks.find(({ task: { intent_template_id: id } }) => id === template);
    if (made === undefined) throw new Error(`there is no task of template ${template}`);
    return made;
  }

  visitor(role: string): ReferenceVisitor {
    return new ReferenceVisitor(this.#loginOf(role));
  }

  /** What is wrong with the first task of each template, with what it asks; null: nothing. */
  async problems(templates: readonly number[]): Promise<[intent: string, problem: string | null][]> {
    const found: [string, string | null][] = [];
    for (const made of templates.map((template) => this.task(template))) {
      const login = this.#loginOf(made.task.sites[0] ?? "");
      found.push([made.task.intent, await problemOf(made, { urls: this.urls, login })]);
    }
    return found;
  }

  /** A browser at the page on which the task can be done. */
  open({ task, solution }: MadeTask, id = "player"): Environment {
    return this.#openAt(solution.page, {
      login: this.#loginOf(task.sites[0] ?? ""),
      id: `ep-${process.pid}-${task.task_id}-${id}`,
    });
  }

  #openAt(path: string, { login, id, scope = "page" }: Opened): Environment {
    return this.#provider.create({
      id,
      spec: aBrowserSpec(`${this.host.origin}${path}`, {
        storageState: loginOf(login, this.host.origin),
        clock: this.#clock,
        scope,
      }),
      limits: browserLimits,
    });
  }

  judge({ task }: MadeTask, environment: Environment): Promise<Evaluation> {
    const trajectory = { initial: anObserved(), steps: [] };
    return environment.evaluate({ reference: verifiedReference(task), answer: claim, trajectory }, never);
  }

  /** Does what the calls say; `ID` is that of the element. @returns the verdicts before and after */
  async play(template: number, calls: readonly Call[]): Promise<Evaluation[]> {
    const made = this.task(template);
    await using environment = this.open(made);
    let shown = await environment.reset(never);
    const before = await this.judge(made, environment);
    for (const call of calls) shown = await this.#step(environment, shown, call);
    return [before, await this.judge(made, environment)];
  }

  /**
   * Does what the calls say in a fresh browser at `path`, and so on a fresh copy.
   * @param pauseMs before every call, as a model takes its time
   * @param scope what is seen of a page; campaigns see the viewport
   * @returns the state at first and after every call, and the last text
   */
  async walk(
    role: string,
    path: string,
    { calls, pauseMs, scope }: { calls: readonly Call[]; pauseMs: number; scope?: BrowserSpec["scope"] },
  ): Promise<{ states: string[]; text: string }> {
    await using environment = this.#openAt(path, {
      login: this.#loginOf(role),
      id: `ep-${process.pid}-walk`,
      ...(scope !== undefined && { scope }),
    });
    let shown = await environment.reset(never);
    const states: string[] = [shown.stateHash];
    for (const call of calls) {
      await delay(pauseMs);
      shown = await this.#step(environment, shown, call);
      states.push(shown.stateHash);
    }
    return { states, text: textOf(shown) };
  }

  async #step(environment: Environment, shown: Shown, [element, call]: Call): Promise<Shown> {
    const text = textOf(shown);
    const id = element.exec(text)?.[1];
    if (id === undefined) throw new Error(`nothing is ${String(element)} in ${text}`);
    const next = await environment.step({ kind: "browser", call: call.replace("ID", id) }, never);
    const { observation } = next;
    if (observation.kind === "page" && observation.error !== null) throw new Error(`${call}: ${observation.error}`);
    return next;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #loginOf(role: string): Login {
    return this.#logins.get(role) ?? [];
  }
}
