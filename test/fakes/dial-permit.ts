import { admitAddresses } from "../../router/core/policy/admit-address.ts";
import type { DialPermit } from "../../router/core/policy/permit.ts";
import { ip, network, permitFor } from "../unit/core/policy/policy-fixture.ts";

/** Leave to dial these addresses on one port, got as everyone gets it: from a policy whose rule names them. */
export function dialPermit(port: number, addresses: readonly string[] = ["127.0.0.1"]): DialPermit {
  const named = addresses.map((address) => (address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`));
  const name = permitFor(
    { allow: [{ id: "origin", hosts: ["origin.test"], addresses: named, ports: [port], protocol: "tcp" }] },
    `CONNECT origin.test:${port}`,
  );
  const admitted = admitAddresses(network(), name, addresses.map(ip));
  if (!admitted.ok) throw new Error(`not admitted: ${addresses.join()}`);
  return admitted.value.permit;
}
