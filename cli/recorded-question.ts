import type { AuditValue } from "../router/core/audit/audit-event.ts";
import { isList } from "../router/core/audit/canonical-json.ts";
import { actionForm } from "../router/core/approval/action-form.ts";
import type { ActionKind } from "../router/core/governance/action-kind.ts";
import type { Action, EgressAction, ExecAction } from "../router/core/governance/action.ts";
import type { Fact } from "../router/core/governance/facts.ts";
import type { EgressRequest } from "../router/core/policy/egress-request.ts";
import { parseAuthority } from "../router/core/wire/authority.ts";
import { type IpAddress, parseIpAddress } from "../router/core/wire/ip-address.ts";
import { isActionKind } from "./policy-action.ts";
import type { ShownRecord } from "./shown-record.ts";

/** What was once asked of the policies. `hidden` are facts that were known then, and of which the record says nothing. */
export type Question =
  | {
      readonly about: "egress";
      /** Of a request in clear the path is "/" where it is hidden. */
      readonly request: EgressRequest;
      /** Where the name led to; undefined: not known, and not judged. */
      readonly addresses: readonly IpAddress[] | undefined;
      readonly hidden: ReadonlySet<Fact>;
    }
  | {
      readonly about: "inference";
      readonly model: string;
      readonly api: string | undefined;
      readonly stream: boolean | undefined;
      readonly hidden: ReadonlySet<Fact>;
    }
  | { readonly about: "action"; readonly action: Action; readonly hidden: ReadonlySet<Fact> };

/** `other`: no decision of a policy. `unreadable`: one, of which the record does not say what it was about. */
export type ReadQuestion = Question | "other" | "unreadable";

/** SHA-256 in hex of a text. */
type Digest = (text: string) => string;

/** No record holds the pod's labels, or what a peer's score was. */
const NEVER_RECORDED: readonly Fact[] = ["labels", "tier"];

export function questionOf(record: ShownRecord, digest: Digest): ReadQuestion {
  switch (record.kind) {
    case "egress.decision":
      return egressQuestion(record);
    case "inference.decision":
      return inferenceQuestion(record);
    case "governance.decision":
      return isActionKind(record.action) ? actionQuestion(record.action, record, digest) : "other";
    default:
      return "other";
  }
}

/** As it was: records show others cut, escaped or as a digest. */
function isWhole(text: string): boolean {
  return text !== "" && text.length < 256 && !/\\u[0-9a-f]{4}|\u2026|^hmac-sha256:/.test(text);
}

function egressQuestion({ action, target, detail }: ShownRecord): ReadQuestion {
  const authority = isWhole(target) ? parseAuthority(target, undefined) : undefined;
  const method = /^http\.(.+)$/.exec(action)?.[1];
  if (authority?.ok !== true || (action !== "connect" && (method === undefined || !isWhole(method))))
    return "unreadable";
  const { host, port } = authority.value;
  const addresses = host.kind === "address" ? [host.text] : addressesOf(detail);
  if (method === undefined) {
    return { about: "egress", request: { via: "tunnel", host, port }, addresses, hidden: new Set(NEVER_RECORDED) };
  }
  const request: EgressRequest = { via: "http", host, port, method, path: "/" };
  return { about: "egress", request, addresses, hidden: new Set([...NEVER_RECORDED, "path"]) };
}

/** Of what was allowed, all that the name led to; of what was refused earlier, nothing. */
function addressesOf(detail: ShownRecord["detail"]): readonly IpAddress[] | undefined {
  const found = [...textsOf(detail["addresses"]), ...textsOf(detail["refusedAddresses"])].map(parseIpAddress);
  const addresses = found.filter((address) => address !== undefined);
  return addresses.length === 0 || addresses.length < found.length ? undefined : addresses;
}

function textsOf(value: AuditValue | undefined): readonly string[] {
  return value !== undefined && value !== null && typeof value === "object" && isList(value)
    ? value.map((item) => (typeof item === "string" ? item : ""))
    : [];
}

function inferenceQuestion({ action, target, detail }: ShownRecord): ReadQuestion {
  if (target === "-" || !isWhole(target)) return "unreadable";
  const api = /^inference\.(.+)$/.exec(action)?.[1];
  const stream = detail["stream"];
  const hidden = new Set<Fact>([...NEVER_RECORDED, "bytes"]);
  if (api === undefined) hidden.add("api");
  if (typeof stream !== "boolean") hidden.add("stream");
  return { about: "inference", model: target, api, stream: typeof stream === "boolean" ? stream : undefined, hidden };
}

