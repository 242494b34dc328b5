import { parseArgs } from "node:util";
import { type DocumentProblem, formatProblem } from "../router/core/base/problem.ts";
import { type Reason, REASONS } from "../router/core/base/reason.ts";
import { fail, ok, type Result } from "../router/core/base/result.ts";
import type { CompiledInferencePolicy } from "../router/core/models/compile-inference-policy.ts";
import { admitAddresses } from "../router/core/policy/admit-address.ts";
import type { EgressRequest } from "../router/core/policy/egress-request.ts";
import { explain, type RuleExplanation } from "../router/core/policy/explain.ts";
import { BARE_NETWORK } from "../router/core/policy/network.ts";
import { parseRequestText } from "../router/core/policy/request-text.ts";
import { type IpAddress, parseIpAddress } from "../router/core/wire/ip-address.ts";
import { type CliIo, EXIT } from "./cli-io.ts";
import { explainModelTo } from "./explain-model.ts";
import { findInferencePolicy, findPolicy, type PolicyFile } from "./policy-file.ts";

interface Question {
  readonly directory: string;
  readonly json: boolean;
  readonly asked: EgressQuestion | { readonly about: "model"; readonly name: string };
}

interface EgressQuestion {
  readonly about: "egress";
  readonly text: string;
  readonly request: EgressRequest;
  /** Undefined: the name is not resolved, and addresses are not judged. */
  readonly addresses: readonly IpAddress[] | undefined;
}

/** What is printed, as text or as JSON. */
interface Answer {
  readonly request: string;
  readonly effect: "allow" | "deny";
  readonly reason: Reason | null;
  readonly rule: string | null;
  /** What must be shown before bytes flow; null where denied. */
  readonly protocol: string | null;
  /** Null: not judged. */
  readonly addresses:
    | readonly { readonly address: string; readonly admitted: boolean; readonly class: string }[]
    | null;
  readonly rules: readonly RuleExplanation[];
  readonly others: number;
  readonly policy: { readonly file: string; readonly name: string; readonly version: number; readonly digest: string };
}

const USAGE =
  "sluice policy explain --policy DIR (CONNECT host:port | METHOD URL | MODEL name) [--resolve ip,...] [--json]";

/**
 * The decision that the sidecar would take now, and what every rule about the host had to do with it. Signatures
 * are `policy check`'s business; the pod's own network ranges are known to the sidecar alone.
 */
export async function policyExplain(argv: readonly string[], io: CliIo): Promise<number> {
  const question = readQuestion(argv);
  if (!question.ok) {
    io.stderr(`sluice policy explain: ${question.problem}\nusage: ${USAGE}\n`);
    return EXIT.usage;
  }
  const { directory, asked } = question.value;
  if (asked.about === "model") return explainModelTo(io, directory, asked.name, question.value.json);
  const found = await findPolicy(io.cwd, directory);
  if (!found.ok) return unreadable(io, found.problem);
  // A file that is named by itself is the whole policy.
  const inference = found.value.file === directory ? ok(undefined) : await findInferencePolicy(io.cwd, directory);
  if (!inference.ok) return unreadable(io, inference.problem);
  const answer = answerTo(asked, found.value, inference.value?.policy, io);
  io.stdout(question.value.json ? `${JSON.stringify(answer)}\n` : textOf(answer));
  return answer.effect === "allow" ? EXIT.yes : EXIT.no;
}

