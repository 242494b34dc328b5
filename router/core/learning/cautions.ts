import type { SeenEntry } from "./seen.ts";
import { isSharedHost } from "./shared-hosts.ts";

/** What a reviewer should look at before an entry becomes a rule. */
export type Caution =
  | "literal_address"
  | "raw_tcp"
  | "plain_http"
  | "upload_heavy"
  | "shared_host"
  | "generated_name"
  | "wide_path"
  | "by_approval";

export const CAUTIONS: Readonly<Record<Caution, string>> = Object.freeze({
  literal_address: "an address, not a name: whoever has it tomorrow is reached too",
  raw_tcp: "raw TCP: nothing of what flows is checked; if it is TLS, say protocol: tls",
  plain_http: "in clear: whoever is on the way can read and change it",
  upload_heavy: "far more goes out than comes in",
  shared_host: "anybody can have an account or a store there: data can leave to a stranger",
  generated_name: "the name looks generated: names can carry data out",
  wide_path: "the paths were too many to be told apart, so the pattern is wide",
  by_approval: "only an approval allowed it",
});

const LARGE = 1024 * 1024;

export function cautionsOf({ host, kind, method, shape, bytesOut, bytesIn, rule }: SeenEntry): readonly Caution[] {
  const found: readonly (Caution | false)[] = [
    host.kind === "address" && "literal_address",
    kind === "tcp" && "raw_tcp",
    kind === "http" && "plain_http",
    bytesOut >= LARGE && bytesOut > 4 * bytesIn && "upload_heavy",
    host.kind === "name" && isSharedHost(host.text) && "shared_host",
    host.kind === "name" && looksGenerated(host.text) && "generated_name",
    shape !== undefined && isWide(shape, method) && "wide_path",
    rule?.startsWith("approval/") === true && "by_approval",
  ];
  return found.filter((caution) => caution !== false);
}

/** Reading more than was read is one thing, writing it another. */
function isWide(shape: readonly string[], method: string | undefined): boolean {
  if (shape.at(-1) === "**" || shape[0] === "*") return true;
  return shape.includes("*") && method !== "GET" && method !== "HEAD";
}

/** A long label, or one with digits at every turn. */
function looksGenerated(name: string): boolean {
  return name
    .split(".")
    .some((label) => label.length > 30 || (label.length >= 12 && (label.match(/[0-9](?=[a-z])/g)?.length ?? 0) > 2));
}
