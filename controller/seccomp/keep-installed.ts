import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { Result } from "../../router/core/base/result.ts";
import { type InstalledProfiles, installProfiles } from "./install-profiles.ts";

/** Sets the node's label `sluice.dev/seccomp`, or takes it away (undefined). Must be idempotent; may fail. */
export type LabelNode = (value: string | undefined) => Promise<Result<void, string>>;

/** What a round came to. */
export type Round =
  | { readonly event: "in-place"; readonly hash: string; readonly written: readonly string[] }
  | { readonly event: "not-in-place"; readonly problem: string }
  | { readonly event: "not-labelled"; readonly problem: string };

export interface KeepOptions {
  readonly root: string;
  /** Milliseconds between rounds. */
  readonly interval: number;
  /** Left out: the node is labelled by nobody. */
  readonly label?: LabelNode;
  /** Told of what is new: a file written, another outcome than that of the round before. */
  readonly tell: (round: Round) => void;
  readonly signal: AbortSignal;
}

/** Every so many rounds the label is set again, whatever is believed of it: others can change a node. */
const RELABEL = 10;

/**
 * Installs the profiles, labels the node, and does so again each interval until the signal comes. The label stands only while
 * every profile is in place; at the end label and files stay, as pods that run need them. Never rejects.
 */
export async function keepInstalled(options: KeepOptions): Promise<void> {
  let told = "";
  const say = (round: Round): void => {
    const text = JSON.stringify({ ...round, written: undefined });
    if (text === told && (round.event !== "in-place" || round.written.length === 0)) return;
    told = text;
    options.tell(round);
  };
  let labelled: { readonly value: string | undefined } | undefined;
  for (let round = 0; !options.signal.aborted; round += 1) {
    const done: Result<InstalledProfiles, string> = await installProfiles(
      options.root,
      Date.now(),
      randomBytes(6).toString("hex"),
    );
    const value = done.ok ? done.value.hash : undefined;
    const due = labelled === undefined || labelled.value !== value || round % RELABEL === 0;
    const set = due && options.label !== undefined ? await setLabel(options.label, value) : undefined;
    if (set !== undefined) labelled = set.ok ? { value } : undefined;
    if (!done.ok) say({ event: "not-in-place", problem: done.problem });
    else if (set?.ok === false) say({ event: "not-labelled", problem: set.problem });
    else say({ event: "in-place", ...done.value });
    await pause(options.interval, undefined, { signal: options.signal }).catch(() => undefined);
  }
}

/** A label that throws is a label that failed. */
export async function setLabel(label: LabelNode, value: string | undefined): Promise<Result<void, string>> {
  return label(value).catch((error: unknown) => ({
    ok: false,
    problem: error instanceof Error ? error.message : String(error),
  }));
}
