// What is asked of those who run the shop. Answers are what its dashboard shows.
import { number, type Row, spread, type Template, text } from "./template.ts";

const role = "shopping_admin" as const;

const orders = `
  SELECT o.id, o.number, o.status, o.total_incl_tax AS total, u.email, u.first_name || ' ' || u.last_name AS name,
    (SELECT count(*) FROM order_line l WHERE l.order_id = o.id) AS lines,
    (SELECT sum(l.quantity) FROM order_line l WHERE l.order_id = o.id) AS items
  FROM order_order o JOIN auth_user u ON u.id = o.user_id`;
const customers = `
  SELECT u.id, u.email, u.first_name || ' ' || u.last_name AS name, count(o.id) AS orders
  FROM auth_user u LEFT JOIN order_order o ON o.user_id = u.id WHERE NOT u.is_staff GROUP BY u.id`;
const products = `
  SELECT p.id, p.title, s.num_in_stock AS stock, s.partner_sku AS sku, n.name AS partner FROM catalogue_product p
  JOIN partner_stockrecord s ON s.product_id = p.id JOIN partner_partner n ON n.id = s.partner_id`;
const reviews = `
  SELECT r.id, r.title, r.score, p.title AS product, u.first_name || ' ' || u.last_name AS name
  FROM reviews_productreview r JOIN catalogue_product p ON p.id = r.product_id JOIN auth_user u ON u.id = r.user_id
  WHERE r.status = 0 ORDER BY r.id`;

const orderPage = (row: Row): string => `/orders/${text(row, "number")}/`;

