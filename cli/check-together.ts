import type { DocumentProblem } from "../router/core/base/problem.ts";
import { quoted } from "../router/core/document/quoted.ts";
import { type CheckedDocument, POLICY_KINDS, problem } from "./check-document.ts";

/** What is wrong between the documents of one directory, each of which may be right by itself. */
export function checkTogether(documents: readonly CheckedDocument[]): readonly DocumentProblem[] {
  const problems: DocumentProblem[] = [];
  const owners = new Map<string, string>();
  const firsts = new Map<string, string>();
  for (const { file, kind, policy } of documents) {
    if (kind === undefined || !POLICY_KINDS.includes(kind)) continue;
    const first = firsts.get(kind);
    if (first === undefined) firsts.set(kind, file);
    else problems.push(problem(file, "policy_twice", `A directory holds one ${kind}, and ${first} is another.`));
    // Refusals and records name the rule and its policy: between kinds an id may stand twice.
    const rules = policy !== undefined && "allow" in policy ? [...policy.allow, ...policy.deny] : [];
    for (const { id, line } of rules) {
      const owner = owners.get(id);
      if (owner === undefined) {
        owners.set(id, file);
      } else {
        const message = `The id ${quoted(id)} is already that of a rule in ${owner}.`;
        problems.push({ file, line, column: 1, code: "duplicate_id", message });
      }
    }
  }
  return problems;
}
