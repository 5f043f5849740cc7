// What is asked of a reader and writer of the handbook, the forge's largest wiki.
import { number, type Row, spread, type Template, text } from "./template.ts";

const role = "gitlab" as const;
const handbook = "repository = 'lanternworks/handbook'";
const wiki = "/lanternworks/handbook/wiki";
const pageOf = (row: Row): string => `${wiki}/${text(row, "title").replaceAll(" ", "-")}`;
const facts = (type: "text" | "integer"): string =>
  `SELECT * FROM seed_wiki_fact WHERE ${handbook} AND typeof(answer) = '${type}' ORDER BY title, question`;

export const forgeWikiTasks: readonly Template[] = [
  {
    id: 1301,
    role,
    intent: "According to the handbook: {{question}}",
    instances: (rows) =>
      spread(rows(facts("text")), 8).map((row) => ({
        values: { question: text(row, "question") },
        outcome: { kind: "retrieve", type: "string", data: [text(row, "answer")] },
        solution: { page: pageOf(row) },
      })),
  },
  {
    id: 1302,
    role,
    intent: "What does the handbook say: {{question}}",
    instances: (rows) =>
      spread(rows(facts("integer")), 5).map((row) => ({
        values: { question: text(row, "question") },
        outcome: { kind: "retrieve", type: "number", data: [number(row, "answer")] },
        solution: { page: pageOf(row) },
      })),
  },
  {
    id: 1303,
    role,
    intent: 'Who changed the page "{{title}}" of the handbook last? Give the full name.',
    instances: (rows) =>
      spread(
        rows(
          `SELECT p.title, u.full_name AS author FROM seed_wiki_page p JOIN "user" u ON u.name = p.author
           WHERE ${handbook} ORDER BY p.title DESC`,
        ),
        4,
      ).map((row) => ({
        values: { title: text(row, "title") },
        outcome: { kind: "retrieve", type: "string", data: [text(row, "author")] },
        solution: { page: pageOf(row) },
      })),
  },
  {
    id: 1304,
    role,
    intent: 'What does the page "{{title}}" of the handbook say about holidays?',
    instances: () =>
      ["Parking", "Bicycles"].map((title) => ({
        values: { title },
        outcome: { kind: "not-found" },
        solution: { page: `${wiki}/${title}`, shows: ["Pages", "Working hours"] },
      })),
  },
  {
    id: 1320,
    role,
    intent: 'Open the page "{{title}}" of the handbook',
    instances: (rows) =>
      spread(rows(`SELECT * FROM seed_wiki_page WHERE ${handbook} AND title <> 'Home' ORDER BY title`), 4).map(
        (row) => ({
          values: { title: text(row, "title") },
          outcome: { kind: "navigate", to: pageOf(row) },
          solution: { page: pageOf(row), shows: [text(row, "title")] },
        }),
      ),
  },
  {
    id: 1321,
    role,
    intent: 'Show me the revisions of the page "{{title}}" of the handbook',
    instances: (rows) =>
      spread(rows(`SELECT * FROM seed_wiki_page WHERE ${handbook} ORDER BY author, title`), 3).map((row) => ({
        values: { title: text(row, "title") },
        outcome: { kind: "navigate", to: pageOf(row), query: { action: "_revision" } },
        solution: { page: `${pageOf(row)}?action=_revision`, shows: [text(row, "title")] },
      })),
  },
  {
    id: 1340,
    role,
    intent: 'Add a page "{{title}}" to the handbook that says "{{content}}"',
    instances: () =>
      pages.map(([title, content]) => ({
        values: { title, content },
        outcome: { kind: "mutate", post: `${wiki}?action=_new`, fields: { title, content }, status: 303 },
        solution: { page: `${wiki}?action=_new`, form: { has: 'name="title"', fields: { title, content } } },
      })),
  },
  {
    id: 1341,
    role,
    intent: 'Replace the text of the page "{{title}}" of the handbook by "{{content}}"',
    instances: (rows) =>
      spread(rows(`SELECT * FROM seed_wiki_page WHERE ${handbook} AND title <> 'Home' ORDER BY title DESC`), 4).map(
        (row, index) => {
          const content = pages[index % pages.length]?.[1] ?? "";
          const page = `${pageOf(row)}?action=_edit`;
          return {
            values: { title: text(row, "title"), content },
            outcome: { kind: "mutate", post: page, fields: { content }, status: 303 },
            solution: { page, form: { has: 'name="title"', fields: { content } } },
          };
        },
      ),
  },
];

const pages: [title: string, content: string][] = [
  ["Bicycles", "Bicycles stand behind the kiln."],
  ["Parking", "Visitors park by the canal."],
  ["First aid", "The box is under the stairs."],
];
