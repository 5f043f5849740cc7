// What is asked of a reader of the wiki: what its pages, their tables and talk pages say, and what their histories tell.
import { number, type Row, spread, type Template, text } from "./template.ts";
import { articles, changes, dayOf, pageOf, revisions, saidOf, scriptOf, titleOf } from "./wiki-rows.ts";

const role = "wikipedia" as const;

const facts = (type: "text" | "integer"): string =>
  `SELECT * FROM seed_fact WHERE title NOT LIKE 'Talk:%' AND typeof(answer) = '${type}' ORDER BY title, question`;
const cells = (isNumber: boolean, names: readonly string[]): string =>
  `SELECT * FROM seed_table WHERE typeof(value) ${isNumber ? "<>" : "="} 'text' AND value NOT IN ('none', 'living')
     AND name IN (${names.map((name) => `'${name}'`).join(", ")}) ORDER BY name, title`;
const informationOf = (row: Row): string => scriptOf(titleOf(row), { action: "info" });
const historyOf = (row: Row): string => scriptOf(titleOf(row), { action: "history" });

/** By what pages of a category are compared in their tables. */
const superlatives = [
  ["Island", "Islands", "height", "the greatest height", "DESC"],
  ["Settlement", "Settlements", "population", "the smallest population", "ASC"],
  ["Lighthouse", "Lighthouses", "range", "the greatest range", "DESC"],
  ["Ferry", "Ferries", "built", "the earliest year of building", "ASC"],
  ["Person", "People", "born", "the latest year of birth", "DESC"],
] as const;

