import type { Clock } from "../../core/base/clock.ts";
import { millis } from "../../core/base/quantity.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import { MINIMUM_SECRET } from "../../core/credential/secret-forms.ts";
import type { CredentialEvent, CredentialProblem } from "../credentials/credential-problem.ts";
import { FileSource } from "../credentials/file-source.ts";
import type { LeakRules } from "../credentials/known-secrets.ts";

export interface InjectionSecret {
  readonly value: string;
  /** What no answer may hold: this secret's spellings, and those of the ones before it. */
  readonly rules: LeakRules;
  /** It was guessed at too often: nothing goes on that it may stand in. */
  readonly barred: boolean;
  /**
   * An answer stopped right behind this part of it, as where somebody tries out how it goes on. What tells nothing new, the
   * same again or less of it, counts once.
   */
  suspect(part: Uint8Array): void;
}

/** The secrets that rules write into inspected requests: files of the secrets directory, watched. */
export interface InjectionSecrets {
  /** By the file's name; at once where it was looked at a moment ago. */
  get(name: string): Promise<Result<InjectionSecret, CredentialProblem>>;
  close(): void;
}

export interface InjectionSecretsRooms {
  readonly clock: Clock;
  /** `inference.secrets` */
  readonly directory: string;
  /** Nothing of a secret is in an event. */
  readonly event: (event: CredentialEvent) => void;
}

const DEADLINE = millis(5_000);
/** Secrets that are known at the same time; policies name a few. */
const MOST_SECRETS = 256;
/**
 * Each tells at most one character more than the part that may be told. None is forgotten with time: who has as much of it
 * as these would go on with two an hour.
 */
const MOST_SUSPICIONS = 3;
/** A field value (RFC 9110 section 5.5) without blanks around it, and nothing but ASCII. */
const SECRET = /^[!-~](?:[ -~]{0,8190}[!-~])$/;

export function createInjectionSecrets({ clock, directory, event }: InjectionSecretsRooms): InjectionSecrets {
  /** In the order of their last use. */
  const sources = new Map<string, FileSource>();
  /** By the secret's name, for as long as its file holds the same. */
  const suspicions = new Map<string, { readonly value: string; readonly parts: readonly Uint8Array[] }>();

  function sourceOf(name: string): FileSource {
    const source =
      sources.get(name) ??
      new FileSource({ directory, file: name, name: `injected ${name}`, clock, deadline: DEADLINE, event, parse });
    sources.delete(name);
    sources.set(name, source);
    for (const [oldest, unused] of sources) {
      if (sources.size <= MOST_SECRETS) break;
      unused.close();
      sources.delete(oldest);
    }
    return source;
  }

  return {
    async get(name) {
      const source = sourceOf(name);
      const obtained = await source.get();
      if (!obtained.ok) return obtained;
      const { value: credential } = obtained;
      // `parse` makes keys only.
      if (credential.kind !== "key") throw new TypeError("a secret that is injected is a key");
      const { value } = credential;
      const known = suspicions.get(name);
      if (known !== undefined && known.value !== value) suspicions.delete(name);
      else if (known !== undefined && known.parts.length >= MOST_SUSPICIONS) return fail(barred(name));
      const parts = (): readonly Uint8Array[] => {
        const now = suspicions.get(name);
        return now?.value === value ? now.parts : [];
      };
      return ok({
        value,
        rules: source.rules(),
        get barred() {
          return parts().length >= MOST_SUSPICIONS;
        },
        suspect(part) {
          const before = parts();
          if (before.length >= MOST_SUSPICIONS || before.some((told) => beginsWith(told, part))) return;
          suspicions.set(name, { value, parts: [...before, part.slice()] });
          if (before.length + 1 < MOST_SUSPICIONS) return;
          event({ kind: "failed", source: `injected ${name}`, problem: barred(name), stillValid: false });
        },
      });
    },
    close() {
      for (const source of sources.values()) source.close();
      sources.clear();
    },
  };
}

function beginsWith(text: Uint8Array, part: Uint8Array): boolean {
  return part.length <= text.length && part.every((octet, at) => octet === text[at]);
}

function barred(name: string): CredentialProblem {
  const message = `The secret ${name} is being guessed from answers: it is sent no more until its file holds another.`;
  return { code: "secret_unusable", message };
}

const parse: ConstructorParameters<typeof FileSource>[0]["parse"] = (text) => {
  if (text.length < MINIMUM_SECRET || !SECRET.test(text)) {
    return fail(`it is not one line of ${MINIMUM_SECRET} to 8192 visible ASCII characters.`);
  }
  return ok({ credential: { kind: "key", value: text }, secrets: [text] });
};