/**
 * The action of a governance decision. Its record names what it was about and holds a digest of the whole, so that a guess
 * at the rest (no topic, no arguments) that has the same digest is what it was; nothing else of the rest is taken for known.
 */
function actionQuestion(kind: ActionKind, { target, detail }: ShownRecord, digest: Digest): ReadQuestion {
  if (!isWhole(target)) return "unreadable";
  const known = detail["digest"];
  const isIt = (action: Action): boolean => {
    const form = actionForm(action, digest);
    return form !== undefined && digest(form) === known;
  };
  const found = guessesOf(kind, target, detail);
  if (found === undefined) return "unreadable";
  const [plain, guesses, unsaid] = found;
  const guess = guesses.find(isIt);
  const hidden = new Set<Fact>([...NEVER_RECORDED, ...UNDIGESTED[kind]]);
  if (guess !== undefined) return { about: "action", action: guess, hidden };
  for (const fact of unsaid) hidden.add(fact);
  // Of a program without a digest the arguments were missing: with them, there would be one.
  if (kind === "exec" && known === undefined) hidden.delete("argv");
  return { about: "action", action: plain, hidden };
}

/** What the digest does not cover. */
const UNDIGESTED: Readonly<Record<ActionKind, readonly Fact[]>> = {
  inference: ["provider", "api", "stream", "bytes"],
  egress: [],
  exec: [],
  spawn: [],
  tool: ["model"],
  "mesh.send": ["bytes"],
  admin: [],
};

type Guesses = readonly [plain: Action, guesses: readonly Action[], unsaid: readonly Fact[]];

function guessesOf(kind: ActionKind, target: string, detail: ShownRecord["detail"]): Guesses | undefined {
  const name = named(target);
  switch (kind) {
    case "inference": {
      const action: Action = {
        kind,
        model: name,
        provider: undefined,
        api: undefined,
        stream: undefined,
        bytes: undefined,
      };
      return [action, [], []];
    }
    case "egress":
      return egressGuesses(target);
    case "exec":
      return execGuesses(name, detail);
    case "spawn": {
      const action: Action = { kind, agent: name, image: undefined, depth: undefined };
      return [action, [action], ["image", "depth"]];
    }
    case "tool": {
      const slash = target.indexOf("/");
      if (slash < 0) return undefined;
      const [server, tool] = [named(target.slice(0, slash)), named(target.slice(slash + 1))];
      const about = { kind, server, tool, model: undefined };
      const plain: Action = { ...about, arguments: { state: "missing" } };
      return [plain, [{ ...about, arguments: { state: "known", value: {} } }], ["arguments"]];
    }
    case "mesh.send": {
      const action: Action = { kind, peer: name, topic: undefined, bytes: undefined };
      return [action, [action], ["topic"]];
    }
    case "admin": {
      const action: Action = { kind, operation: name, target: undefined };
      return [action, [action], ["target"]];
    }
    default:
      return kind satisfies never;
  }
}

/** `?` stands for what was missing. */
function named(text: string): string | undefined {
  return text === "?" ? undefined : text;
}

function egressGuesses(target: string): Guesses | undefined {
  const authority = parseAuthority(target, undefined);
  if (!authority.ok) return undefined;
  const { host, port } = authority.value;
  const of = (protocol: EgressAction["protocol"]): Action => {
    return { kind: "egress", host, port, protocol, method: undefined, path: undefined };
  };
  return [of(undefined), [of("tls"), of("tcp"), of("http")], ["protocol", "method", "path"]];
}

/** A record holds the first arguments of a program, where its rule asks for that. */
function execGuesses(program: string | undefined, detail: ShownRecord["detail"]): Guesses {
  const recorded = textsOf(detail["argv"]);
  const isAll =
    detail["argv"] !== undefined && recorded.length < 16 && recorded.every((text) => text === "" || isWhole(text));
  const of = (argv: ExecAction["argv"]): Action => ({ kind: "exec", program, argv, directory: undefined });
  if (isAll) return [of(recorded), [of(recorded)], ["directory"]];
  return [of(undefined), [of([])], ["argv", "directory"]];
}