export const shopAdminTasks: readonly Template[] = [
  {
    id: 1101,
    role,
    intent: "What is the e-mail address of the customer who placed order {{number}}?",
    instances: (rows) =>
      spread(rows(`${orders} ORDER BY o.number`), 5).map((row) => ({
        values: { number: text(row, "number") },
        outcome: { kind: "retrieve", type: "string", data: [text(row, "email")] },
        solution: { page: orderPage(row) },
      })),
  },
  {
    id: 1102,
    role,
    intent: "What is the total of order {{number}}?",
    instances: (rows) =>
      spread(rows(`${orders} ORDER BY o.total_incl_tax`), 4).map((row) => ({
        values: { number: text(row, "number") },
        outcome: { kind: "retrieve", type: "currency", data: [number(row, "total")] },
        solution: { page: orderPage(row), shows: [number(row, "total").toFixed(2)] },
      })),
  },
  {
    id: 1103,
    role,
    intent: "How many orders has {{name}} placed?",
    instances: (rows) =>
      spread(rows(`${customers} ORDER BY orders, u.id`), 4).map((row) => ({
        values: { name: text(row, "name") },
        outcome: { kind: "retrieve", type: "number", data: [number(row, "orders")] },
        solution: { page: `/users/${number(row, "id")}/` },
      })),
  },
  {
    id: 1104,
    role,
    intent: "How many of the {{product}} are in stock?",
    instances: (rows) =>
      spread(rows(`${products} ORDER BY stock, p.title`), 4).map((row) => ({
        values: { product: text(row, "title") },
        outcome: { kind: "retrieve", type: "number", data: [number(row, "stock")] },
        solution: { page: `/catalogue/products/${number(row, "id")}/` },
      })),
  },
  {
    id: 1105,
    role,
    intent: "How many orders have the status {{status}}?",
    instances: (rows) =>
      rows("SELECT status, count(*) AS orders FROM order_order GROUP BY status ORDER BY status").map((row) => ({
        values: { status: text(row, "status") },
        outcome: { kind: "retrieve", type: "number", data: [number(row, "orders")] },
        solution: { page: `/orders/?order_number=&name=&status=${text(row, "status")}` },
      })),
  },
  {
    id: 1106,
    role,
    intent: "Who supplies the {{product}}, and under which SKU? Give the partner's name and the SKU.",
    instances: (rows) =>
      spread(rows(`${products} ORDER BY s.partner_sku`), 3).map((row) => ({
        values: { product: text(row, "title") },
        outcome: { kind: "retrieve", type: "string", data: [text(row, "partner"), text(row, "sku")] },
        solution: { page: `/catalogue/products/${number(row, "id")}/` },
      })),
  },
  {
    id: 1107,
    role,
    intent: "What is the total of order {{number}}?",
    instances: () =>
      [100999, 200001].map((missing) => ({
        values: { number: missing },
        outcome: { kind: "not-found" },
        solution: { page: `/orders/?order_number=${missing}`, shows: [] },
      })),
  },
  {
    id: 1120,
    role,
    intent: "Open the details of order {{number}}",
    instances: (rows) =>
      spread(rows(`${orders} ORDER BY o.number DESC`), 4).map((row) => ({
        values: { number: text(row, "number") },
        outcome: { kind: "navigate", to: orderPage(row) },
        solution: { page: orderPage(row), shows: [text(row, "number")] },
      })),
  },
  {
    id: 1121,
    role,
    intent: "Open the dashboard's page {{page}}",
    instances: () =>
      sections.map(([page, to]) => ({
        values: { page },
        outcome: { kind: "navigate", to },
        solution: { page: to, shows: [page] },
      })),
  },
  {
    id: 1140,
    role,
    intent: "Change the status of order {{number}} from {{before}} to {{after}}",
    instances: (rows) =>
      spread(
        rows(`${orders} WHERE o.status IN ('Pending', 'Processing', 'Shipped') ORDER BY o.status, o.number`),
        6,
      ).map((row) => {
        const before = text(row, "status");
        const after = next[before] ?? "";
        const fields = { new_status: after, order_action: "change_order_status" };
        return {
          values: { number: text(row, "number"), before, after },
          outcome: { kind: "mutate", post: orderPage(row), fields },
          solution: { page: orderPage(row), form: { has: "change_order_status", fields: { new_status: after } } },
        };
      }),
  },
  {
    id: 1141,
    role,
    intent: 'Save the note "{{note}}" with order {{number}}',
    instances: (rows) =>
      spread(rows(`${orders} ORDER BY o.total_incl_tax DESC`), 4).map((row, index) => {
        const note = notes[index] ?? notes[0];
        return {
          values: { number: text(row, "number"), note },
          outcome: { kind: "mutate", post: orderPage(row), fields: { message: note, order_action: "save_note" } },
          solution: { page: orderPage(row), form: { has: "save_note", fields: { message: note } } },
        };
      }),
  },
  {
    id: 1142,
    role,
    intent: 'Approve the review "{{title}}" that {{name}} wrote about the {{product}}',
    instances: (rows) =>
      spread(rows(reviews), 4).map((row) => {
        const page = `/reviews/${number(row, "id")}/`;
        return {
          values: { title: text(row, "title"), name: text(row, "name"), product: text(row, "product") },
          outcome: { kind: "mutate", post: page, fields: { status: 1 } },
          solution: { page, form: { has: "status", fields: { status: "1" } } },
        };
      }),
  },
  {
    id: 1143,
    role,
    intent: 'Create a partner with the name "{{name}}"',
    instances: () =>
      ["Fenland Goods", "Three Wells Pottery", "Saltmarsh Wool"].map((name) => ({
        values: { name },
        outcome: { kind: "mutate", post: "/partners/create/", fields: { name } },
        solution: { page: "/partners/create/", form: { has: 'name="name"', fields: { name } } },
      })),
  },
];

const next: Record<string, string> = { Pending: "Processing", Processing: "Shipped", Shipped: "Complete" };
const notes: [string, ...string[]] = [
  "The customer rang about the delivery",
  "Leave the parcel with the neighbour",
  "Paid by bank transfer",
  "Gift: no invoice in the box",
];
const sections: [name: string, page: string][] = [
  ["Statistics", "/orders/statistics/"],
  ["Reviews", "/reviews/"],
  ["Customers", "/users/"],
  ["Vouchers", "/vouchers/"],
  ["Ranges", "/ranges/"],
];
