import { fail, ok, type Result } from "../../core/base/result.ts";
import { EvenGate } from "../../core/credential/even-gate.ts";
import { holdsSecret } from "../../core/credential/secret-forms.ts";
import type { NamePermit } from "../../core/policy/permit.ts";
import { dashed } from "../../core/wire/fields.ts";
import type { Field } from "../../core/wire/message-head.ts";
import type { InjectionSecret, InjectionSecrets } from "./injection-secrets.ts";
import { asksForUnsearchable } from "./searchable.ts";

/** What a rule writes into a request, and keeps out of its answer. */
export interface InjectedFields {
  /** The request's fields: whatever the agent sent under the names of ours is gone. */
  request(fields: readonly Field[]): readonly Field[];
  /** The answer's fields, without those that hold a secret in any of its spellings. */
  answer(fields: readonly Field[]): readonly Field[];
  /**
   * Octets of the answer's content on their way to `send`, until a secret shows in them; see `EvenGate`. Where nothing comes
   * for a moment what waits goes on, or `cut` is called: the answer must be cut. Without `cut` it waits for the end.
   */
  gate(send: (octets: Uint8Array) => void, cut?: () => void): ContentGate;
}

export interface ContentGate {
  /** False: a secret was found, none of it was sent, and the answer must be cut. */
  push(chunk: Uint8Array): boolean;
  /** The content has ended: sends what may have become a secret. False as of `push`. */
  end(): boolean;
  /** However the answer ended: nothing goes on any more. */
  close(): void;
}

/**
 * After so much silence an agent gets the end of what came, so that events and messages do not wait for the next. Longer
 * than most pauses within what an origin says in one go; in those a secret is cut in two.
 */
const REST_MILLIS = 50;

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
  const known: InjectionSecret[] = [];
  for (const [index, { header, prefix }] of permit.inject.entries()) {
    const secret = found[index];
    if (secret?.ok !== true) return fail(secret?.problem.message ?? "A secret file was not read.");
    written.push({ name: header, rawName: header, value: `${prefix}${secret.value.value}` });
    known.push(secret.value);
  }
  const names = new Set(written.map(({ name }) => dashed(name)));
  const forms = known.flatMap(({ rules }) => rules.forms);
  return ok({
    request: (fields) => [
      ...fields.filter(({ name }) => !names.has(dashed(name)) && !asksForUnsearchable(name)),
      { name: "accept-encoding", rawName: "Accept-Encoding", value: "identity" },
      ...written,
    ],
    answer: (fields) => fields.filter(({ rawName, value }) => !holdsSecret(`${rawName}: ${value}`, forms)),
    gate: (send, cut) => contentGate(known, send, cut),
  });
}

function contentGate(
  secrets: readonly InjectionSecret[],
  send: (octets: Uint8Array) => void,
  cut: (() => void) | undefined,
): ContentGate {
  const gate = new EvenGate(
    secrets.map(({ rules }) => rules.pattern),
    send,
  );
  let clean = true;
  let chunks = 0;
  let timer: NodeJS.Timeout | undefined;

  const isBarred = (): boolean => secrets.some(({ barred }) => barred);

  function silent(): void {
    const before = chunks;
    // What has come meanwhile, and was not read for other work, is no silence.
    setImmediate(() => {
      if (chunks === before && clean) rest();
    });
  }

  function rest(): void {
    if (!isBarred()) {
      const begun = gate.rest();
      if (begun === undefined) return;
      secrets[begun.pattern]?.suspect(begun.octets);
    }
    clean = false;
    cut?.();
  }

  function close(): void {
    clean = false;
    clearTimeout(timer);
  }

  return {
    push(chunk) {
      chunks += 1;
      clean &&= !isBarred() && gate.push(chunk);
      if (!clean) clearTimeout(timer);
      else if (cut !== undefined) timer = timer?.refresh() ?? setTimeout(silent, REST_MILLIS);
      return clean;
    },
    end() {
      const whole = clean;
      close();
      if (whole) gate.end();
      return whole;
    },
    close,
  };
}
