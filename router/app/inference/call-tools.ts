import type { AuditEvent } from "../../core/audit/audit-event.ts";
import { fail, ok, type Result } from "../../core/base/result.ts";
import type { Json } from "../../core/json/json.ts";
import { splice } from "../../core/json/splice.ts";
import type { ToolAction } from "../../core/governance/action.ts";
import type { Api } from "../../core/inference/api.ts";
import { switchedTools } from "../../core/inference/hosted-tools.ts";
import { toolCallsOf } from "../../core/toolcall/answer-calls.ts";
import { declaredTools, type ToolDeclarations } from "../../core/toolcall/declared-tools.ts";
import type { CallJudge } from "../../core/toolcall/open-calls.ts";
import type { ToolProblem } from "../../core/toolcall/tool-problem.ts";
import { withoutTools } from "../../core/toolcall/without-tools.ts";
import { safeText } from "../../core/wire/safe-text.ts";
import { decisionRecord } from "../governance/governance-record.ts";
import type { Denial, Governed } from "../governance/governor.ts";
import type { CallProblem } from "./call-problem.ts";
import { TOOLS_UNSEEN } from "./govern-call.ts";
import { editedBody, type HeldBody } from "./held-body.ts";
import type { InferenceRooms } from "./inference-rooms.ts";

/** Tools that a record names, and units of each name. */
const MOST_NAMED = 64;
const MOST_NAME = 128;

type ToolRooms = Pick<InferenceRooms, "clock" | "governor" | "auditWritable" | "record" | "recordSoon"> & {
  readonly governance: Pick<InferenceRooms["governance"], "digest">;
};

export interface ToolRefusal {
  readonly reason: "governance_denied" | "audit_unavailable";
  readonly rule: string | undefined;
  readonly detail: string;
}

/**
 * The tools of one call to a model: those that its request declares, and those that the answer calls. They are run by the
 * agent; so what the policy refuses does not reach it.
 */
export class CallTools implements CallJudge {
  /** What was refused last; undefined: nothing. */
  refusal: ToolRefusal | undefined;
  readonly #rooms: ToolRooms;
  readonly #request: string;
  readonly #model: string;
  #unseen: readonly ToolAction[] = [];

  constructor(rooms: ToolRooms, request: string, model: string) {
    this.#rooms = rooms;
    this.#request = request;
    this.#model = model;
  }

  /**
   * The body without the tools no call of which could be allowed; the very same where there are none. `hosted`: the
   * provider may run some, of which no call will be seen; where one of those is not allowed whatever it is called with and
   * however often, the request is refused, except where it can be taken out by its name.
   */
  declared(api: Api, body: HeldBody, hosted: boolean): Result<HeldBody, CallProblem> {
    const declarations = declaredTools(api, body.chunks);
    if (!declarations.ok) return fail(problemOf(declarations.problem));
    const names = new Set(declarations.value.tools.map(({ name }) => name));
    const refused = new Map<string, Governed>();
    for (const name of names) {
      const judged = this.#rooms.governor.declared(this.#action(name, { state: "pending" }));
      if (judged.kind === "refused") refused.set(name, judged);
    }
    if (hosted) {
      const unseen = this.#judgeUnseen(switchedTools(api, body.object), declarations.value.hosted, refused);
      if (unseen !== undefined) return fail(unseen);
    }
    const [first] = refused;
    if (first === undefined) return ok(body);
    this.#recordDeclared([...refused.keys()], first);
    if (this.#rooms.governor.deniedTools() === "refuse") {
      const [, judged] = first;
      const rule = judged.rule === undefined ? {} : { rule: judged.rule };
      return fail({
        reason: "governance_denied",
        detail: "It declares a tool that is refused.",
        param: "tools",
        ...rule,
      });
    }
    const edits = withoutTools(declarations.value, new Set(refused.keys()));
    if (!edits.ok) return fail(problemOf(edits.problem));
    const edited = editedBody(splice(body.chunks, edits.value), api);
    return edited.ok ? edited : fail({ reason: edited.problem.reason, detail: edited.problem.detail });
  }

  /** Whether what the provider runs for the call may go on: asked whenever policy or behaviour change. */
  mayGoOn(): boolean {
    const { governor } = this.#rooms;
    return governor.governs() && this.#unseen.every((action) => governor.allowsUnseen(action));
  }

