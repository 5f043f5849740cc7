// The tabs of one browser as the policy knows them: in the order of opening, one of them in front. Whatever pages do on
// their own (open windows, ask in dialogs, download, crash) ends here, bounded, and is told in the next observation.
import { limits } from "@hindcast/shared";
import type { BrowserContext, CDPSession, Dialog, Page } from "playwright-core";
import { within } from "./within.ts";

const saidCharsMax = 300;

export class Tabs {
  readonly #context: BrowserContext;
  #pages: Page[] = [];
  #front = 0;
  readonly #crashed = new Set<Page>();
  readonly #sessions = new WeakMap<Page, Promise<CDPSession>>();
  #notes: string[] = [];
  #dialogs = 0;
  #refusedTabs = 0;
  /** A page hung, and with it may all that share its process. */
  #isSuspicious = false;
  /** Pages of ours, which are not a page's doing. */
  #isOpening = false;

  constructor(context: BrowserContext) {
    this.#context = context;
    context.on("page", (page) => this.#opened(page));
  }

  get pages(): readonly Page[] {
    return this.#pages;
  }

  get front(): Page {
    const page = this.#pages[this.#front];
    if (page === undefined) throw new Error("a browser without tabs");
    return page;
  }

  get frontIndex(): number {
    return this.#front;
  }

  note(text: string): void {
    if (this.#notes.length < limits.browserNotesMax) this.#notes.push(text);
  }

  /** What happened since the last call, a sentence each. */
  takeNotes(): string[] {
    const refused = this.#refusedTabs;
    const notes =
      refused === 0
        ? this.#notes
        : [
            ...this.#notes,
            `${refused} further ${refused === 1 ? "tab was" : "tabs were"} closed: at most ${limits.browserTabsMax} may be open.`,
          ];
    this.#notes = [];
    this.#refusedTabs = 0;
    this.#dialogs = 0;
    return notes;
  }

  async open(): Promise<Page | null> {
    if (this.#pages.length >= limits.browserTabsMax) {
      this.note(`No tab was opened: at most ${limits.browserTabsMax} may be open.`);
      return null;
    }
    this.#isOpening = true;
    try {
      const page = await this.#context.newPage();
      this.#front = this.#pages.indexOf(page);
      return page;
    } finally {
      this.#isOpening = false;
    }
  }

  /**
   * @param index from 0 on, or from -1 on backwards.
   * @returns what is wrong, or null.
   */
  async focus(index: number): Promise<string | null> {
    const page = this.#pages.at(index);
    if (page === undefined) return `There is no tab ${index}; the tabs are 0 to ${this.#pages.length - 1}.`;
    this.#front = this.#pages.indexOf(page);
    await within(limits.browserAnswerMsMax, page.bringToFront(), "bringing the tab to the front");
    return null;
  }

  /** The last one is in front then, as upstream has it; the only tab is replaced by a blank one. */
  async closeFront(): Promise<void> {
    await this.#close(this.front);
    this.#front = Math.max(0, this.#pages.length - 1);
    await this.settle();
  }

  /** Puts a blank tab in the place of one whose page cannot be worked with any more. */
  async replaceFront(): Promise<void> {
    const [broken, place] = [this.front, this.#front];
    this.#isOpening = true;
    const blank = await this.#context.newPage().finally(() => (this.#isOpening = false));
    await this.#close(broken);
    this.#pages = this.#pages.filter((page) => page !== blank);
    this.#pages.splice(place, 0, blank);
    this.#front = place;
    this.#isSuspicious = true;
  }

  /** Makes the tabs whole again after an action: none closed, none crashed, one in front. */
  async settle(): Promise<void> {
    this.#pages = this.#pages.filter((page) => !page.isClosed());
    // Windows that opened while one of ours did.
    for (const page of this.#pages.splice(limits.browserTabsMax)) this.#refuse(page);
    if (this.#isSuspicious) await this.#closeHanging();
    if (this.#pages.length === 0) await this.open();
    this.#front = Math.min(this.#front, this.#pages.length - 1);
    if (!this.#crashed.has(this.front)) return;
    this.note("The page crashed and was replaced by a blank one.");
    await this.replaceFront();
  }

  /** The protocol of a page, for what Playwright has no words for. */
  session(page: Page): Promise<CDPSession> {
    const known = this.#sessions.get(page);
    if (known !== undefined) return known;
    const session = this.#context.newCDPSession(page);
    this.#sessions.set(page, session);
    return session;
  }

  /** Windows share the process of the page that opened them: where one hangs, each would hold up every step. */
  async #closeHanging(): Promise<void> {
    this.#isSuspicious = false;
    const answers = await Promise.all(
      this.#pages.map(async (page) => {
        const answer = within(limits.browserAnswerMsMax / 2, page.evaluate("true"), "the tab").then(() => true);
        return { page, isAlive: await answer.catch(() => page.isClosed()) };
      }),
    );
    const hanging = answers.filter(({ isAlive }) => !isAlive).map(({ page }) => page);
    if (hanging.length === 0) return;
    this.note(`${hanging.length} ${hanging.length === 1 ? "tab" : "tabs"} did not answer any more and were closed.`);
    await Promise.all(hanging.map((page) => this.#close(page)));
  }

  async #close(page: Page): Promise<void> {
    this.#pages = this.#pages.filter((other) => other !== page);
    this.#front = Math.max(0, Math.min(this.#front, this.#pages.length - 1));
    // One that hangs is closed by the browser in its own time; nothing of ours waits for it.
    await within(limits.browserAnswerMsMax, page.close(), "closing the tab").catch(() => undefined);
  }

  #opened(page: Page): void {
    if (this.#pages.length >= limits.browserTabsMax && !this.#isOpening) {
      this.#refuse(page);
      return;
    }
    this.#pages.push(page);
    // As for a person: a window that opens is in front.
    if (!this.#isOpening) this.#front = this.#pages.length - 1;
    page.on("crash", () => this.#crashed.add(page));
    page.on("dialog", (dialog) => void this.#answer(page, dialog));
    page.on("download", (download) => {
      this.note(`The download of ${JSON.stringify(download.suggestedFilename().slice(0, saidCharsMax))} was refused.`);
      void download.cancel().catch(() => undefined);
    });
    page.on("filechooser", () => this.note("The page asked for a file; there are none to give."));
  }

  #refuse(page: Page): void {
    this.#refusedTabs += 1;
    void page.close().catch(() => undefined);
  }

  /** Leaving a page is allowed; every question is answered with "no". */
  async #answer(page: Page, dialog: Dialog): Promise<void> {
    this.#dialogs += 1;
    // One that is left open stops the page's script, and the page can be closed.
    if (this.#dialogs > limits.browserDialogsMax) return;
    const kind = dialog.type();
    if (kind !== "beforeunload") {
      this.note(
        `The page showed the ${kind} ${JSON.stringify(dialog.message().slice(0, saidCharsMax))}; it was dismissed.`,
      );
    }
    try {
      await (kind === "beforeunload" ? dialog.accept() : dialog.dismiss());
    } catch {
      // The page went away before it was answered.
      return;
    }
    if (this.#dialogs !== limits.browserDialogsMax) return;
    this.note("The page showed dialogs without end and was closed.");
    this.#isSuspicious = true;
    await this.#close(page);
  }
}
