// What a visitor of the forge is asked to do there. Forms that a script sends are answered with 200 and say where to go;
// those that the browser sends, with 303.
import { issuePage, issues, pageOf, pullPage, pulls, repositories, visitor, writable } from "./forge-rows.ts";
import { number, type Row, spread, type Template, text } from "./template.ts";

const role = "gitlab" as const;
const token = 'name="_csrf"';
const issueOf = (row: Row): { title: string; repository: string } => ({
  title: text(row, "title"),
  repository: text(row, "repository"),
});

export const forgeChangeTasks: readonly Template[] = [
  {
    id: 1240,
    role,
    intent: 'Create an issue with the title "{{title}}" in {{repository}}',
    instances: (rows) =>
      spread(rows(`${repositories} WHERE ${writable} ORDER BY r.id`), 4).map((row, index) => {
        const page = pageOf(row, "/issues/new");
        const title = wishes[index] ?? wishes[0];
        return {
          values: { title, repository: text(row, "repository") },
          outcome: { kind: "mutate", post: page, fields: { title }, status: 200 },
          solution: { page, form: { has: "new-issue", fields: { title } } },
        };
      }),
  },
  {
    id: 1241,
    role,
    intent: 'Close the issue "{{title}}" of {{repository}}',
    instances: (rows) =>
      spread(rows(`${issues} AND NOT i.is_closed AND ${writable} ORDER BY i.id`), 4).map((row) => ({
        values: issueOf(row),
        outcome: { kind: "mutate", post: `${issuePage(row)}/comments`, fields: { status: "close" }, status: 200 },
        solution: { page: issuePage(row), form: { has: "comment-form", fields: { status: "close" } } },
      })),
  },
  {
    id: 1242,
    role,
    intent: 'Open the issue "{{title}}" of {{repository}} again, which is closed',
    instances: (rows) =>
      spread(rows(`${issues} AND i.is_closed AND ${writable} ORDER BY i.id`), 3).map((row) => ({
        values: issueOf(row),
        outcome: { kind: "mutate", post: `${issuePage(row)}/comments`, fields: { status: "reopen" }, status: 200 },
        solution: { page: issuePage(row), form: { has: "comment-form", fields: { status: "reopen" } } },
      })),
  },
  {
    id: 1243,
    role,
    intent: 'Comment on the issue "{{title}}" of {{repository}}: "{{words}}"',
    instances: (rows) =>
      spread(rows(`${issues} AND NOT i.is_closed ORDER BY i.name`), 4).map((row, index) => {
        const content = replies[index] ?? replies[0];
        return {
          values: { ...issueOf(row), words: content },
          outcome: { kind: "mutate", post: `${issuePage(row)}/comments`, fields: { content }, status: 200 },
          solution: { page: issuePage(row), form: { has: "comment-form", fields: { content } } },
        };
      }),
  },
  {
    id: 1244,
    role,
    intent: 'Put the label "{{label}}" on the issue "{{title}}" of {{repository}}',
    instances: (rows) =>
      spread(
        rows(
          `SELECT i.*, l.id AS label_id, l.name AS label FROM (${issues}) i JOIN label l ON l.repo_id = i.repository_id
           WHERE NOT i.is_closed AND l.name IN ('question', 'documentation', 'good first issue')
             AND (i.repository LIKE 'lanternworks/%' OR i.repository LIKE 'tidepool/%')
             AND NOT EXISTS (SELECT 1 FROM issue_label x WHERE x.issue_id = i.id AND x.label_id = l.id)
           ORDER BY i.title, l.id`,
        ),
        4,
      ).map((row) => {
        const fields = { action: "attach", issue_ids: String(number(row, "id")), id: String(number(row, "label_id")) };
        const action = pageOf(row, "/issues/labels");
        return {
          values: { ...issueOf(row), label: text(row, "label") },
          outcome: { kind: "mutate", post: action, fields, status: 200 },
          solution: { page: issuePage(row), form: { has: token, fields, action } },
        };
      }),
  },
  {
    id: 1245,
    role,
    intent: 'Assign the issue "{{title}}" of {{repository}} to the user {{user}}',
    instances: (rows) =>
      spread(
        rows(
          `SELECT i.*, u.id AS user_id, u.name AS user FROM (${issues}) i JOIN "user" u ON u.name IN (?, 'ines')
           WHERE NOT i.is_closed AND i.assignees IS NULL AND i.repository LIKE 'lanternworks/%' ORDER BY i.id, u.id`,
          visitor,
        ),
        3,
      ).map((row) => {
        const fields = { action: "attach", issue_ids: String(number(row, "id")), id: String(number(row, "user_id")) };
        const action = pageOf(row, "/issues/assignee");
        return {
          values: { ...issueOf(row), user: text(row, "user") },
          outcome: { kind: "mutate", post: action, fields, status: 200 },
          solution: { page: issuePage(row), form: { has: token, fields, action } },
        };
      }),
  },
  {
    id: 1246,
    role,
    intent: "Star the repository {{repository}}",
    instances: (rows) =>
      spread(
        rows(
          `${repositories} WHERE NOT EXISTS (SELECT 1 FROM star s JOIN "user" u ON u.id = s.uid
             WHERE s.repo_id = r.id AND u.name = ?) ORDER BY r.id`,
          visitor,
        ),
        4,
      ).map((row) => ({
        values: { repository: text(row, "repository") },
        outcome: { kind: "mutate", post: pageOf(row, "/action/star"), fields: {}, status: 200 },
        solution: { page: pageOf(row), form: { has: "/action/star", fields: {} } },
      })),
  },
  {
    id: 1247,
    role,
    intent: "Create a repository of your own with the name {{name}}",
    instances: () =>
      ["lantern-songs", "winter-light", "tide-poems"].map((name) => ({
        values: { name },
        outcome: { kind: "mutate", post: "/repo/create", fields: { repo_name: name }, status: 303 },
        solution: { page: "/repo/create", form: { has: "repo_name", fields: { repo_name: name } } },
      })),
  },
  {
    id: 1248,
    role,
    intent: 'Add the file {{path}} with the content "{{content}}" to the branch main of {{repository}}',
    instances: (rows) =>
      spread(rows(`${repositories} WHERE ${writable} ORDER BY r.id DESC`), 3).map((row, index) => {
        const [path, content] = additions[index] ?? additions[0];
        const page = pageOf(row, "/_new/main/");
        const fields = { tree_path: path, content };
        return {
          values: { path, content, repository: text(row, "repository") },
          outcome: { kind: "mutate", post: page, fields, status: 303 },
          solution: { page, form: { has: "tree_path", fields: { ...fields, commit_choice: "direct" } } },
        };
      }),
  },
  {
    id: 1249,
    role,
    intent: 'Replace what is in the file {{path}} of {{repository}} by "{{content}}", on the branch main',
    instances: (rows) =>
      spread(
        rows(
          "SELECT * FROM seed_file WHERE repository LIKE 'lanternworks/%' AND path LIKE '%.md' ORDER BY repository, path",
        ),
        3,
      ).map((row, index) => {
        const [, content] = additions[index] ?? additions[0];
        const page = pageOf(row, `/_edit/main/${text(row, "path")}`);
        return {
          values: { path: text(row, "path"), content, repository: text(row, "repository") },
          outcome: { kind: "mutate", post: page, fields: { content }, status: 303 },
          solution: { page, form: { has: "tree_path", fields: { content, commit_choice: "direct" } } },
        };
      }),
  },
  {
    id: 1250,
    role,
    intent: 'Merge the pull request "{{title}}" of {{repository}} with a merge commit',
    instances: (rows) =>
      spread(rows(`${pulls} WHERE NOT i.is_closed AND ${writable} ORDER BY i.id`), 4).map((row) => {
        const action = `${pullPage(row)}/merge`;
        return {
          values: issueOf(row),
          outcome: { kind: "mutate", post: action, fields: { do: "merge" }, status: 200 },
          solution: { page: pullPage(row), form: { has: token, fields: { do: "merge" }, action } },
        };
      }),
  },
  {
    id: 1251,
    role,
    intent: 'Create a milestone with the title "{{title}}" in {{repository}}',
    instances: (rows) =>
      spread(rows(`${repositories} WHERE ${writable} ORDER BY stars, r.id`), 3).map((row, index) => {
        const title = milestones[index] ?? milestones[0];
        const page = pageOf(row, "/milestones/new");
        return {
          values: { title, repository: text(row, "repository") },
          outcome: { kind: "mutate", post: page, fields: { title }, status: 303 },
          solution: { page, form: { has: 'name="title"', fields: { title } } },
        };
      }),
  },
];

const wishes: [string, ...string[]] = [
  "Lamps hum when they are dimmed",
  "The first line is cut off",
  "Say who is asked to review",
  "Numbers are hard to read in the sun",
];
const replies: [string, ...string[]] = [
  "I can look at this on Friday.",
  "Is this still so in the newest release?",
  "The same happens to me, but only at night.",
  "Please add a picture.",
];
const additions: [[string, string], ...[string, string][]] = [
  ["OWNERS.md", "Ask Mara Lindqvist first."],
  ["SECURITY.md", "Write to safety@forge.example."],
  ["docs/names.md", "Names are written in lower case."],
];
const milestones: [string, ...string[]] = ["Midsummer", "Before the holidays", "Someday"];
