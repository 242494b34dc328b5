import { canonical } from "../document/canonical-shape.ts";
import type { Shape } from "../document/shape.ts";
import { formatAuthority, parseAuthority } from "../wire/authority.ts";
import type { AddressAndPort } from "./egress-policy.ts";

/** `10.1.2.3:5432` or `[fd00::1]:5432`. */
export const addressAndPort: Shape<AddressAndPort> = canonical({
  noun: "address",
  maximum: 64,
  pattern: /^(?:[0-9.]+|\[[0-9a-f.:]+\]):[1-9][0-9]{0,4}$/,
  hint: "an address with its port is needed, such as 10.1.2.3:5432 or [fd00::1]:5432.",
  parse: (given) => {
    const authority = parseAuthority(given, undefined);
    if (!authority.ok || authority.value.host.kind !== "address") return undefined;
    const { host, port } = authority.value;
    return { value: { address: host.text, port }, canonical: formatAuthority(authority.value) };
  },
});
