import { fail, ok, type Result } from "../router/core/base/result.ts";
import { ACTION_KINDS, type ActionKind } from "../router/core/governance/action-kind.ts";
import type { Action } from "../router/core/governance/action.ts";
import { readAction } from "../router/core/governance/read-action.ts";
import type { Json } from "../router/core/json/json.ts";
import { MemberScan } from "../router/core/json/member-scan.ts";
import { scanPlan } from "../router/core/json/scan-plan.ts";

/** As the evaluation API takes them. */
const ONE_VALUE = scanPlan({ capture: new Map([["value", 262_144]]), count: new Set(), depth: 32 });

export function isActionKind(word: string | undefined): word is ActionKind {
  return ACTION_KINDS.some((kind) => kind === word);
}

/**
 * An action as people write it: `exec PROGRAM [ARGUMENT...]`, `tool SERVER/NAME [ARGUMENTS]`, `mesh.send PEER [TOPIC]`,
 * `spawn AGENT [IMAGE]`, `admin OPERATION [TARGET]`, `inference MODEL`; or, with every fact there is, the JSON object that
 * the evaluation API takes. What is not said is missing, but for the arguments of a program: none are none. The problem is
 * one sentence. An `egress` is a request, and not read here unless as JSON.
 */
export function parseActionWords(words: readonly string[], directory?: string): Result<Action, string> {
  const [kind, first, second, ...more] = words;
  if (kind?.startsWith("{") === true) {
    if (words.length > 1) return fail("An action as JSON stands alone, in quotes.");
    const value = parseJson(kind);
    return value.ok ? readAction(value.value) : value;
  }
  if (!isActionKind(kind) || kind === "egress") return fail(`An action begins with one of ${ACTION_KINDS.join(", ")}.`);
  const [names, form] = FORMS[kind];
  if (first === undefined || first === "") return fail(`The form is: ${form}.`);
  if (kind === "exec") {
    const argv = words.slice(2);
    return readAction(
      directory === undefined ? { kind, program: first, argv } : { kind, program: first, argv, directory },
    );
  }
  if (more.length > 0 || (second !== undefined && names.length === 1)) return fail(`The form is: ${form}.`);
  if (kind === "tool") return parseTool(first, second, form);
  const [name = "", other = ""] = names;
  return readAction({ kind, [name]: first, ...(second === undefined ? {} : { [other]: second }) });
}

/** What the words of a form are, and the form. */
const FORMS: Readonly<Record<Exclude<ActionKind, "egress">, readonly [names: readonly string[], form: string]>> = {
  inference: [["model"], "inference MODEL"],
  exec: [["program", "argv"], "exec PROGRAM [ARGUMENT...]"],
  spawn: [["agent", "image"], "spawn AGENT [IMAGE]"],
  tool: [["tool", "arguments"], `tool SERVER/NAME ['{"argument":"value"}']`],
  "mesh.send": [["peer", "topic"], "mesh.send PEER [TOPIC]"],
  admin: [["operation", "target"], "admin OPERATION [TARGET]"],
};

/** The names of tools may hold slashes, ids of servers do not. */
function parseTool(name: string, given: string | undefined, form: string): Result<Action, string> {
  const slash = name.indexOf("/");
  if (slash < 1 || slash === name.length - 1) return fail(`The form is: ${form}.`);
  const about = { kind: "tool", server: name.slice(0, slash), tool: name.slice(slash + 1) };
  if (given === undefined) return readAction(about);
  if (given === "pending") {
    const read = readAction(about);
    return read.ok && read.value.kind === "tool" ? ok({ ...read.value, arguments: { state: "pending" } }) : read;
  }
  const value = parseJson(given);
  if (!value.ok) return value;
  return typeof value.value === "object" && value.value !== null && !Array.isArray(value.value)
    ? readAction({ ...about, arguments: value.value })
    : fail("The arguments of a tool are a JSON object.");
}

/** Strictly, as an agent's own body is read: no member twice. */
function parseJson(text: string): Result<Json, string> {
  const scan = new MemberScan(ONE_VALUE);
  const problem = scan.push(new TextEncoder().encode(`{"value":${text}}`));
  if (problem !== undefined) return fail(`The JSON is malformed. ${problem.sentence}`);
  const end = scan.end();
  if (!end.ok) return fail(`The JSON is malformed. ${end.problem.sentence}`);
  const found = end.value.members.get("value");
  if (found === undefined || end.value.size !== 1) return fail("The JSON is malformed.");
  return ok(found.value);
}
