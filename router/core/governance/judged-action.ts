import { embeddedIpv4 } from "../policy/embedded-ipv4.ts";
import { type PathSegments, readPath } from "../policy/path-pattern.ts";
import { addressOctets, type IpAddress } from "../wire/ip-address.ts";
import type { Action, ActionContext } from "./action.ts";
import { readText, type TextReading } from "./text-reading.ts";

/** An action with what several rules ask of it, read once and only when the first one asks. */
export interface JudgedAction {
  readonly action: Action;
  readonly context: ActionContext;
  /** Undefined: there is none. */
  path(): PathSegments | undefined;
  /** Octets of a literal host's address, and behind it those of every IPv4 address that it carries. */
  addresses(): readonly Uint8Array[];
  /** Of one of its arguments. */
  readonly reading: (text: string) => TextReading;
}

export function judgedAction(action: Action, context: ActionContext): JudgedAction {
  let segments: PathSegments | undefined;
  let addresses: readonly Uint8Array[] | undefined;
  const readings = new Map<string, TextReading>();
  return {
    action,
    context,
    path: () => {
      if (action.kind !== "egress" || action.path === undefined) return undefined;
      return (segments ??= readPath(action.path));
    },
    addresses: () => {
      if (action.kind !== "egress" || action.host?.kind !== "address") return none;
      return (addresses ??= octetsOf(action.host.text));
    },
    reading: (text) => {
      const known = readings.get(text);
      if (known !== undefined) return known;
      const read = readText(text);
      readings.set(text, read);
      return read;
    },
  };
}

const none: readonly Uint8Array[] = Object.freeze([]);

function octetsOf(address: IpAddress): readonly Uint8Array[] {
  const octets = addressOctets(address);
  return [octets, ...embeddedIpv4(octets).map(addressOctets)];
}
