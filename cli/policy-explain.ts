import { parseArgs } from "node:util";
import { type DocumentProblem, formatProblem } from "../router/core/base/problem.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import type { Action, ActionContext } from "../router/core/governance/action.ts";
import { parseRequestText } from "../router/core/policy/request-text.ts";
import { type IpAddress, parseIpAddress } from "../router/core/wire/ip-address.ts";
import { safeText } from "../router/core/wire/safe-text.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { type EgressQuestion, explainEgress, linesOfEgress } from "./explain-egress.ts";
import { answerGovernance, linesOfGovernance } from "./explain-governance.ts";
import { explainModelTo } from "./explain-model.ts";
import { isActionKind, parseActionWords } from "./policy-action.ts";
import { findGovernancePolicy, findInferencePolicy, findPolicy } from "./policy-file.ts";

interface Question {
  readonly directory: string;
  readonly json: boolean;
  readonly facts: Pick<ActionContext, "labels" | "scoreOf">;
  readonly asked: Asked;
}

type Asked =
  | EgressQuestion
  | { readonly about: "model"; readonly name: string; readonly action: Action | undefined }
  | { readonly about: "action"; readonly text: string; readonly action: Action };

const USAGE = [
  "sluice policy explain --policy DIR (CONNECT host:port | METHOD URL | MODEL name | ACTION ...) [--json]",
  "  [--resolve ip,...] [--label NAME=VALUE]... [--score PEER=N]... [--directory DIR]",
].join("\n");

/** Paths, names and messages hold text that others chose; none of it is longer. */
const LONGEST_LINE = 8192;

/**
 * The decision that the sidecar would take now, and what every rule about it had to do with it. Signatures are `policy
 * check`'s business; the pod's own network ranges, what limits have left, and behaviour are known to the sidecar alone.
 */
export async function policyExplain(argv: readonly string[], io: CliIo): Promise<number> {
  const question = readQuestion(argv);
  if (!question.ok) {
    io.stderr(`sluice policy explain: ${safeText(question.problem, LONGEST_LINE)}\nusage: ${USAGE}\n`);
    return EXIT.usage;
  }
  const { directory, asked, json, facts } = question.value;
  const context: ActionContext = { now: io.now(), ...facts };
  switch (asked.about) {
    case "model":
      return explainModel(io, directory, asked, context, json);
    case "action":
      return explainAction(io, directory, asked, context, json);
    case "egress":
      return explainRequest(io, directory, asked, context, json);
    default:
      return asked satisfies never;
  }
}

async function explainRequest(
  io: CliIo,
  directory: string,
  asked: EgressQuestion,
  context: ActionContext,
  json: boolean,
): Promise<number> {
  const egress = await findPolicy(io.cwd, directory);
  if (!egress.ok) return unreadable(io, egress.problem);
  // A file that is named by itself is the whole policy.
  const isAlone = egress.value.file === directory;
  const inference = isAlone ? ok(undefined) : await findInferencePolicy(io.cwd, directory);
  if (!inference.ok) return unreadable(io, inference.problem);
  const governance = isAlone ? ok(undefined) : await findGovernancePolicy(io.cwd, directory);
  if (!governance.ok) return unreadable(io, governance.problem);
  const policies = { egress: egress.value, inference: inference.value?.policy, governance: governance.value };
  const answer = explainEgress(asked, policies, context);
  print(io, json, answer, linesOfEgress(answer));
  return answer.effect === "allow" ? EXIT.yes : EXIT.no;
}

async function explainModel(
  io: CliIo,
  directory: string,
  { name, action }: Extract<Asked, { about: "model" }>,
  context: ActionContext,
  json: boolean,
): Promise<number> {
  // Asked as an action, it can be answered without an InferencePolicy.
  const found = action === undefined ? undefined : await findInferencePolicy(io.cwd, directory);
  if (action === undefined || found?.ok !== true || found.value !== undefined) {
    return explainModelTo(io, directory, name, context, json);
  }
  return explainAction(io, directory, { about: "action", text: `inference ${name}`, action }, context, json);
}

async function explainAction(
  io: CliIo,
  directory: string,
  { text, action }: Extract<Asked, { about: "action" }>,
  context: ActionContext,
  json: boolean,
): Promise<number> {
  const found = await findGovernancePolicy(io.cwd, directory);
  if (!found.ok) return unreadable(io, found.problem);
  if (found.value === undefined) {
    const message = "No document in this directory is a GovernancePolicy.";
    return unreadable(io, [{ file: directory, line: 0, column: 0, code: "no_policy", message }]);
  }
  const answer = answerGovernance(found.value, action, context);
  const lines = [answer.action, ...linesOfGovernance(answer)];
  print(io, json, { request: text, ...answer }, lines);
  return answer.effect === "allow" ? EXIT.yes : EXIT.no;
}

function print(io: CliIo, json: boolean, answer: unknown, lines: Iterable<string>): void {
  if (json) io.stdout(`${JSON.stringify(answer)}\n`);
  else for (const line of lines) io.stdout(`${safeText(line, LONGEST_LINE)}\n`);
}

