// The caps of a browser episode; a part of `limits`.
const KiB = 1024;
const MiB = 1024 * KiB;

export const browserLimits = {
  /** A browser: tabs that stay open, dialogs that are answered in one step before the page is closed, notes told of one step. */
  browserTabsMax: 10,
  browserDialogsMax: 20,
  browserNotesMax: 5,
  /** How long a page may take to load, then to come to rest, then to answer a question of ours. */
  browserLoadMsMax: 30_000,
  browserRestMsMax: 2_000,
  browserAnswerMsMax: 10_000,
  /** `noop` and other waits. */
  browserWaitMsMax: 10_000,
  /** Characters that are typed key by key, about a millisecond each; of longer texts a line is one input event. */
  browserKeystrokesMax: 1_000,
  /** Exchanges kept of one step, those looked through at the end, and of each the bytes of a body. */
  browserExchangesMax: 500,
  browserExchangesKeptMax: 20_000,
  browserBodyBytesMax: 256 * KiB,
  /** The network archive of one step; above it bodies are left out. */
  browserHarCharsMax: 16 * MiB,
  /** Exchanges under way at once through the gate of one browser; Chromium opens 6 per host. */
  browserConnectionsMax: 128,
  /** A page's text and storage as its state is hashed. */
  browserStateCharsMax: 2_000_000,
  /** Boxes drawn on a screenshot. */
  browserMarksMax: 300,
  /**
   * What Chromium takes beside its pages: measured, 130 MiB and 72 threads without one, 640 MiB and 180 threads with
   * seven tabs of which two are large.
   */
  browserOverheadBytes: 512 * MiB,
  browserOverheadThreads: 512,
} as const;
