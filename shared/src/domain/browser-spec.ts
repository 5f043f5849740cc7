import { z } from "zod";

/** `http://shop.example:7770`: scheme, host and port, nothing after them. */
export const SiteOrigin = z
  .string()
  .max(300)
  .regex(/^https?:\/\/[^/?#@\s]+$/i, "must be an origin such as http://shop.example:7770");

/** Where a browser starts: pages of sites, or a MiniWoB page from the folder that the agent is configured with. */
export const BrowserStart = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("pages"),
    urls: z
      .array(z.url({ protocol: /^https?$/ }))
      .min(1)
      .max(10),
  }),
  z.strictObject({
    kind: z.literal("miniwob"),
    /** `click-button`: the page's name without its ending. */
    task: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
    seed: z.int().nonnegative(),
  }),
]);
export type BrowserStart = z.infer<typeof BrowserStart>;

/** Cookies and local storage as Playwright writes them; what else it writes is left out. */
export const StorageState = z.object({
  cookies: z
    .array(
      z.object({
        name: z.string(),
        value: z.string(),
        domain: z.string(),
        path: z.string(),
        /** Seconds since 1970; -1: until the browser is closed. */
        expires: z.number(),
        httpOnly: z.boolean(),
        secure: z.boolean(),
        sameSite: z.enum(["Strict", "Lax", "None"]),
      }),
    )
    .max(500),
  origins: z
    .array(
      z.object({
        origin: z.string(),
        localStorage: z.array(z.object({ name: z.string(), value: z.string() })).max(1_000),
      }),
    )
    .max(100),
});
export type StorageState = z.infer<typeof StorageState>;

/**
 * A browser of its own, in a sandbox that reaches the start pages' origins, `sites` and nothing else. A start page that
 * cannot be had makes the task `unavailable`, never failed.
 */
export const BrowserSpec = z.strictObject({
  kind: z.literal("browser"),
  start: BrowserStart,
  /** Further origins that pages may reach. */
  sites: z.array(SiteOrigin).max(50).default([]),
  /** What to begin with: a login, say. Null: nothing. */
  storageState: StorageState.nullable().default(null),
  /** The language of actions, and with it the format of the tree: `click [12]` or `click("12")`. */
  actions: z.enum(["webarena", "browsergym"]).default("webarena"),
  /** Only what lies in the viewport, or the whole page. */
  scope: z.enum(["viewport", "page"]).default("viewport"),
  viewport: z
    .strictObject({ width: z.int().min(100).max(4_000), height: z.int().min(100).max(4_000) })
    .default({ width: 1280, height: 720 }),
  locale: z.string().min(2).max(35).default("en-US"),
  timezone: z.string().min(1).max(64).default("UTC"),
  /** What pages take for the present, ISO 8601; null: the machine's clock. */
  clock: z.iso.datetime().nullable().default(null),
  observationTokensMax: z.int().min(100).max(16_000).default(1_920),
  /** What is kept beside each observation. `marks`: a screenshot with the ids drawn on it. */
  screenshots: z.enum(["none", "plain", "marks"]).default("plain"),
  /** End the episode as WebArena does: after three unreadable or three equal actions. */
  earlyStop: z.boolean().default(true),
  /**
   * How a dead agent's episode goes on. `replay`: the recorded actions again, in a fresh browser, for sites that start
   * afresh as well. `revisit`: the tabs' addresses with the cookies of then, for sites that keep what was done.
   */
  resume: z.enum(["replay", "revisit"]).default("replay"),
});
export type BrowserSpec = z.infer<typeof BrowserSpec>;
