// What a writer of the wiki is asked to do there. Edits that are saved are answered with 302; one that is only previewed, or
// not accepted, with 200. Texts are compared without regard to case and white space.
import { type Instance, number, type Row, spread, type Template, text } from "./template.ts";
import { articles, named, revisions, scriptOf, titleOf, visitor } from "./wiki-rows.ts";

const role = "wikipedia" as const;
const editor = "wpTextbox1";
const submitOf = (title: string): string => scriptOf(title, { action: "submit" });

type Fields = Record<string, string>;

/** The text of a page is written into the form that its tab Edit leads to, and saved. */
function edited(title: string, fields: Fields, page = scriptOf(title, { action: "edit" })): Edit {
  return {
    outcome: { kind: "mutate", post: submitOf(title), fields },
    solution: { page, form: { has: editor, fields } },
  };
}

interface Edit {
  outcome: { kind: "mutate"; post: string; fields: Fields };
  solution: { page: string; form: { has: string; fields: Fields } };
}

/** With another category behind those that it has; where it is put does not matter, as long as the page stays. */
function categorized(row: Row, category: string): Edit {
  const { outcome, solution } = edited(titleOf(row), { [editor]: `${text(row, "content")}\n[[Category:${category}]]` });
  const [, old = ""] = /\[\[(Category:[^\]]*)\]\]/.exec(text(row, "content")) ?? [];
  const pattern = `^(?=.*'''${titleOf(row)}''')(?=.*\\[\\[${old}\\]\\]).*\\[\\[category: ?${category}\\]\\].*$`;
  return { outcome: { ...outcome, fields: { [editor]: pattern } }, solution };
}

const watched = `
  SELECT replace(w.wl_title, '_', ' ') FROM watchlist w JOIN user u ON u.user_id = w.wl_user
  WHERE u.user_name = '${visitor}' AND w.wl_namespace = 0`;

/** The tab of a star, which asks whether one is sure. */
function starred(row: Row, action: "watch" | "unwatch"): Pick<Instance, "outcome" | "solution"> {
  const page = scriptOf(titleOf(row), { action });
  return {
    outcome: { kind: "mutate", post: page, fields: {}, status: 200 },
    solution: { page, form: { has: "wpEditToken", fields: {} } },
  };
}

