import { fail, ok, type Result } from "../../core/base/result.ts";
import { LeakGate } from "../../core/credential/leak-gate.ts";
import type { LeakPattern } from "../../core/credential/leak-pattern.ts";
import { holdsSecret } from "../../core/credential/secret-forms.ts";
import type { NamePermit } from "../../core/policy/permit.ts";
import type { Field } from "../../core/wire/message-head.ts";
import type { LeakRules } from "../credentials/known-secrets.ts";
import type { InjectionSecrets } from "./injection-secrets.ts";
import { asksForUnsearchable } from "./searchable.ts";

/** What a rule writes into a request, and keeps out of its answer. */
export interface InjectedFields {
  /** The request's fields: whatever the agent sent under the names of ours is gone. */
  request(fields: readonly Field[]): readonly Field[];
  /** The answer's fields, without those that hold a secret in any of its spellings. */
  answer(fields: readonly Field[]): readonly Field[];
  /** Octets of the answer's content on their way to `send`, until a secret shows in them; see `LeakGate`. */
  gate(send: (octets: Uint8Array) => void): ContentGate;
}

export interface ContentGate {
  /** False: a secret was found, none of it was sent, and the answer must be cut. */
  push(chunk: Uint8Array): boolean;
  /** The content has ended: sends what may have become a secret. False as of `push`. */
  end(): boolean;
}

/**
 * The fields that the permit's rule injects. For requests that go over TLS which was verified for the permit's host, and
 * nowhere else. The problem is a sentence that names files and nothing in them.
 */
export async function injectedFields(
  secrets: InjectionSecrets,
  permit: NamePermit,
): Promise<Result<InjectedFields, string>> {
  const found = await Promise.all(permit.inject.map(({ secret }) => secrets.get(secret)));
  const written: Field[] = [];
  const rules: LeakRules[] = [];
  for (const [index, { header, prefix }] of permit.inject.entries()) {
    const secret = found[index];
    if (secret?.ok !== true) return fail(secret?.problem.message ?? "A secret file was not read.");
    written.push({ name: header, rawName: header, value: `${prefix}${secret.value.value}` });
    rules.push(secret.value.rules);
  }
  const names = new Set(written.map(({ name }) => name));
  const forms = rules.flatMap((rule) => rule.forms);
  return ok({
    request: (fields) => [
      ...fields.filter(({ name }) => !names.has(name) && !asksForUnsearchable(name)),
      { name: "accept-encoding", rawName: "Accept-Encoding", value: "identity" },
      ...written,
    ],
    answer: (fields) => fields.filter(({ rawName, value }) => !holdsSecret(`${rawName}: ${value}`, forms)),
    gate(send) {
      let gate: ContentGate = {
        push(chunk) {
          send(chunk);
          return true;
        },
        end: () => true,
      };
      for (const { pattern } of rules) gate = gateBefore(gate, pattern);
      return gate;
    },
  });
}

function gateBefore(next: ContentGate, pattern: LeakPattern): ContentGate {
  let clean = true;
  const gate = new LeakGate(pattern, (octets) => {
    clean = next.push(octets) && clean;
  });
  return {
    push: (chunk) => gate.push(chunk) && clean,
    end() {
      gate.end();
      return next.end() && clean;
    },
  };
}
