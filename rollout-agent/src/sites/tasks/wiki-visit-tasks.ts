// Pages of the wiki to go to: articles, their histories, old revisions and differences, and the lists around them.
import { number, type Row, spread, type Template, text } from "./template.ts";
import { articles, dayOf, named, pageOf, revisions, scriptOf, titleOf } from "./wiki-rows.ts";

const role = "wikipedia" as const;
const script = "/index.php";

/** The page itself; its tabs are links to the script. */
const visitOf = (
  row: Row,
  parameters: Record<string, string>,
): { kind: "navigate"; to: string; query: typeof parameters } => ({
  kind: "navigate",
  to: script,
  query: { title: named(titleOf(row)), ...parameters },
});

export const wikiVisitTasks: readonly Template[] = [
  {
    id: 1420,
    role,
    intent: 'Open the page "{{title}}"',
    instances: (rows) =>
      spread(rows(`${articles} ORDER BY title`), 4).map((row) => ({
        values: { title: titleOf(row) },
        outcome: { kind: "navigate", to: pageOf(row) },
        solution: { page: pageOf(row), shows: [titleOf(row)] },
      })),
  },
  {
    id: 1421,
    role,
    intent: 'Show me the history of the page "{{title}}"',
    instances: (rows) =>
      spread(rows(`SELECT * FROM (${articles}) ORDER BY edits DESC, title`), 3).map((row) => ({
        values: { title: titleOf(row) },
        outcome: visitOf(row, { action: "history" }),
        solution: { page: scriptOf(titleOf(row), { action: "history" }), shows: ["Revision history"] },
      })),
  },
  {
    id: 1422,
    role,
    intent: 'Show me the page "{{title}}" as it was after the edit that {{user}} made on {{day}}',
    instances: (rows) =>
      spread(rows(`SELECT * FROM (${revisions}) WHERE NOT is_latest AND parent > 0 ORDER BY title`), 4).map((row) => ({
        values: { title: titleOf(row), user: text(row, "author"), day: dayOf(row) },
        outcome: visitOf(row, { oldid: text(row, "revision") }),
        solution: {
          page: scriptOf(titleOf(row), { oldid: number(row, "revision") }),
          shows: [`Revision as of`, `by ${text(row, "author")}`],
        },
      })),
  },
  {
    id: 1423,
    role,
    intent: 'Show me what the edit that {{user}} made on {{day}} changed on the page "{{title}}"',
    instances: (rows) =>
      spread(rows(`SELECT * FROM (${revisions}) WHERE parent > 0 ORDER BY summary DESC`), 4).map((row) => {
        const { revision, parent } = { revision: number(row, "revision"), parent: number(row, "parent") };
        return {
          values: { user: text(row, "author"), day: dayOf(row), title: titleOf(row) },
          // Histories name both revisions, the lists of contributions the newer one and the one before it.
          outcome: visitOf(row, { diff: `^(${revision}|prev)$`, oldid: `^(${parent}|${revision})$` }),
          solution: { page: scriptOf(titleOf(row), { diff: revision, oldid: parent }), shows: [text(row, "summary")] },
        };
      }),
  },
  {
    id: 1424,
    role,
    intent: 'Open the page of the category "{{category}}"',
    instances: (rows) =>
      spread(rows("SELECT cat_title AS title FROM category ORDER BY cat_title"), 3).map((row) => ({
        values: { category: titleOf(row) },
        outcome: { kind: "navigate", to: `/wiki/Category:${titleOf(row)}` },
        solution: { page: `/wiki/Category:${titleOf(row)}`, shows: ["Pages in category"] },
      })),
  },
  {
    id: 1425,
    role,
    intent: 'Open the discussion of the page "{{title}}"',
    instances: (rows) =>
      spread(
        rows(
          "SELECT replace(page_title, '_', ' ') AS title FROM page WHERE page_namespace = 1 ORDER BY page_title DESC",
        ),
        3,
      ).map((row) => ({
        values: { title: titleOf(row) },
        outcome: { kind: "navigate", to: `/wiki/Talk:${named(titleOf(row))}` },
        solution: { page: `/wiki/Talk:${named(titleOf(row))}`, shows: [`Talk : ${titleOf(row)}`] },
      })),
  },
  {
    id: 1426,
    role,
    intent: "Show me the contributions of the user {{user}}",
    instances: (rows) =>
      spread(rows("SELECT user_name AS user FROM user ORDER BY user_name DESC"), 3).map((row) => ({
        values: { user: text(row, "user") },
        outcome: { kind: "navigate", to: `/wiki/Special:Contributions/${text(row, "user")}` },
        solution: { page: `/wiki/Special:Contributions/${text(row, "user")}`, shows: ["User contributions for"] },
      })),
  },
  {
    id: 1427,
    role,
    intent: 'Show me the list of the pages that link to "{{title}}"',
    instances: (rows) =>
      spread(rows(`SELECT * FROM (${articles}) ORDER BY content`), 3).map((row) => ({
        values: { title: titleOf(row) },
        outcome: { kind: "navigate", to: `/wiki/Special:WhatLinksHere/${named(titleOf(row))}` },
        solution: {
          page: `/wiki/Special:WhatLinksHere/${named(titleOf(row))}`,
          shows: [`Pages that link to "${titleOf(row)}"`],
        },
      })),
  },
  {
    id: 1428,
    role,
    intent: 'Show me the page information of "{{title}}"',
    instances: (rows) =>
      spread(rows(`SELECT * FROM (${articles}) ORDER BY summary`), 3).map((row) => ({
        values: { title: titleOf(row) },
        outcome: visitOf(row, { action: "info" }),
        solution: { page: scriptOf(titleOf(row), { action: "info" }), shows: [`Information for "${titleOf(row)}"`] },
      })),
  },
];
