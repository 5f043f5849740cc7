// What is asked of the shop's customers. Answers are what its pages show to the one who is logged in.
import { number, type Row, type Rows, spread, type Template, text } from "./template.ts";

const role = "shopping" as const;
/** The customer whose session the recipe's login holds. */
const customer = "emma.lopez@mail.example";

const products = `
  SELECT p.id, p.title, p.slug, p.upc, s.price, s.num_in_stock AS stock,
    (SELECT count(*) FROM reviews_productreview r WHERE r.product_id = p.id AND r.status = 1) AS reviews
  FROM catalogue_product p JOIN partner_stockrecord s ON s.product_id = p.id`;
const categories = `
  SELECT c.id, c.name, c.slug, c.depth, p.name AS parent, p.slug AS parent_slug
  FROM catalogue_category c JOIN catalogue_category p ON p.depth = 1 AND c.path LIKE p.path || '%' WHERE c.depth = 2`;

const pageOf = (row: Row): string => `/catalogue/${text(row, "slug")}_${number(row, "id")}/`;
const categoryPage = (row: Row): string =>
  `/catalogue/category/${text(row, "parent_slug")}/${text(row, "slug")}_${number(row, "id")}/`;
const orders = (rows: Rows): Row[] =>
  rows(
    `SELECT o.number, o.status, o.total_incl_tax AS total, count(*) AS lines, sum(l.quantity) AS items
     FROM order_order o JOIN auth_user u ON u.id = o.user_id JOIN order_line l ON l.order_id = o.id
     WHERE u.email = ? GROUP BY o.id ORDER BY o.date_placed DESC`,
    customer,
  );

