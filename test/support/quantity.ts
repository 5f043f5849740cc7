/** A Kubernetes quantity in cores or bytes. @throws Error for one that is written in no form that our manifests use */
export function quantity(text: string): number {
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)(m|Mi|Gi)?$/.exec(text) ?? [];
  if (digits === "") throw new Error(`${text} is no quantity in cores, m, bytes, Mi or Gi`);
  return Number(digits) * ({ m: 1e-3, Mi: 2 ** 20, Gi: 2 ** 30 }[unit] ?? 1);
}
