import { assertNever } from "../base/assert-never.ts";
import type { CallMark, CallText } from "./call-mark.ts";
import { strictArguments } from "./strict-arguments.ts";

/** What the policy says of the calls in an answer. Each is asked once for a call, however often the answer repeats it. */
export interface CallJudge {
  /** By its name alone: decided, or not to be decided without its arguments. */
  judge(name: string): "allow" | "deny" | "needs_arguments";
  /** Asked after `needs_arguments`; strict JSON text, or undefined where nothing is known of the arguments. */
  judgeCall(name: string, argumentsText: string | undefined): "allow" | "deny";
}

/** Why a stream cannot go on. `name`: the call's, so far as it is known. */
export interface DeniedCall {
  readonly name: string | undefined;
  /**
   * `denied`: the policy's word. `changed`: a call says another name, or goes on after it was judged. `unnamed`: a call without
   * a name. `unreadable`: a frame may hold a call that cannot be told for sure.
   */
  readonly why: "denied" | "changed" | "unnamed" | "unreadable" | "too_many_calls" | "held_too_much";
}

/** A call under way. */
export interface OpenCall {
  /** Frames with parts of it may go on. */
  readonly isAllowed: boolean;
}

interface Call {
  name: string | undefined;
  text: string;
  form: CallText["form"];
  isAllowed: boolean;
  isHosted: boolean;
  isEnded: boolean;
  /** By its arguments, as they were judged; "undefined" is a judgement, too. */
  judged: { readonly text: string | undefined } | undefined;
}

const MOST_CALLS = 1_024;
/** UTF-16 units of what was judged that are kept, to know it when it is said once more. */
const MOST_KEPT = 1_048_576;

/** The calls of one streamed answer, judged as soon as enough of them is there. */
export class OpenCalls {
  readonly #judge: CallJudge;
  readonly #calls = new Map<string, Call>();
  /** Calls that were allowed and not said once more yet: by their name, and their arguments where those decided. */
  readonly #allowed = new Map<string, number>();
  #kept = 0;
  #count = 0;

  constructor(judge: CallJudge) {
    this.#judge = judge;
  }

  /** The calls that the mark belongs to and a frame with it must wait for, or why the stream ends. */
  take(mark: CallMark): readonly OpenCall[] | DeniedCall {
    switch (mark.kind) {
      case "piece":
        return this.#piece(mark.key, mark);
      case "whole":
        return mark.key === undefined ? this.#whole(mark) : this.#completed(mark.key, mark);
      case "echo":
        return this.#echo(mark);
      case "hosted":
        return this.#hosted(mark.key);
      case "end":
        return this.#end(mark.prefix, mark.forgets);
      default:
        return assertNever(mark);
    }
  }

  #open(key: string): Call | DeniedCall {
    const known = this.#calls.get(key);
    if (known !== undefined) return known;
    this.#count += 1;
    if (this.#count > MOST_CALLS) return { name: undefined, why: "too_many_calls" };
    const call: Call = {
      name: undefined,
      text: "",
      form: "json",
      isAllowed: false,
      isHosted: false,
      isEnded: false,
      judged: undefined,
    };
    this.#calls.set(key, call);
    return call;
  }