export const wikiChangeTasks: readonly Template[] = [
  {
    id: 1440,
    role,
    intent: 'In the table of the page "{{title}}", change "{{name}}" from {{old}} to {{value}}',
    instances: (rows) =>
      spread(
        rows(
          `SELECT a.title, a.content, t.name, t.value FROM seed_table t JOIN (${articles}) a ON a.title = t.title
           WHERE t.name IN ('population', 'capacity', 'height', 'speed', 'eggs') AND t.value > 0 ORDER BY t.name, t.title`,
        ),
        5,
      ).map((row) => {
        const [name, old, value] = [text(row, "name"), number(row, "value"), number(row, "value") + 1];
        const content = text(row, "content").replace(`| ${name} = ${old}\n`, `| ${name} = ${value}\n`);
        if (content === text(row, "content")) throw new Error(`${titleOf(row)} does not say ${name} = ${old}`);
        return { values: { title: titleOf(row), name, old, value }, ...edited(titleOf(row), { [editor]: content }) };
      }),
  },
  {
    id: 1441,
    role,
    intent: 'Replace the whole text of the page "{{title}}" by "{{content}}"',
    instances: (rows) =>
      spread(rows(`SELECT * FROM (${articles}) ORDER BY length(content), title LIMIT 12`), 3).map((row, index) => {
        const [, content] = additions[index] ?? additions[0];
        return { values: { title: titleOf(row), content }, ...edited(titleOf(row), { [editor]: content }) };
      }),
  },
  {
    id: 1442,
    role,
    intent: 'Create a page "{{title}}" with the text "{{content}}"',
    instances: () =>
      additions.map(([title, content]) => ({
        values: { title, content },
        ...edited(title, { [editor]: content }),
      })),
  },
  {
    id: 1443,
    role,
    intent: 'Move the page "{{title}}" to the title "{{target}}"',
    instances: (rows) =>
      spread(rows(`SELECT * FROM (${articles}) ORDER BY length(title), title LIMIT 20`), 3).map((row) => {
        const target = `${titleOf(row)} in the Merrow Isles`;
        const fields = { wpOldTitle: titleOf(row), wpNewTitleMain: target, wpNewTitleNs: "0" };
        return {
          values: { title: titleOf(row), target },
          outcome: { kind: "mutate", post: submitOf("Special:MovePage"), fields, status: 200 },
          solution: {
            page: `/wiki/Special:MovePage/${named(titleOf(row))}`,
            form: { has: "wpNewTitleMain", fields: { ...fields, wpMove: "Move page" } },
          },
        };
      }),
  },
  {
    id: 1444,
    role,
    intent: 'Add the page "{{title}}" to your watchlist',
    instances: (rows) =>
      spread(rows(`SELECT * FROM (${articles}) WHERE title NOT IN (${watched}) ORDER BY content`), 3).map((row) => ({
        values: { title: titleOf(row) },
        ...starred(row, "watch"),
      })),
  },
  {
    id: 1445,
    role,
    intent: 'Remove the page "{{title}}" from your watchlist',
    instances: (rows) =>
      spread(rows(`SELECT * FROM (${articles}) WHERE title IN (${watched}) ORDER BY content`), 3).map((row) => ({
        values: { title: titleOf(row) },
        ...starred(row, "unwatch"),
      })),
  },
  {
    id: 1446,
    role,
    intent: 'Put the page "{{title}}" into the category "{{category}}" too',
    instances: (rows) =>
      spread(
        rows(
          `SELECT * FROM (${articles}) WHERE content LIKE '%[[Category:History]]' OR content LIKE '%[[Category:Ferries]]'
             OR content LIKE '%[[Category:Institutions]]' ORDER BY title`,
        ),
        4,
      ).map((row, index) => {
        const category = ["Transport", "Events", "History", "Institutions"][index] ?? "Lists";
        return { values: { title: titleOf(row), category }, ...categorized(row, category) };
      }),
  },
  {
    id: 1447,
    role,
    intent:
      'Add a topic to the discussion of the page "{{title}}", with the subject "{{subject}}" and the text "{{words}}"',
    instances: (rows) =>
      spread(rows(`SELECT * FROM (${articles}) ORDER BY title DESC`), 3).map((row, index) => {
        const [subject, words] = topics[index] ?? topics[0];
        const talk = `Talk:${titleOf(row)}`;
        const fields = { wpSection: "new", wpSummary: subject, [editor]: words };
        return {
          values: { title: titleOf(row), subject, words },
          ...edited(talk, fields, scriptOf(talk, { action: "edit", section: "new" })),
        };
      }),
  },
  {
    id: 1448,
    role,
    intent: 'Undo the last edit of the page "{{title}}"',
    instances: (rows) =>
      spread(
        rows(
          `SELECT l.title, l.revision, l.parent, p.content FROM (${articles}) l JOIN (${revisions}) p
             ON p.revision = l.parent ORDER BY l.title`,
        ),
        4,
      ).map((row) => {
        const { revision, parent } = { revision: number(row, "revision"), parent: number(row, "parent") };
        const page = scriptOf(titleOf(row), { action: "edit", undoafter: parent, undo: revision });
        const { outcome } = edited(titleOf(row), { [editor]: text(row, "content") });
        // The form holds the text of before.
        return { values: { title: titleOf(row) }, outcome, solution: { page, form: { has: editor, fields: {} } } };
      }),
  },
  {
    id: 1449,
    role,
    intent: 'Create a page "{{title}}" that redirects to the page "{{target}}"',
    instances: () =>
      [
        ["Bald Lantern", "Bald Head Light"],
        ["Peat Line", "Corrin Peat Railway"],
      ].map(([title = "", target = ""]) => ({
        values: { title, target },
        ...edited(title, { [editor]: `#REDIRECT [[${target}]]` }),
      })),
  },
  {
    id: 1450,
    role,
    intent:
      'Append the paragraph "{{words}}" to the page "{{title}}", below all categories, with the summary "{{summary}}"',
    instances: (rows) =>
      spread(rows(`SELECT * FROM (${articles}) ORDER BY edits DESC, length(content), title LIMIT 30`), 3).map(
        (row, index) => {
          const [summary, words] = topics[index] ?? topics[0];
          const fields = { [editor]: `${text(row, "content")}\n\n${words}`, wpSummary: summary };
          return { values: { title: titleOf(row), words, summary }, ...edited(titleOf(row), fields) };
        },
      ),
  },
  {
    id: 1451,
    role,
    intent: "Change your real name in your preferences to {{name}}",
    instances: () =>
      ["Oluchi Eze Strand", "O. Eze"].map((name) => ({
        values: { name },
        outcome: { kind: "mutate", post: "/wiki/Special:Preferences", fields: { wprealname: name } },
        solution: { page: "/wiki/Special:Preferences", form: { has: "wprealname", fields: { wprealname: name } } },
      })),
  },
];

const additions: [[title: string, content: string], ...[string, string][]] = [
  ["Long Pier", "The Long Pier is the longer of the two piers of Ardvale."],
  ["Beacon Hill", "Beacon Hill is the highest point of Halloway."],
  ["Loch Bride", "Loch Bride is the only lake of Skerra."],
];
const topics: [[subject: string, words: string], ...[string, string][]] = [
  ["A picture", "Does anybody have a picture for this page?"],
  ["The source", "The county yearbook says something else."],
  ["Thanks", "Thank you for this page."],
];
