// A picture of the page in front, with the ids of what can be acted on drawn on it where asked (set of marks). The marks
// are an element of ours that stands above the page for as long as the picture takes.
import { limits } from "@hindcast/shared";
import type { Rect, TreeLine } from "@hindcast/shared/node";
import type { Page } from "playwright-core";
import { within } from "./within.ts";

const markedRoles = new Set([
  "button",
  "checkbox",
  "combobox",
  "link",
  "listbox",
  "menuitem",
  "menuitemcheckbox",
  "menuitemradio",
  "option",
  "radio",
  "searchbox",
  "slider",
  "spinbutton",
  "switch",
  "tab",
  "textbox",
  "treeitem",
]);
const colours = ["#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#ff7f0e"];

export interface Mark {
  id: string;
  rect: Rect;
}

/** Elements that can be acted on and lie in the tree that is shown. */
export function marksOf(lines: readonly TreeLine[]): Mark[] {
  return lines
    .flatMap(({ id, node: { rect, ax, frame } }) => {
      const isClickable = ax.backendDOMNodeId !== undefined && frame.clickable.has(ax.backendDOMNodeId);
      const isFocusable = ax.properties.some(({ name, value }) => name === "focusable" && value.value === true);
      const isMarked = isClickable || isFocusable || markedRoles.has(String(ax.role?.value));
      const isRoot = ax.role?.value === "RootWebArea" || ax.role?.value === "StaticText";
      return id === null || rect === null || isRoot || !isMarked ? [] : [{ id, rect }];
    })
    .slice(0, limits.browserMarksMax);
}

/** @returns PNG, or null for a page that cannot be drawn. */
export async function screenshot(page: Page, marks: readonly Mark[]): Promise<Uint8Array | null> {
  const options = { type: "png", caret: "hide", animations: "disabled", timeout: limits.browserAnswerMsMax } as const;
  try {
    if (marks.length === 0) return await page.screenshot(options);
    await within(limits.browserAnswerMsMax, page.evaluate(drawScript(marks)), "drawing the marks");
    try {
      return await page.screenshot(options);
    } finally {
      await within(limits.browserAnswerMsMax, page.evaluate(removeScript), "removing the marks");
    }
  } catch {
    // It hangs, it crashed, or it went away: the observation says so, and there is nothing to show.
    return null;
  }
}

const hostId = "hindcast-marks";
const removeScript = `document.getElementById(${JSON.stringify(hostId)})?.remove()`;

function drawScript(marks: readonly Mark[]): string {
  return `(() => {
    const host = document.createElement("div");
    host.id = ${JSON.stringify(hostId)};
    host.style.cssText = "all:initial;position:fixed;inset:0;pointer-events:none;z-index:2147483647";
    const root = host.attachShadow({ mode: "closed" });
    const colours = ${JSON.stringify(colours)};
    for (const [index, { id, rect }] of ${JSON.stringify(marks)}.entries()) {
      const colour = colours[index % colours.length];
      const box = document.createElement("div");
      box.style.cssText = "position:fixed;box-sizing:border-box;border:1px solid " + colour + ";left:" + rect.x +
        "px;top:" + rect.y + "px;width:" + rect.width + "px;height:" + rect.height + "px";
      const label = document.createElement("span");
      label.textContent = id;
      label.style.cssText = "position:fixed;font:bold 10px/12px sans-serif;padding:0 2px;color:#fff;background:" + colour +
        ";left:" + Math.max(0, rect.x) + "px;top:" + Math.max(0, rect.y - 12) + "px";
      root.append(box, label);
    }
    document.documentElement.append(host);
  })()`;
}
