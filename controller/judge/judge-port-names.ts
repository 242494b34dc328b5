import { RESERVED_PREFIX } from "../pod/names.ts";
import type { Container } from "../pod/pod.ts";
import { valueAt } from "./member.ts";
import { isReserved } from "./judge-references.ts";
import { type Report, shown } from "./report.ts";

/** Scrapers find the router by the name of its port: what an agent says there would be believed as the router's. */
export function judgePortNames({ ports = [] }: Container, path: string, report: Report): void {
  for (const [index, port] of ports.entries()) {
    const name = valueAt(port, "name");
    if (!isReserved(name)) continue;
    report(
      "name_reserved",
      `${path}.ports[${index}].name`,
      `Rename the port ${shown(name)}: names that begin with "${RESERVED_PREFIX}" are Sluice's.`,
    );
  }
}