  /** Adds to `refused` what can be taken out; a problem: something else is refused. */
  #judgeUnseen(
    switched: readonly (string | undefined)[],
    hosted: ToolDeclarations["hosted"],
    refused: Map<string, Governed>,
  ): CallProblem | undefined {
    const unseen: ToolAction[] = [];
    for (const name of new Set([...hosted.keys(), ...switched])) {
      const action = this.#action(name, { state: "missing" });
      const judged = this.#rooms.governor.unseen(action);
      if (judged.kind === "allowed") unseen.push(action);
      else if (name === undefined) return TOOLS_UNSEEN;
      else if (hosted.get(name) === true && !switched.includes(name)) refused.set(name, judged);
      else {
        this.#recordDeclared([name], [name, judged]);
        const rule = judged.rule === undefined ? {} : { rule: judged.rule };
        return { reason: "governance_denied", detail: "It has the provider run a tool that is refused.", ...rule };
      }
    }
    this.#unseen = unseen;
    return undefined;
  }

  /**
   * Of a call in a stream. Its record is not durable yet when the call goes out, since frames wait for nothing: where
   * audit refuses already, no call goes out; a call of the very moment in which it begins to refuse may be lost with a
   * crash. And what a call took (of a limit, a single-use approval) stays taken where a later one breaks the stream off.
   */
  judge(name: string): "allow" | "deny" | "needs_arguments" {
    const action = this.#action(name, { state: "pending" });
    if (this.#rooms.governor.needsArguments(action)) return "needs_arguments";
    return this.#decide(action);
  }

  judgeCall(name: string, argumentsText: string | undefined): "allow" | "deny" {
    return this.#decide(this.#called(name, argumentsText));
  }

  /**
   * Whether a whole answer may go out: every call in it is allowed, and all of them are on record, as durably as the
   * audit mode demands.
   */
  allows(api: Api, answer: Uint8Array): boolean | Promise<boolean> {
    const calls = toolCallsOf(api, answer);
    if (!calls.ok) {
      this.refusal = { reason: "governance_denied", rule: undefined, detail: calls.problem.sentence };
      return false;
    }
    if (calls.value.length === 0) return true;
    if (!this.#auditWritable()) return false;
    const taken = this.#takeAll(calls.value.map(({ name, arguments: text }) => this.#called(name, text)));
    return taken === undefined ? false : this.#recorded(taken);
  }

  /**
   * Nothing is taken for an answer in which rules, approvals or behaviour refuse a call. Approvals, which may be good for
   * one use, are taken last: where a limit has no room for all of the calls, most often none of them is spent.
   */
  #takeAll(actions: readonly ToolAction[]): readonly AuditEvent[] | undefined {
    const plain: ToolAction[] = [];
    const approved: ToolAction[] = [];
    for (const action of actions) {
      const foreseen = this.#rooms.governor.preview(action);
      if (foreseen.kind === "refused") {
        // The same once more, for who counts what is refused.
        this.#decide(action);
        this.#refused(foreseen);
        return undefined;
      }
      (foreseen.approval === undefined ? plain : approved).push(action);
    }
    const events: AuditEvent[] = [];
    for (const action of [...plain, ...approved]) {
      const governed = this.#judged(action);
      events.push(this.#event(action, governed));
      if (governed.kind === "allowed") continue;
      for (const event of events) this.#rooms.recordSoon(event);
      this.#refused(governed);
      return undefined;
    }
    return events;
  }

  async #recorded(events: readonly AuditEvent[]): Promise<boolean> {
    const recorded = await Promise.all(events.map((event) => this.#rooms.record(event)));
    if (recorded.every(({ ok: isRecorded }) => isRecorded)) return true;
    this.refusal = UNRECORDED;
    return false;
  }

  #decide(action: ToolAction): "allow" | "deny" {
    if (!this.#auditWritable()) return "deny";
    const governed = this.#judged(action);
    this.#rooms.recordSoon(this.#event(action, governed));
    if (governed.kind === "allowed") return "allow";
    this.#refused(governed);
    return "deny";
  }

  #judged(action: ToolAction): Governed {
    const governed = this.#rooms.governor.judge(action, true);
    // The agent runs it, and nobody tells the router how it ends.
    if (governed.kind === "allowed") governed.ended("unknown", 0);
    return governed;
  }

  #auditWritable(): boolean {
    const isWritable = this.#rooms.auditWritable();
    if (!isWritable) this.refusal = UNRECORDED;
    return isWritable;
  }

  #refused({ reason, rule }: Denial): void {
    const how = reason === "approval_required" ? " It needs an approval." : "";
    this.refusal = { reason: "governance_denied", rule, detail: `The model calls a tool that is refused.${how}` };
  }

  /** One record, however many there are: a request may declare a thousand tools that nobody knows. */
  #recordDeclared(names: readonly string[], [first, governed]: readonly [name: string, Governed]): void {
    const { clock, governance, recordSoon } = this.#rooms;
    const action = this.#action(first, { state: "pending" });
    const event = decisionRecord({ id: this.#request, at: clock.now(), action, governed, digest: governance.digest });
    const tools = names.slice(0, MOST_NAMED).map((name) => safeText(name, MOST_NAME));
    recordSoon({ ...event, detail: { declared: names.length, tools } });
  }

  #event(action: ToolAction, governed: Governed): AuditEvent {
    const { clock, governance } = this.#rooms;
    const digest = (text: string): string => governance.digest(text);
    return decisionRecord({ id: this.#request, at: clock.now(), action, governed, digest });
  }

  #called(name: string, text: string | undefined): ToolAction {
    const value = text === undefined ? undefined : parsed(text);
    return this.#action(name, value === undefined ? { state: "missing" } : { state: "known", value });
  }

  #action(tool: string | undefined, known: ToolAction["arguments"]): ToolAction {
    return { kind: "tool", server: "function", tool, arguments: known, model: this.#model };
  }
}

const UNRECORDED: ToolRefusal = {
  reason: "audit_unavailable",
  rule: undefined,
  detail: "The model calls a tool, and that cannot be put on record now.",
};

function problemOf({ code, sentence, param }: ToolProblem): CallProblem {
  const isRefusal = code === "chosen_tool_denied" || code === "tools_needed";
  return {
    reason: isRefusal ? "governance_denied" : "malformed_request",
    detail: sentence,
    ...(param === "" ? {} : { param }),
  };
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
