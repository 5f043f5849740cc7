// What the tasks of the wiki read of MediaWiki's database and of the seed's own tables beside it.
import { number, type Row, text } from "./template.ts";

/** The user whose token the recipe's login holds. */
export const visitor = "Oluchi";

/** Articles' revisions, the oldest first; `at` as MediaWiki writes times (20240305144200). */
export const revisions = `
  SELECT r.rev_id AS revision, r.rev_parent_id AS parent, replace(p.page_title, '_', ' ') AS title, a.actor_name AS author,
    c.comment_text AS summary, r.rev_timestamp AS at, r.rev_id = p.page_latest AS is_latest,
    count(*) OVER (PARTITION BY p.page_id) AS edits, x.old_text AS content
  FROM revision r JOIN page p ON p.page_id = r.rev_page JOIN actor a ON a.actor_id = r.rev_actor
  JOIN revision_comment_temp t ON t.revcomment_rev = r.rev_id JOIN comment c ON c.comment_id = t.revcomment_comment_id
  JOIN slots s ON s.slot_revision_id = r.rev_id JOIN content k ON k.content_id = s.slot_content_id
  JOIN text x ON 'tt:' || x.old_id = k.content_address
  WHERE p.page_namespace = 0 AND NOT p.page_is_redirect AND p.page_title <> 'Main_Page'
  ORDER BY r.rev_id`;

export const articles = `SELECT * FROM (${revisions}) WHERE is_latest`;

/** Changes of what the table at the top of a page says, with who made them. */
export const changes = `
  SELECT c.*, r.author, r.at FROM seed_change c JOIN (${revisions}) r ON r.revision = c.revision`;

export const named = (title: string): string => title.replaceAll(" ", "_");
export const titleOf = (row: Row): string => text(row, "title");
export const pageOf = (row: Row): string => `/wiki/${named(titleOf(row))}`;

/** What the tabs and links of a page lead to. */
export function scriptOf(title: string, parameters: Record<string, string | number>): string {
  const pairs = Object.entries(parameters).map(([name, value]) => `&${name}=${value}`);
  return `/index.php?title=${named(title)}${pairs.join("")}`;
}

const months = "January February March April May June July August September October November December".split(" ");

/** As the wiki writes it: 5 March 2024. */
export function dayOf(row: Row): string {
  const [, year, month, day] = /^(\d{4})(\d\d)(\d\d)/.exec(text(row, "at")) ?? [];
  return `${Number(day)} ${months[Number(month) - 1]} ${year}`;
}

/** Of text or number, whichever it is. */
export function saidOf(row: Row, name: string): { type: "string" | "number"; data: (string | number)[] } {
  return typeof row[name] === "number"
    ? { type: "number", data: [number(row, name)] }
    : { type: "string", data: [text(row, name)] };
}
