import type { RunFacts } from "../router/core/attest/run-facts.ts";
import { safeText } from "../router/core/wire/safe-text.ts";
import { type Answer, SELF_SIGNED } from "./attest-verify.ts";

const TITLES: Readonly<Record<Answer["exit"], string>> = {
  0: "VERIFIED",
  1: "WRONG",
  2: "UNREADABLE",
  [SELF_SIGNED]: "SIGNED BY THE KEY IT NAMES ITSELF",
};

/** A line for people is cut behind this many characters. */
const LONGEST_LINE = 2048;

/** The verdict for people: what was found, what the router says, and what that does not prove. */
export function attestationReport(bundle: string, { exit, findings, key, facts }: Answer): string {
  const lines = [`${bundle}: ${TITLES[exit]}`];
  for (const { subject, outcome, code, sentence } of findings) {
    lines.push(outcome === "ok" ? `  ${subject}: ${sentence}` : `  ${subject}: ${code ?? outcome}: ${sentence}`);
  }
  if (facts !== undefined) lines.push(`  ${key?.pinned === true ? "it says" : "it claims"}:`, ...claims(facts));
  if (exit === SELF_SIGNED) {
    lines.push(
      "  the signature is by the key that it names itself, which anybody can make: pin the router's key with --key",
      `  --key '${key?.vkey ?? ""}', once you know from elsewhere that this is it`,
    );
  }
  if (exit === 0) lines.push(...LIMITS);
  return lines.map((line) => `${safeText(line, LONGEST_LINE)}\n`).join("");
}

function claims({
  router,
  identity,
  policies,
  audit,
  guard,
  budgets,
  configuration,
  startedAt,
  madeAt,
}: RunFacts): string[] {
  const image = router.image === null ? "" : `, image ${router.image.name}@${router.image.digest}`;
  return [
    `    router ${router.version} on Node ${router.node}${image}, started ${startedAt}; said at ${madeAt}`,
    `    pod ${identity.namespace}/${identity.pod}, agent ${identity.agent}`,
    ...policies.map(
      ({ kind, name, version, digest, signers, loadedAt }) =>
        `    ${kind}/${name} version ${version}, ${digest}, signed by ${signers.join(", ") || "nobody"}, since ${loadedAt}`,
    ),
    ...(policies.length === 0 ? ["    no policy in force"] : []),
    `    settings ${configuration}`,
    `    audit ${audit.mode}: ${audit.size} records of stream ${audit.stream}, root ${audit.root}`,
    `    guard: ${guardText(guard)}`,
    ...(budgets.length === 0 ? [] : [`    ${budgets.length} budgets`]),
  ];
}

function guardText({ expected, proved, uid, families }: RunFacts["guard"]): string {
  if (proved) return `the pod was shown to be closed to UID ${uid ?? "?"} over ${families.join(" and ") || "nothing"}`;
  return expected ? "expected, and not shown" : "not expected: nothing keeps the agent from going around the router";
}

const LIMITS: readonly string[] = [
  "  proved: whoever holds this key said this, word for word, and signed this head of the audit log",
  "  not proved: that the program which holds the key is the one it says (only the cluster can vouch for an image), that",
  "  nothing went around it, what was in force before the times above, or what has been since it was said",
];