export const shopTasks: readonly Template[] = [
  {
    id: 1001,
    role,
    intent: "What does the {{product}} cost?",
    instances: (rows) =>
      spread(rows(`${products} WHERE stock > 0 ORDER BY p.title`), 5).map((row) => ({
        values: { product: text(row, "title") },
        outcome: { kind: "retrieve", type: "currency", data: [number(row, "price")] },
        solution: { page: pageOf(row), shows: [number(row, "price").toFixed(2)] },
      })),
  },
  {
    id: 1002,
    role,
    intent: "How many customer reviews does the {{product}} have?",
    instances: (rows) =>
      spread(rows(`${products} WHERE reviews > 1 ORDER BY reviews, p.title`), 4).map((row) => ({
        values: { product: text(row, "title") },
        outcome: { kind: "retrieve", type: "number", data: [number(row, "reviews")] },
        solution: { page: `${pageOf(row)}reviews/` },
      })),
  },
  {
    id: 1003,
    role,
    intent: "Who reviewed the {{product}} with {{stars}} stars? Give their full names.",
    instances: (rows) =>
      spread(
        rows(
          `SELECT p.id, p.title, p.slug, r.score, group_concat(u.first_name || ' ' || u.last_name, '|') AS names
           FROM reviews_productreview r JOIN catalogue_product p ON p.id = r.product_id
           JOIN auth_user u ON u.id = r.user_id WHERE r.status = 1 AND r.score IN (2, 3, 4)
           GROUP BY p.id, r.score ORDER BY p.title, r.score`,
        ),
        5,
      ).map((row) => ({
        values: { product: text(row, "title"), stars: number(row, "score") },
        outcome: { kind: "retrieve", type: "string", data: text(row, "names").split("|") },
        solution: { page: `${pageOf(row)}reviews/` },
      })),
  },
  {
    id: 1004,
    role,
    intent: "Which products in the category {{category}} cost less than {{price}} pounds? Give their names.",
    instances: (rows) =>
      spread(rows(`${categories} ORDER BY c.path`), 5).map((row) => {
        const inside = rows(
          `${products} JOIN catalogue_productcategory pc ON pc.product_id = p.id
           WHERE pc.category_id = ? ORDER BY s.price`,
          number(row, "id"),
        );
        const limit = Math.ceil(number(inside[1] ?? {}, "price") + 0.01);
        const names = inside.filter((product) => number(product, "price") < limit).map((one) => text(one, "title"));
        return {
          values: { category: text(row, "name"), price: limit },
          outcome: { kind: "retrieve", type: "string", data: names },
          solution: { page: categoryPage(row) },
        };
      }),
  },
  {
    id: 1005,
    role,
    intent: "What is the status of my order {{number}}?",
    instances: (rows) =>
      spread(orders(rows), 4).map((row) => ({
        values: { number: text(row, "number") },
        outcome: { kind: "retrieve", type: "string", data: [text(row, "status")] },
        solution: { page: `/accounts/orders/${text(row, "number")}/` },
      })),
  },
  {
    id: 1006,
    role,
    intent: "What did I pay in total for order {{number}}?",
    instances: (rows) =>
      spread(orders(rows), 4).map((row) => ({
        values: { number: text(row, "number") },
        outcome: { kind: "retrieve", type: "currency", data: [number(row, "total")] },
        solution: { page: `/accounts/orders/${text(row, "number")}/`, shows: [number(row, "total").toFixed(2)] },
      })),
  },
  {
    id: 1007,
    role,
    intent: "What is the UPC of the {{product}}?",
    instances: (rows) =>
      spread(rows(`${products} ORDER BY p.upc`), 4).map((row) => ({
        values: { product: text(row, "title") },
        outcome: { kind: "retrieve", type: "string", data: [text(row, "upc")] },
        solution: { page: pageOf(row) },
      })),
  },
  {
    id: 1008,
    role,
    intent: "What does the {{product}} cost?",
    instances: () =>
      ["Titanium Kettle", "Bamboo Fountain Pen", "Silk Blanket"].map((product) => ({
        values: { product },
        outcome: { kind: "not-found" },
        solution: { page: `/search/?q=${encodeURIComponent(product)}`, shows: ["0 results"] },
      })),
  },
  {
    id: 1020,
    role,
    intent: "Open the page of the category {{category}}, which belongs to {{parent}}",
    instances: (rows) =>
      spread(rows(`${categories} ORDER BY c.path`), 4).map((row) => ({
        values: { category: text(row, "name"), parent: text(row, "parent") },
        outcome: { kind: "navigate", to: categoryPage(row) },
        solution: { page: categoryPage(row), shows: [text(row, "name")] },
      })),
  },
  {
    id: 1021,
    role,
    intent: "Show me the page of the {{product}}",
    instances: (rows) =>
      spread(rows(`${products} ORDER BY p.slug`), 4).map((row) => ({
        values: { product: text(row, "title") },
        outcome: { kind: "navigate", to: pageOf(row) },
        solution: { page: pageOf(row), shows: [text(row, "title")] },
      })),
  },
  {
    id: 1040,
    role,
    intent: "Put one {{product}} into my basket",
    instances: (rows) =>
      spread(rows(`${products} WHERE stock > 0 ORDER BY p.id`), 5).map((row) => ({
        values: { product: text(row, "title") },
        outcome: { kind: "mutate", post: `/basket/add/${number(row, "id")}/`, fields: { quantity: 1 } },
        solution: { page: pageOf(row), form: { has: `/basket/add/${number(row, "id")}/`, fields: {} } },
      })),
  },
  {
    id: 1041,
    role,
    intent: "Add the {{product}} to my wish list",
    instances: (rows) =>
      spread(rows(`${products} ORDER BY p.id DESC`), 4).map((row) => ({
        values: { product: text(row, "title") },
        outcome: { kind: "mutate", post: `/accounts/wishlists/add/${number(row, "id")}/`, fields: {} },
        solution: { page: pageOf(row), form: { has: `/accounts/wishlists/add/${number(row, "id")}/`, fields: {} } },
      })),
  },
  {
    id: 1042,
    role,
    intent: 'Review the {{product}}: {{stars}} stars, with the title "{{title}}" and the text "{{words}}"',
    instances: (rows) =>
      spread(
        rows(
          `${products} WHERE NOT EXISTS (SELECT 1 FROM reviews_productreview r JOIN auth_user u ON u.id = r.user_id
             WHERE r.product_id = p.id AND u.email = ?) ORDER BY p.title`,
          customer,
        ),
        4,
      ).map((row, index) => {
        const [stars, title, words] = opinions[index] ?? opinions[0];
        const page = `${pageOf(row)}reviews/add/`;
        const fields = { score: String(stars), title, body: words };
        return {
          values: { product: text(row, "title"), stars, title, words },
          // The form sends itself to a fragment of its page.
          outcome: { kind: "mutate", post: [page, `${page}#addreview`], fields },
          solution: { page, form: { has: "add_review_form", fields } },
        };
      }),
  },
];

const opinions: [[number, string, string], ...[number, string, string][]] = [
  [5, "A joy", "It has not left my hands since it came."],
  [2, "Too heavy", "I had expected something for smaller hands."],
  [4, "Solid", "Well made, though the box was dented."],
  [3, "As described", "It is what it says it is."],
];
