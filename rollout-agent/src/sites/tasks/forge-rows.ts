// What the tasks of the forge read of Gitea's database and of the seed's own tables beside it.
import { number, type Row, text } from "./template.ts";

/** The user whose session the recipe's login holds: owner of one organisation, writer in the other. */
export const visitor = "mara";

export const repositories = `
  SELECT r.id, r.owner_name || '/' || r.lower_name AS repository, r.num_stars AS stars,
    r.num_issues - r.num_closed_issues AS open_issues, r.num_pulls - r.num_closed_pulls AS open_pulls
  FROM repository r`;

export const issues = `
  SELECT i.id, i."index" AS number, i.name AS title, i.num_comments AS comments, i.is_closed, m.name AS milestone,
    p.name AS poster, r.owner_name || '/' || r.lower_name AS repository, r.id AS repository_id,
    (SELECT group_concat(u.name, '|') FROM issue_assignees a JOIN "user" u ON u.id = a.assignee_id
       WHERE a.issue_id = i.id) AS assignees
  FROM issue i JOIN repository r ON r.id = i.repo_id JOIN "user" p ON p.id = i.poster_id
  LEFT JOIN milestone m ON m.id = i.milestone_id WHERE NOT i.is_pull`;

export const pulls = `
  SELECT i.id, i."index" AS number, i.name AS title, q.head_branch AS branch, q.has_merged, i.is_closed,
    r.owner_name || '/' || r.lower_name AS repository, p.name AS poster,
    (SELECT u.name FROM review v JOIN "user" u ON u.id = v.reviewer_id WHERE v.issue_id = i.id AND v.type = 1) AS approver
  FROM pull_request q JOIN issue i ON i.id = q.issue_id JOIN repository r ON r.id = i.repo_id
  JOIN "user" p ON p.id = i.poster_id`;

/** Where the visitor may write. */
export const writable = `(r.owner_name IN ('lanternworks', 'tidepool'))`;

export const pageOf = (row: Row, below = ""): string => `/${text(row, "repository")}${below}`;
export const issuePage = (row: Row): string => pageOf(row, `/issues/${number(row, "number")}`);
export const pullPage = (row: Row): string => pageOf(row, `/pulls/${number(row, "number")}`);