export const wikiTasks: readonly Template[] = [
  {
    id: 1401,
    role,
    intent: 'According to the page "{{title}}", {{question}}',
    instances: (rows) =>
      spread(rows(facts("text")), 7).map((row) => ({
        values: { title: titleOf(row), question: text(row, "question") },
        outcome: { kind: "retrieve", type: "string", data: [text(row, "answer")] },
        solution: { page: pageOf(row) },
      })),
  },
  {
    id: 1402,
    role,
    intent: "Look up in the encyclopaedia: {{question}} Answer with a number.",
    instances: (rows) =>
      spread(rows(facts("integer")), 7).map((row) => ({
        values: { question: text(row, "question") },
        outcome: { kind: "retrieve", type: "number", data: [number(row, "answer")] },
        solution: { page: pageOf(row), shows: [text(row, "words")] },
      })),
  },
  {
    id: 1403,
    role,
    intent: "Look it up in the discussion of the page {{page}}: {{question}}",
    instances: (rows) =>
      spread(rows("SELECT * FROM seed_fact WHERE title LIKE 'Talk:%' ORDER BY title"), 3).map((row) => ({
        values: { page: `"${titleOf(row).replace("Talk:", "")}"`, question: text(row, "question") },
        outcome: { kind: "retrieve", ...saidOf(row, "answer") },
        solution: { page: pageOf(row), shows: [text(row, "words")] },
      })),
  },
  {
    id: 1404,
    role,
    intent: 'Which number stands at "{{name}}" in the table of the page "{{title}}"?',
    instances: (rows) =>
      spread(rows(cells(true, ["area", "population", "first lit", "capacity", "length"])), 6).map((row) => ({
        values: { name: text(row, "name"), title: titleOf(row) },
        outcome: { kind: "retrieve", type: "number", data: [number(row, "value")] },
        solution: { page: pageOf(row) },
      })),
  },
  {
    id: 1405,
    role,
    intent: 'What stands at "{{name}}" in the table of the page "{{title}}"?',
    instances: (rows) =>
      spread(rows(cells(false, ["designer", "keeper", "operator", "highest point", "birthplace", "status"])), 6).map(
        (row) => ({
          values: { name: text(row, "name"), title: titleOf(row) },
          outcome: { kind: "retrieve", type: "string", data: [text(row, "value")] },
          solution: { page: pageOf(row) },
        }),
      ),
  },
  {
    id: 1406,
    role,
    intent: 'Who edited the page "{{title}}" last? Give the user name.',
    instances: (rows) =>
      spread(rows(`SELECT * FROM (${articles}) WHERE edits > 1 ORDER BY author, title`), 4).map((row) => ({
        values: { title: titleOf(row) },
        outcome: { kind: "retrieve", type: "string", data: [text(row, "author")] },
        solution: { page: historyOf(row) },
      })),
  },
  {
    id: 1407,
    role,
    intent: 'How often was the page "{{title}}" edited, the first time included?',
    instances: (rows) =>
      spread(rows(`SELECT * FROM (${articles}) WHERE edits > 1 ORDER BY edits, title`), 4).map((row) => ({
        values: { title: titleOf(row) },
        outcome: { kind: "retrieve", type: "number", data: [number(row, "edits")] },
        solution: { page: informationOf(row), shows: [`Total number of edits ${number(row, "edits")}`] },
      })),
  },
  {
    id: 1408,
    role,
    intent: 'Which user created the page "{{title}}"?',
    instances: (rows) =>
      spread(rows(`SELECT * FROM (${revisions}) WHERE parent = 0 AND edits > 2 ORDER BY author, title`), 3).map(
        (row) => ({
          values: { title: titleOf(row) },
          outcome: { kind: "retrieve", type: "string", data: [text(row, "author")] },
          solution: { page: informationOf(row), shows: [`Page creator ${text(row, "author")}`] },
        }),
      ),
  },
  {
    id: 1409,
    role,
    intent: 'Which articles link to the page "{{title}}"? Give their titles.',
    instances: (rows) =>
      spread(
        rows(
          `SELECT replace(l.pl_title, '_', ' ') AS title, group_concat(replace(p.page_title, '_', ' '), '|') AS links
           FROM pagelinks l JOIN page p ON p.page_id = l.pl_from WHERE l.pl_namespace = 0 AND p.page_namespace = 0
           GROUP BY l.pl_title HAVING count(*) BETWEEN 2 AND 4 ORDER BY count(*), l.pl_title`,
        ),
        4,
      ).map((row) => ({
        values: { title: titleOf(row) },
        outcome: { kind: "retrieve", type: "string", data: text(row, "links").split("|") },
        solution: { page: scriptOf(`Special:WhatLinksHere/${titleOf(row)}`, { namespace: 0 }) },
      })),
  },
  {
    id: 1410,
    role,
    intent: 'How many pages are in the category "{{category}}"?',
    instances: (rows) =>
      spread(rows("SELECT cat_title AS title, cat_pages AS pages FROM category ORDER BY cat_pages, cat_title"), 4).map(
        (row) => ({
          values: { category: titleOf(row) },
          outcome: { kind: "retrieve", type: "number", data: [number(row, "pages")] },
          solution: { page: `/wiki/Category:${titleOf(row)}`, shows: [`${number(row, "pages")} total`] },
        }),
      ),
  },
  {
    id: 1411,
    role,
    intent: 'What stood at "{{name}}" in the table of the page "{{title}}" before {{user}} changed it on {{day}}?',
    instances: (rows) =>
      spread(rows(`${changes} ORDER BY c.name, c.title, c.revision`), 5).map((row) => ({
        values: { name: text(row, "name"), title: titleOf(row), user: text(row, "author"), day: dayOf(row) },
        outcome: { kind: "retrieve", ...saidOf(row, "before") },
        solution: { page: scriptOf(titleOf(row), { oldid: number(row, "parent") }) },
      })),
  },
  {
    id: 1412,
    role,
    intent: 'Which summary did {{user}} give to the edit of the page "{{title}}" on {{day}}?',
    instances: (rows) =>
      spread(rows(`SELECT * FROM (${revisions}) WHERE parent > 0 ORDER BY summary`), 5).map((row) => ({
        values: { user: text(row, "author"), title: titleOf(row), day: dayOf(row) },
        outcome: { kind: "retrieve", type: "string", data: [text(row, "summary")] },
        solution: { page: historyOf(row) },
      })),
  },
  {
    id: 1413,
    role,
    intent: 'Which of all pages in the category "{{category}}" has {{superlative}} in its table?',
    instances: (rows) =>
      superlatives.map(([kind, category, name, superlative, order]) => {
        const query = `SELECT * FROM seed_table WHERE kind = ? AND name = ? ORDER BY value ${order} LIMIT 2`;
        const [first = {}, second = {}] = rows(query, kind, name);
        if (first["value"] === second["value"]) throw new Error(`two pages have ${superlative}`);
        return {
          values: { category, superlative },
          outcome: { kind: "retrieve", type: "string", data: [titleOf(first)] },
          solution: { page: pageOf(first), shows: [titleOf(first), text(first, "value")] },
        };
      }),
  },
  {
    id: 1414,
    role,
    intent: "Which page did the user {{user}} edit last?",
    instances: (rows) =>
      spread(
        rows(
          `SELECT a.actor_name AS user, replace(p.page_title, '_', ' ') AS title, p.page_namespace AS namespace, max(r.rev_id)
           FROM revision r JOIN page p ON p.page_id = r.rev_page JOIN actor a ON a.actor_id = r.rev_actor
           GROUP BY a.actor_id HAVING p.page_namespace = 0 ORDER BY a.actor_id`,
        ),
        3,
      ).map((row) => ({
        values: { user: text(row, "user") },
        outcome: { kind: "retrieve", type: "string", data: [titleOf(row)] },
        solution: { page: `/wiki/Special:Contributions/${text(row, "user")}` },
      })),
  },
  {
    id: 1415,
    role,
    intent: "Who founded {{place}}, according to the encyclopaedia?",
    instances: () =>
      ["Wester Sound", "Quillbury", "Castle Morrow"].map((place) => ({
        values: { place },
        outcome: { kind: "not-found" },
        solution: {
          page: `/index.php?title=Special:Search&search=${place.replaceAll(" ", "+")}&fulltext=1`,
          shows: ["There were no results matching the query"],
        },
      })),
  },
];
