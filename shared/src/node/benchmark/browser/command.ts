// What a browser can be told, whichever action language it was written in. Action sets translate into these; the world
// performs them and knows no grammar.

/** A node of the latest observation by its id there, or a point of the viewport in CSS pixels. */
export type Target = { id: string } | { x: number; y: number };

export const mouseButtons = ["left", "middle", "right"] as const;
export type MouseButton = (typeof mouseButtons)[number];

export const keyModifiers = ["Alt", "Control", "ControlOrMeta", "Meta", "Shift"] as const;
export type KeyModifier = (typeof keyModifiers)[number];

export type BrowserCommand =
  | { do: "click"; at: Target; button: MouseButton; modifiers: KeyModifier[]; times: 1 | 2 }
  | { do: "hover"; at: Target }
  | { do: "drag"; from: Target; to: Target }
  | { do: "mouse"; move: Target; turn: "down" | "up" | null; button: MouseButton }
  /** CSS pixels, at a point or wherever the mouse is. */
  | { do: "wheel"; at: Target | null; deltaX: number; deltaY: number }
  /** By whole window heights. */
  | { do: "scroll-windows"; windows: 1 | -1 }
  /** Keystrokes; `at` is clicked before, `\n` is Enter. Nothing is cleared. */
  | { do: "type"; at: Target | null; text: string }
  /** One input event without keystrokes. */
  | { do: "insert-text"; text: string }
  /** A key or a combination (`Control+a`); `at` is focused before. */
  | { do: "key"; at: Target | null; keys: string; how: "press" | "down" | "up" }
  | { do: "focus"; at: Target }
  /** Replaces what a field holds; with `isLastTyped` its last character is a keystroke, which opens menus of suggestions. */
  | { do: "fill"; at: Target; value: string; isLastTyped: boolean }
  | { do: "select"; at: Target; options: string[] }
  | { do: "check"; at: Target; checked: boolean }
  | { do: "upload"; at: Target | null; files: string[] }
  | { do: "new-tab" }
  | { do: "close-tab" }
  | { do: "focus-tab"; index: number }
  | { do: "goto"; url: string }
  | { do: "go-back" }
  | { do: "go-forward" }
  | { do: "wait"; ms: number }
  | { do: "stop"; answer: string };

/** A text that is no action of the set, in words that help whoever wrote it. */
export interface ActionProblem {
  problem: string;
}

export interface ParsedAction {
  /** The canonical text: parsing it gives the same again. */
  call: string;
  command: BrowserCommand;
}
