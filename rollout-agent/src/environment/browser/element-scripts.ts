// What is done to an element from inside its page, as functions in source: they run in the browser, not here.

/** Focuses a field and selects what it holds, ready to be typed over; sets fields that are not typed into. */
export const prepareFill = `function (value) {
  const field = this.nodeType === Node.TEXT_NODE ? this.parentElement : this;
  const isEditable = field.isContentEditable;
  if (!isEditable && !/^(INPUT|TEXTAREA)$/.test(field.tagName)) return "not a field";
  if (field.disabled || field.readOnly) return "disabled";
  if (field.tagName === "INPUT" && /^(checkbox|radio|button|submit|reset|image|file)$/.test(field.type)) return "not a field";
  if (field.tagName === "INPUT" && field.type === "number" && Number.isNaN(Number(value))) return "malformed";
  field.focus();
  if (field.tagName === "INPUT" && /^(color|date|datetime-local|month|range|time|week)$/.test(field.type)) {
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, value);
    if (value !== "" && field.value === "") return "malformed";
    field.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
    return "set";
  }
  if (isEditable) getSelection().selectAllChildren(field);
  else field.select();
  return "selected";
}`;

export const focus = `function () { (this.nodeType === Node.TEXT_NODE ? this.parentElement : this).focus(); }`;

/** Options are named by value or by label. @returns what there is, where something asked for is not. */
export const select = `function (wanted) {
  const list = this.closest ? this.closest("select") : this.parentElement.closest("select");
  if (list === null) return { problem: "no list" };
  if (list.disabled) return { problem: "disabled" };
  const options = [...list.options];
  const labelOf = (option) => option.label.replace(/\\s+/g, " ").trim();
  const chosen = wanted.map((name) => options.find((o) => o.value === name) ?? options.find((o) => labelOf(o) === name.trim()));
  if (chosen.includes(undefined) || (!list.multiple && chosen.length > 1)) {
    return { problem: "unknown", options: options.slice(0, 50).map(labelOf) };
  }
  list.focus();
  for (const option of options) option.selected = chosen.includes(option);
  list.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
  list.dispatchEvent(new Event("change", { bubbles: true }));
  return {};
}`;

/** Of a box that can be checked, or of the one that a label belongs to: whether it is checked. Null: no such thing. */
export const isChecked = `function () {
  const element = this.nodeType === Node.TEXT_NODE ? this.parentElement : this;
  const box = element.matches("input") ? element : (element.control ?? element.querySelector("input"));
  if (box !== null && /^(checkbox|radio)$/.test(box.type)) return box.checked;
  const role = element.getAttribute("aria-checked");
  return role === null ? null : role === "true";
}`;