function readQuestion(argv: readonly string[]): Result<Question, string> {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...argv],
      options: { policy: { type: "string" }, resolve: { type: "string", multiple: true }, json: { type: "boolean" } },
      allowPositionals: true,
    });
  } catch (error) {
    return fail(error instanceof Error ? error.message : "the arguments cannot be read");
  }
  const { policy, resolve: given, json = false } = parsed.values;
  if (policy === undefined) return fail("--policy names the directory or file of the policy");
  const about = { directory: policy, json };
  const [word, name, ...more] = parsed.positionals;
  if (word === "MODEL") {
    if (name === undefined || more.length > 0) return fail("MODEL is followed by the name of one model");
    return given === undefined
      ? ok({ ...about, asked: { about: "model", name } })
      : fail("--resolve: a model is not resolved");
  }
  const text = parsed.positionals.join(" ");
  const request = parseRequestText(text);
  if (!request.ok) return request;
  const question = { about: "egress", text, request: request.value } as const;
  const { host } = request.value;
  if (given === undefined) {
    return ok({ ...about, asked: { ...question, addresses: host.kind === "address" ? [host.text] : undefined } });
  }
  if (host.kind === "address") return fail("--resolve: a literal address is not resolved");
  const addresses: IpAddress[] = [];
  for (const item of given.flatMap((list) => list.split(","))) {
    const address = parseIpAddress(item);
    if (address === undefined) return fail(`--resolve: ${JSON.stringify(item)} is no address`);
    addresses.push(address);
  }
  return ok({ ...about, asked: { ...question, addresses } });
}

function unreadable(io: CliIo, problems: readonly DocumentProblem[]): number {
  for (const problem of problems) io.stderr(`${formatProblem(problem)}\n`);
  return EXIT.usage;
}

function answerTo(
  question: EgressQuestion,
  { file, policy }: PolicyFile,
  inference: CompiledInferencePolicy | undefined,
  io: CliIo,
): Answer {
  const { decision, rules, others } = explain(
    policy,
    question.request,
    io.now(),
    (host, port) => inference?.isProviderHost(host, port) ?? false,
  );
  const about = { request: question.text, rules, others, policy: { file, ...policy.identity } };
  if (decision.effect === "deny") {
    const { reason, rule = null } = decision;
    return { ...about, effect: "deny", reason, rule, protocol: null, addresses: null };
  }
  const { permit } = decision;
  const allowed = {
    ...about,
    effect: "allow",
    reason: null,
    rule: permit.rule ?? null,
    protocol: permit.obligations.protocol,
  } as const;
  if (question.addresses === undefined) return { ...allowed, addresses: null };
  const admission = admitAddresses(BARE_NETWORK, permit, question.addresses);
  const { refused } = admission.ok ? admission.value : admission.problem;
  const addresses = [...new Set(question.addresses)].map((address) => {
    const refusal = refused.find((candidate) => candidate.address === address);
    const { name, source } = refusal?.class ?? BARE_NETWORK.classify(address);
    return { address, admitted: refusal === undefined, class: `${name} (${source})` };
  });
  if (admission.ok) return { ...allowed, addresses };
  return { ...allowed, effect: "deny", reason: admission.problem.reason, protocol: null, addresses };
}

function textOf(answer: Answer): string {
  const by = answer.rule === null ? "" : `, rule ${answer.rule}`;
  const lines = [answer.request];
  if (answer.reason === null) lines.push(`ALLOWED${by}, as ${answer.protocol ?? ""}`);
  else lines.push(`DENIED: ${answer.reason}${by}`, `  ${REASONS[answer.reason].sentence}`);
  for (const { address, admitted, class: name } of answer.addresses ?? []) {
    lines.push(`  ${admitted ? "dialled" : "refused"}  ${address}  ${name}`);
  }
  if (answer.reason === null && answer.addresses === null) {
    lines.push("  Its addresses are judged once the name is resolved; --resolve ip,... judges them here.");
  }
  if (answer.rules.length > 0) lines.push("");
  const width = Math.max(0, ...answer.rules.map((rule) => rule.rule.length));
  for (const rule of answer.rules) {
    lines.push(
      `  ${rule.effect.padEnd(5)}  ${rule.rule.padEnd(width)}  line ${String(rule.line).padEnd(4)}  ${rule.why}`,
    );
  }
  const { file, name, version, digest } = answer.policy;
  lines.push(
    "",
    `  ${answer.others} other rule${answer.others === 1 ? "" : "s"} of this policy name${answer.others === 1 ? "s" : ""} other hosts.`,
    `  ${file}: ${name}, version ${version}, ${digest}`,
  );
  return `${lines.join("\n")}\n`;
}
