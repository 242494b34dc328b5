import type { DocumentNode } from "../document/document-node.ts";
import { refined } from "../document/refined-shape.ts";
import type { Report } from "../document/report.ts";
import type { Shape } from "../document/shape.ts";
import { type Authority, formatAuthority } from "../wire/authority.ts";
import { addressAndPort } from "./address-shapes.ts";
import type { AddressAndPort } from "./egress-policy.ts";
import { BARE_NETWORK } from "./network.ts";
import { classifyAddress } from "./special-use.ts";

/**
 * One of the special-use addresses that the name of an endpoint may lead to. A public address needs no naming, and
 * nothing that a policy names is served by a cloud's metadata service; neither may be reached as an
 * IPv4 address within a special-use one.
 */
export const specialAddress: Shape<AddressAndPort> = refined(addressAndPort, (value, node, report) => {
  for (const alias of BARE_NETWORK.aliases(value.address)) {
    const { global, name } = classifyAddress(alias);
    if (!global && name !== "cloud-metadata") continue;
    const what = global ? "a public address, which needs no naming" : "a cloud's metadata service";
    const leads = alias === value.address ? `${alias} is` : `${value.address} carries ${alias},`;
    report.add(node, "address_not_accepted", `${leads} ${what}.`);
    return undefined;
  }
  return value;
});

/** Reports an endpoint that leads in clear to a public address, or to a special-use one that nobody named. */
export function reportUnreachable(
  { scheme, host, port }: Authority & { readonly scheme: "http" | "https" },
  addresses: readonly AddressAndPort[],
  place: DocumentNode,
  report: Report,
): void {
  const there = addresses.filter((named) => named.port === port);
  if (host.kind === "address") {
    const { global, name } = classifyAddress(host.text);
    if (!global && !there.some(({ address }) => address === host.text)) {
      const message = `${host.text} is special-use (${name}): "addresses" must name ${formatAuthority({ host, port })}.`;
      report.add(place, "address_not_named", message);
    } else if (global && scheme === "http") {
      report.add(place, "clear_text", "A public address is called by https only.");
    }
  } else if (scheme === "http" && there.length === 0) {
    const message = `http leads only to special-use addresses that "addresses" names with port ${port}; anything else is called by https.`;
    report.add(place, "clear_text", message);
  }
}