  #piece(key: string, { name, text, form }: CallText): readonly OpenCall[] | DeniedCall {
    const call = this.#open(key);
    if ("why" in call) return call;
    const isMore = text !== undefined && text !== "";
    if (call.isHosted || call.isEnded) {
      return name !== undefined || (isMore && !call.isHosted) ? { name: call.name, why: "changed" } : [];
    }
    // Of two names some clients take the first, some the last, some both together.
    if (name !== undefined && call.name !== undefined) return { name: call.name, why: "changed" };
    if (form !== "json" || call.name === undefined) call.form = call.form === "unknown" ? "unknown" : form;
    if (name !== undefined) {
      const denied = this.#named(call, name);
      if (denied !== undefined) return denied;
    }
    if (isMore && !call.isAllowed) call.text += text;
    return [call];
  }

  #named(call: Call, name: string): DeniedCall | undefined {
    call.name = name;
    const verdict = this.#judge.judge(name);
    if (verdict === "deny") return { name, why: "denied" };
    if (verdict === "needs_arguments") return undefined;
    call.isAllowed = true;
    this.#remember(name);
    return undefined;
  }

  #hosted(key: string): readonly OpenCall[] | DeniedCall {
    const call = this.#open(key);
    if ("why" in call) return call;
    if (call.isHosted) return [];
    if (call.name !== undefined || call.text !== "") return { name: call.name, why: "changed" };
    call.isHosted = true;
    call.isAllowed = true;
    return [call];
  }

  /** A call without pieces. */
  #whole({ name, text, form }: CallText): readonly OpenCall[] | DeniedCall {
    this.#count += 1;
    if (this.#count > MOST_CALLS) return { name, why: "too_many_calls" };
    if (name === undefined) return { name, why: "unnamed" };
    const verdict = this.#judge.judge(name);
    if (verdict === "deny") return { name, why: "denied" };
    if (verdict === "allow") {
      this.#remember(name);
      return [];
    }
    return this.#judged(name, argumentsOf(text, form)) ?? [];
  }

  #judged(name: string, text: string | undefined): DeniedCall | undefined {
    if (this.#judge.judgeCall(name, text) === "deny") return { name, why: "denied" };
    this.#remember(name, text);
    return undefined;
  }

  /** All of a call is said at once; pieces of it may have come before. */
  #completed(key: string, { name, text, form }: CallText): readonly OpenCall[] | DeniedCall {
    const call = this.#open(key);
    if ("why" in call) return call;
    if (call.isHosted) return name === undefined ? [] : { name, why: "changed" };
    if (name !== undefined && call.name !== undefined && name !== call.name) return { name: call.name, why: "changed" };
    if (call.name === undefined) {
      if (name === undefined) return { name, why: "unnamed" };
      const denied = this.#named(call, name);
      if (denied !== undefined) return denied;
    }
    const known = call.name;
    if (known === undefined || (call.isAllowed && call.judged === undefined)) {
      call.isEnded = true;
      return [];
    }
    const whole = argumentsOf(text, form);
    // A client may have put the pieces together, or take what is said here.
    const denied = this.#settle(call, known) ?? this.#differs(call, known, whole);
    return denied ?? [];
  }

  /** Judges what has come in pieces; where none has, what is said whole is all. */
  #settle(call: Call, name: string): DeniedCall | undefined {
    call.isEnded = true;
    if (call.judged !== undefined || call.text === "") return undefined;
    return this.#judgedOf(call, name, argumentsOf(call.text, call.form));
  }

  #differs(call: Call, name: string, text: string | undefined): DeniedCall | undefined {
    if (call.judged !== undefined && call.judged.text === text) return undefined;
    return this.#judgedOf(call, name, text);
  }

  #judgedOf(call: Call, name: string, text: string | undefined): DeniedCall | undefined {
    const denied = this.#judged(name, text);
    if (denied !== undefined) return denied;
    call.judged = { text };
    call.isAllowed = true;
    return undefined;
  }

  #end(prefix: string, forgets: boolean): readonly OpenCall[] | DeniedCall {
    for (const [key, call] of this.#calls) {
      if (!key.startsWith(prefix)) continue;
      if (!call.isEnded && !call.isHosted) {
        call.isEnded = true;
        if (call.name === undefined) return { name: undefined, why: "unnamed" };
        if (!call.isAllowed) {
          const denied = this.#judgedOf(call, call.name, argumentsOf(call.text, call.form));
          if (denied !== undefined) return denied;
        }
        call.text = "";
      }
      if (forgets) this.#calls.delete(key);
    }
    return [];
  }

  #echo({ name, text, form }: CallText): readonly OpenCall[] | DeniedCall {
    if (name === undefined) return { name, why: "unnamed" };
    if (this.#recall(name) || this.#recall(name, { text: argumentsOf(text, form) })) return [];
    return this.#whole({ name, text, form });
  }

  #remember(name: string, ...text: readonly (string | undefined)[]): void {
    const key = text.length === 0 ? name : memoryKey(name, text[0]);
    this.#kept += key.length;
    if (this.#kept <= MOST_KEPT) this.#allowed.set(key, (this.#allowed.get(key) ?? 0) + 1);
  }

  #recall(name: string, judged?: { readonly text: string | undefined }): boolean {
    const key = judged === undefined ? name : memoryKey(name, judged.text);
    const count = this.#allowed.get(key) ?? 0;
    if (count === 0) return false;
    this.#allowed.set(key, count - 1);
    return true;
  }
}

/** No strict JSON begins with a letter of this mark, and no such mark is in a name that stands alone. */
function memoryKey(name: string, text: string | undefined): string {
  return `${name.length}:${name}${text === undefined ? "?" : `=${text}`}`;
}

/** What is to be judged: strict JSON text. */
export function argumentsOf(text: string | undefined, form: CallText["form"]): string | undefined {
  switch (form) {
    case "unknown":
      return undefined;
    case "free":
      return text?.isWellFormed() === true ? JSON.stringify(text) : undefined;
    case "optional":
      return text === undefined || text === "" ? "{}" : strictArguments(text);
    case "json":
      return text === undefined ? undefined : strictArguments(text);
    default:
      return assertNever(form);
  }
}
