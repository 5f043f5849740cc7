import { checkedRow, readRows, unreadable } from "./data-file.ts";
import { SweBenchInstance } from "./instance.ts";
import { logParserNamed } from "./log-parser/index.ts";

/**
 * Reads one of SWE-bench's official files whole, in its order.
 *
 * @throws DOCUMENTS_UNREADABLE naming file, line and field, also where an id comes twice or a parser is unknown
 */
export async function readSweBenchInstances(file: string): Promise<SweBenchInstance[]> {
  const places = new Map<string, string>();
  return (await readRows(file)).map((row) => {
    const instance = checkedRow(SweBenchInstance, row);
    const { instance_id: id, log_parser: parser } = instance;
    const earlier = places.get(id);
    if (earlier !== undefined)
      throw unreadable(`${row.place}: field "instance_id": ${id} stands at ${earlier} already`);
    if (logParserNamed(parser) === null) {
      throw unreadable(`${row.place}: field "log_parser": there is no parser "${parser}" (${id})`);
    }
    places.set(id, row.place);
    return instance;
  });
}
