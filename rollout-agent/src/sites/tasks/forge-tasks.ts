// What is asked of a visitor of the forge: answers that its pages show, and pages to go to.
import { issuePage, issues, pageOf, pullPage, pulls, repositories, visitor } from "./forge-rows.ts";
import { number, type Row, spread, type Template, text } from "./template.ts";

const role = "gitlab" as const;

const nameOf = (row: Row): { repository: string } => ({ repository: text(row, "repository") });
const issueOf = (row: Row): { title: string; repository: string } => ({ title: text(row, "title"), ...nameOf(row) });

export const forgeTasks: readonly Template[] = [
  {
    id: 1201,
    role,
    intent: "How many open issues does the repository {{repository}} have?",
    instances: (rows) =>
      spread(rows(`${repositories} WHERE open_issues > 0 ORDER BY open_issues, r.id`), 4).map((row) => ({
        values: nameOf(row),
        outcome: { kind: "retrieve", type: "number", data: [number(row, "open_issues")] },
        solution: { page: pageOf(row, "/issues"), shows: [`${number(row, "open_issues")} Open`] },
      })),
  },
  {
    id: 1202,
    role,
    intent: 'How many open issues of {{repository}} carry the label "{{label}}"?',
    instances: (rows) =>
      spread(
        rows(
          `SELECT l.id, l.name AS label, r.owner_name || '/' || r.lower_name AS repository, count(*) AS open_issues
           FROM label l JOIN repository r ON r.id = l.repo_id JOIN issue_label x ON x.label_id = l.id
           JOIN issue i ON i.id = x.issue_id WHERE NOT i.is_closed GROUP BY l.id ORDER BY open_issues, l.id`,
        ),
        5,
      ).map((row) => ({
        values: { ...nameOf(row), label: text(row, "label") },
        outcome: { kind: "retrieve", type: "number", data: [number(row, "open_issues")] },
        solution: {
          page: pageOf(row, `/issues?labels=${number(row, "id")}`),
          shows: [`${number(row, "open_issues")} Open`],
        },
      })),
  },
  {
    id: 1203,
    role,
    intent: 'Who is assigned to the issue "{{title}}" in {{repository}}? Give the user name.',
    instances: (rows) =>
      spread(rows(`${issues} AND assignees IS NOT NULL AND assignees <> poster ORDER BY i.id`), 4).map((row) => ({
        values: issueOf(row),
        outcome: { kind: "retrieve", type: "string", data: [text(row, "assignees")] },
        solution: { page: issuePage(row) },
      })),
  },
  {
    id: 1204,
    role,
    intent: 'Which milestone does the issue "{{title}}" of {{repository}} belong to?',
    instances: (rows) =>
      spread(rows(`${issues} AND milestone IS NOT NULL ORDER BY i.id DESC`), 4).map((row) => ({
        values: issueOf(row),
        outcome: { kind: "retrieve", type: "string", data: [text(row, "milestone")] },
        solution: { page: issuePage(row) },
      })),
  },
  {
    id: 1205,
    role,
    intent: 'Who wrote the issue "{{title}}" in {{repository}}? Give the user name.',
    instances: (rows) =>
      spread(rows(`${issues} AND poster <> ? ORDER BY i.name`, visitor), 4).map((row) => ({
        values: issueOf(row),
        outcome: { kind: "retrieve", type: "string", data: [text(row, "poster")] },
        solution: { page: issuePage(row) },
      })),
  },
  {
    id: 1206,
    role,
    intent: 'How many comments does the issue "{{title}}" of {{repository}} have?',
    instances: (rows) =>
      spread(rows(`${issues} AND comments > 0 ORDER BY comments, i.id`), 4).map((row) => ({
        values: issueOf(row),
        outcome: { kind: "retrieve", type: "number", data: [number(row, "comments")] },
        solution: { page: issuePage(row), shows: [`${number(row, "comments")} comment`] },
      })),
  },
  {
    id: 1207,
    role,
    intent: "Who starred {{repository}}? Give their full names.",
    instances: (rows) =>
      spread(
        rows(
          `SELECT r.owner_name || '/' || r.lower_name AS repository, group_concat(u.full_name, '|') AS names
           FROM star s JOIN repository r ON r.id = s.repo_id JOIN "user" u ON u.id = s.uid
           GROUP BY r.id HAVING count(*) < 6 ORDER BY count(*), r.id`,
        ),
        4,
      ).map((row) => ({
        values: nameOf(row),
        outcome: { kind: "retrieve", type: "string", data: text(row, "names").split("|") },
        solution: { page: pageOf(row, "/stars") },
      })),
  },
  {
    id: 1208,
    role,
    intent: "What is the tag of the newest release of {{repository}} that is no pre-release?",
    instances: (rows) =>
      rows(
        `SELECT r.owner_name || '/' || r.lower_name AS repository, l.tag_name AS tag, max(l.created_unix)
         FROM "release" l JOIN repository r ON r.id = l.repo_id WHERE NOT l.is_prerelease AND NOT l.is_tag
         GROUP BY r.id ORDER BY r.id`,
      ).map((row) => ({
        values: nameOf(row),
        outcome: { kind: "retrieve", type: "string", data: [text(row, "tag")] },
        solution: { page: pageOf(row, "/releases") },
      })),
  },
  {
    id: 1209,
    role,
    intent: 'Who approved the pull request "{{title}}" of {{repository}}? Give the user name.',
    instances: (rows) =>
      spread(rows(`${pulls} WHERE approver IS NOT NULL ORDER BY i.id`), 3).map((row) => ({
        values: issueOf(row),
        outcome: { kind: "retrieve", type: "string", data: [text(row, "approver")] },
        solution: { page: pullPage(row) },
      })),
  },
  {
    id: 1210,
    role,
    intent: 'From which branch comes the pull request "{{title}}" of {{repository}}?',
    instances: (rows) =>
      spread(rows(`${pulls} WHERE NOT q.has_merged ORDER BY i.id DESC`), 4).map((row) => ({
        values: issueOf(row),
        outcome: { kind: "retrieve", type: "string", data: [text(row, "branch")] },
        solution: { page: pullPage(row) },
      })),
  },
  {
    id: 1211,
    role,
    intent: "How many commits are on the branch main of {{repository}}?",
    instances: (rows) =>
      spread(
        rows(
          `SELECT c.repository, count(*) AS commits FROM seed_commit c WHERE c.branch = 'main' AND c.repository NOT LIKE '%.wiki'
             AND c.repository NOT IN (SELECT repository FROM (${pulls}) WHERE has_merged)
           GROUP BY c.repository ORDER BY commits, c.repository`,
        ),
        4,
      ).map((row) => ({
        values: nameOf(row),
        outcome: { kind: "retrieve", type: "number", data: [number(row, "commits")] },
        solution: { page: pageOf(row, "/commits/branch/main"), shows: [`${number(row, "commits")} commit`] },
      })),
  },
  {
    id: 1212,
    role,
    intent: 'Who made the commit "{{subject}}" in {{repository}}? Give the full name.',
    instances: (rows) =>
      spread(
        rows(
          `SELECT c.repository, c.subject, u.full_name AS author FROM seed_commit c JOIN "user" u ON u.name = c.author
           WHERE c.branch = 'main' AND c.subject <> 'First commit' AND c.repository NOT LIKE '%.wiki' ORDER BY c.sha`,
        ),
        4,
      ).map((row) => ({
        values: { ...nameOf(row), subject: text(row, "subject") },
        outcome: { kind: "retrieve", type: "string", data: [text(row, "author")] },
        solution: { page: pageOf(row, "/commits/branch/main") },
      })),
  },
  {
    id: 1213,
    role,
    intent: "In which place does {{name}} live?",
    instances: (rows) =>
      spread(
        rows(`SELECT name AS user, full_name, location FROM "user" WHERE location <> '' ORDER BY location`),
        3,
      ).map((row) => ({
        values: { name: text(row, "full_name") },
        outcome: { kind: "retrieve", type: "string", data: [text(row, "location")] },
        solution: { page: `/${text(row, "user")}` },
      })),
  },
  {
    id: 1214,
    role,
    intent: "How many followers does {{name}} have?",
    instances: (rows) =>
      spread(
        rows(
          `SELECT name AS user, full_name, num_followers FROM "user" WHERE num_followers > 0 ORDER BY num_followers, id`,
        ),
        3,
      ).map((row) => ({
        values: { name: text(row, "full_name") },
        outcome: { kind: "retrieve", type: "number", data: [number(row, "num_followers")] },
        solution: { page: `/${text(row, "user")}`, shows: [`${number(row, "num_followers")} follower`] },
      })),
  },
  {
    id: 1215,
    role,
    intent: 'Who is assigned to the issue "{{title}}" in {{repository}}?',
    instances: () =>
      [
        ["lanternworks/beacon", "Lamps hum at night"],
        ["tidepool/tide-tables", "Add Reykjavik"],
        ["lanternworks/website", "Translate the pages"],
      ].map(([repository = "", title = ""]) => ({
        values: { title, repository },
        outcome: { kind: "not-found" },
        solution: {
          page: `/${repository}/issues?state=all&q=${encodeURIComponent(title)}`,
          shows: ["0 Open", "0 Closed"],
        },
      })),
  },
  {
    id: 1220,
    role,
    intent: 'Open the issue "{{title}}" of {{repository}}',
    instances: (rows) =>
      spread(rows(`${issues} ORDER BY i.name DESC`), 4).map((row) => ({
        values: issueOf(row),
        outcome: { kind: "navigate", to: issuePage(row) },
        solution: { page: issuePage(row), shows: [text(row, "title")] },
      })),
  },
  {
    id: 1221,
    role,
    intent: 'Open the pull request "{{title}}" of {{repository}}',
    instances: (rows) =>
      spread(rows(`${pulls} ORDER BY i.name`), 3).map((row) => ({
        values: issueOf(row),
        outcome: { kind: "navigate", to: pullPage(row) },
        solution: { page: pullPage(row), shows: [text(row, "title")] },
      })),
  },
  {
    id: 1222,
    role,
    intent: 'Open the page of the milestone "{{milestone}}" of {{repository}}',
    instances: (rows) =>
      spread(
        rows(
          `SELECT m.id, m.name AS milestone, r.owner_name || '/' || r.lower_name AS repository
           FROM milestone m JOIN repository r ON r.id = m.repo_id ORDER BY m.id`,
        ),
        4,
      ).map((row) => ({
        values: { ...nameOf(row), milestone: text(row, "milestone") },
        outcome: { kind: "navigate", to: pageOf(row, `/milestone/${number(row, "id")}`) },
        solution: { page: pageOf(row, `/milestone/${number(row, "id")}`), shows: [text(row, "milestone")] },
      })),
  },
  {
    id: 1223,
    role,
    intent: "Show me the file {{path}} of {{repository}} as it is on the branch main",
    instances: (rows) =>
      spread(rows("SELECT * FROM seed_file WHERE path <> 'README.md' ORDER BY repository, path"), 4).map((row) => {
        const page = pageOf(row, `/src/branch/main/${text(row, "path")}`);
        return {
          values: { ...nameOf(row), path: text(row, "path") },
          outcome: { kind: "navigate", to: page },
          solution: { page, shows: [text(row, "path").split("/").at(-1) ?? ""] },
        };
      }),
  },
  {
    id: 1224,
    role,
    intent: "Open the page of {{name}}",
    instances: (rows) =>
      spread(rows(`SELECT name AS user, full_name FROM "user" ORDER BY full_name`), 4).map((row) => ({
        values: { name: text(row, "full_name") },
        outcome: { kind: "navigate", to: `/${text(row, "user")}` },
        solution: { page: `/${text(row, "user")}`, shows: [text(row, "full_name")] },
      })),
  },
];