function unreadable(io: CliIo, problems: readonly DocumentProblem[]): number {
  for (const problem of problems) io.stderr(`${formatProblem(problem)}\n`);
  return EXIT.usage;
}

const OPTIONS = {
  policy: { type: "string" },
  resolve: { type: "string", multiple: true },
  label: { type: "string", multiple: true },
  score: { type: "string", multiple: true },
  directory: { type: "string" },
  json: { type: "boolean" },
} as const;

function readQuestion(argv: readonly string[]): Result<Question, string> {
  // What follows "exec PROGRAM" is the program's, whatever it begins with.
  const exec = firstWord(argv);
  const own = argv[exec] === "exec" ? argv.slice(0, exec) : argv;
  let parsed;
  try {
    parsed = parseArgs({ args: [...own], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    return fail(error instanceof Error ? error.message : "the arguments cannot be read");
  }
  const { policy, resolve: given, label, score, directory, json = false } = parsed.values;
  if (policy === undefined) return fail("--policy names the directory or file of the policy");
  const labels = readPairs("--label", label, (value) => value);
  if (!labels.ok) return labels;
  const scores = readPairs("--score", score, (value) =>
    /^[0-9]{1,4}$/.test(value) && Number(value) <= 1000 ? Number(value) : undefined,
  );
  if (!scores.ok) return scores;
  const facts = { labels: labels.value, scoreOf: (peer: string) => scores.value?.get(peer) };
  const words = own === argv ? parsed.positionals : [...parsed.positionals, ...argv.slice(exec)];
  const asked = readAsked(words, given, directory);
  return asked.ok ? ok({ directory: policy, json, facts, asked: asked.value }) : asked;
}

/** Where the first argument stands that is neither an option nor its value. */
function firstWord(argv: readonly string[]): number {
  let at = 0;
  while (at < argv.length) {
    const word = argv[at] ?? "";
    if (!word.startsWith("--")) return at;
    const takesValue = !word.includes("=") && word !== "--json";
    at += takesValue ? 2 : 1;
  }
  return at;
}

function readPairs<Value>(
  option: string,
  given: readonly string[] | undefined,
  read: (text: string) => Value | undefined,
): Result<ReadonlyMap<string, Value> | undefined, string> {
  if (given === undefined) return ok(undefined);
  const pairs = new Map<string, Value>();
  for (const item of given) {
    const at = item.indexOf("=");
    const value = at < 1 ? undefined : read(item.slice(at + 1));
    if (value === undefined) return fail(`${option}: ${JSON.stringify(item)} is not NAME=VALUE`);
    pairs.set(item.slice(0, at), value);
  }
  return ok(pairs);
}

function readAsked(
  words: readonly string[],
  resolve: readonly string[] | undefined,
  directory: string | undefined,
): Result<Asked, string> {
  const [word, name, ...more] = words;
  if (word === "MODEL" || (word === "inference" && more.length === 0)) {
    if (name === undefined || more.length > 0) return fail(`${word} is followed by the name of one model`);
    if (resolve !== undefined) return fail("--resolve: a model is not resolved");
    const action = word === "MODEL" ? ok(undefined) : parseActionWords(words);
    return action.ok ? ok({ about: "model", name, action: action.value }) : action;
  }
  if (directory !== undefined && word !== "exec") return fail("--directory belongs to exec");
  if (word === "egress") return readRequest(egressText(words.slice(1)), resolve);
  if (isActionKind(word) || word?.startsWith("{") === true) {
    if (resolve !== undefined) return fail("--resolve: only what is reached by a name is resolved");
    const action = parseActionWords(words, directory);
    return action.ok ? ok({ about: "action", text: words.join(" "), action: action.value }) : action;
  }
  return readRequest(words.join(" "), resolve);
}

/** `tls://host:port` and `tcp://host:port` are tunnels; which of them it may be, the egress policy's rule says. */
function egressText(words: readonly string[]): string {
  const tunnel = words.length === 1 ? /^(?:tls|tcp):\/\/([^/?#]+)\/?$/.exec(words[0] ?? "")?.[1] : undefined;
  return tunnel === undefined ? words.join(" ") : `CONNECT ${tunnel}`;
}

function readRequest(text: string, resolve: readonly string[] | undefined): Result<EgressQuestion, string> {
  const request = parseRequestText(text);
  if (!request.ok) return request;
  const question = { about: "egress", text, request: request.value } as const;
  const { host } = request.value;
  if (resolve === undefined) return ok({ ...question, addresses: host.kind === "address" ? [host.text] : undefined });
  if (host.kind === "address") return fail("--resolve: a literal address is not resolved");
  const addresses: IpAddress[] = [];
  for (const item of resolve.flatMap((list) => list.split(","))) {
    const address = parseIpAddress(item);
    if (address === undefined) return fail(`--resolve: ${JSON.stringify(item)} is no address`);
    addresses.push(address);
  }
  return ok({ ...question, addresses });
}
