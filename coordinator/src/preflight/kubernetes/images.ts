import type { Finding } from "../../report/finding.ts";
import type { Node } from "./control-plane.ts";
import type { Needs } from "./needs.ts";

/** A kubelet tells of so many images and no more (`nodeStatusMaxImages`). */
const imagesToldMax = 50;

/**
 * Images without a registry cannot be pulled, so they have to lie on the nodes. Of the others only the pods can tell: the
 * nodes' kubelets pull them with credentials of their own.
 */
export function imageFindings({ workloads }: Needs, nodes: readonly Node[]): Finding[] {
  const images = new Set(workloads.flatMap(({ pod }) => pod.containers.map(({ image }) => image)));
  const tags = new Set([...images].flatMap((image) => (isOurs(image) ? [versionOf(image)] : [])));
  const found: Finding[] = [...images].filter(isLocal).map((image) => {
    const what = `image ${image}`;
    const having = nodes.filter((node) => namesOn(node).includes(`docker.io/${image}`));
    if (having.length === nodes.length) return { what, state: "good", detail: `on all ${nodes.length} nodes` };
    const doubt = nodes.some(({ status }) => (status.images?.length ?? 0) >= imagesToldMax)
      ? "; a kubelet tells of 50 images only"
      : "";
    const detail = `on ${having.length} of ${nodes.length} nodes, and no registry has it: npm run images, then load it there (ctr images import), or push it and name your registry in the overlay${doubt}`;
    return { what, state: having.length === 0 && doubt === "" ? "missing" : "advice", detail };
  });
  if (tags.size > 1) {
    const detail = `the overlay has ${[...tags].join(" and ")} side by side: good while you upgrade step by step; give all one tag after`;
    found.push({ what: "versions in the overlay", state: "advice", detail });
  }
  return found;
}

/** `hindcast/nats:dev` is of no registry, `registry.example.com/hindcast/nats:1` of one. */
export function isLocal(image: string): boolean {
  const [first = "", ...rest] = image.split("/");
  return isOurs(image) && (rest.length === 0 || !/[.:]|^localhost$/.test(first));
}

export const isOurs = (image: string): boolean => /(^|\/)hindcast\//.test(image);

/** Tag or digest. */
export function versionOf(image: string): string {
  return /@(sha256:[0-9a-f]+)$/.exec(image)?.[1] ?? /:([\w.-]+)$/.exec(image)?.[1] ?? "latest";
}

function namesOn({ status }: Node): string[] {
  return (status.images ?? []).flatMap(({ names }) => names ?? []);
}
