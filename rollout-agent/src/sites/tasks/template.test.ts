// Requirements: 6.14.templates
import { DatabaseSync } from "node:sqlite";
import { describe, expect, it } from "vitest";
import { placesOf, readRecipe, siteNames } from "../site-recipe.ts";
import { templates } from "./tasks-of-site.ts";
import { makeTasks, number, spread, type Template, text } from "./template.ts";

function aDatabase(...prices: [title: string, price: number][]): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE product (title TEXT, price REAL)");
  for (const [title, price] of prices) database.prepare("INSERT INTO product VALUES (?, ?)").run(title, price);
  return database;
}

const priced: Template = {
  id: 12,
  role: "shopping",
  intent: "What does the {{product}} cost?",
  instances: (rows) =>
    rows("SELECT * FROM product ORDER BY title").map((row) => ({
      values: { product: text(row, "title") },
      outcome: { kind: "retrieve", type: "currency", data: [number(row, "price")] },
      solution: { page: "/" },
    })),
};
const bought: Template = {
  id: 13,
  role: "shopping",
  intent: "Buy it",
  instances: () => [
    { values: {}, outcome: { kind: "mutate", post: "/buy/", fields: { quantity: 2 } }, solution: { page: "/" } },
  ],
};

describe("tasks from templates", () => {
  it("are numbered by template and row, and hold the answers that the database gives", () => {
    const made = makeTasks([priced, bought], aDatabase(["Kettle", 12.5], ["Apron", 9]));
    expect(made.map(({ task }) => task.task_id)).toEqual([1200, 1201, 1300]);
    expect(made[1]?.task).toMatchObject({
      intent: "What does the Kettle cost?",
      intent_template: "What does the {{product}} cost?",
      instantiation_dict: { product: "Kettle" },
      start_urls: ["__SHOPPING__"],
      eval: [{ expected: { task_type: "retrieve", status: "SUCCESS", retrieved_data: [12.5] } }],
    });
    expect(made[2]?.task.eval).toMatchObject([
      { evaluator: "AgentResponseEvaluator", expected: { task_type: "mutate" } },
      {
        expected: { url: "__SHOPPING__/buy/", http_method: "POST", response_status: 302, post_data: { quantity: "2" } },
      },
    ]);
  });

  it("are refused where a template finds nothing or lacks a value", () => {
    expect(() => makeTasks([priced], aDatabase())).toThrow("template 12 finds nothing");
    const unnamed = { ...bought, intent: "Buy {{what}}" };
    expect(() => makeTasks([unnamed], aDatabase())).toThrow("{{what}}");
  });

  it("take rows from the first to the last", () => {
    expect(spread([1, 2, 3, 4, 5, 6, 7], 3)).toEqual([1, 4, 7]);
    expect(spread([1, 2], 3)).toEqual([1, 2]);
    expect(spread([1, 2], 1)).toEqual([1]);
  });

  it("are there for every site, with numbers that no two templates share", () => {
    expect(Object.keys(templates).toSorted()).toEqual(siteNames());
    const ids = Object.values(templates).flatMap((list) => list.map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("are of places that their site has, and no two sites play the same role: one list of URLs names them all", () => {
    const roles = new Map(siteNames().map((name) => [name, placesOf(readRecipe(name)).map(({ role }) => role)]));
    const all = [...roles.values()].flat();
    expect(new Set(all).size).toBe(all.length);
    for (const [name, list] of Object.entries(templates)) {
      expect([...new Set(list.map(({ role }) => role))].toSorted()).toEqual(roles.get(name)?.toSorted());
    }
  });
});
