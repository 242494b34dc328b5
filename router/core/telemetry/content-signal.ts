/** Categories of providers' content filters that are told apart; `error`: the filter did not run; `other`: any other. */
export const SIGNAL_CATEGORIES = [
  "hate",
  "sexual",
  "violence",
  "self_harm",
  "jailbreak",
  "indirect_attack",
  "profanity",
  "protected_material_text",
  "protected_material_code",
  "custom_blocklists",
  "error",
  "other",
] as const;
export type SignalCategory = (typeof SIGNAL_CATEGORIES)[number];

/** `detected` and `filtered`: the category has no severities, or none was told. */
export const SIGNAL_SEVERITIES = ["safe", "low", "medium", "high", "detected", "filtered", "other"] as const;
export type SignalSeverity = (typeof SIGNAL_SEVERITIES)[number];

export interface SignalLabels {
  readonly category: SignalCategory;
  readonly severity: SignalSeverity;
}

const rows = SIGNAL_CATEGORIES.flatMap((category) =>
  SIGNAL_SEVERITIES.map((severity): readonly [string, SignalLabels] => [
    `${category}.${severity}`,
    { category, severity },
  ]),
);

/** Every signal that is counted by itself, by its text (`hate.high`). */
export const CONTENT_SIGNALS: ReadonlyMap<string, SignalLabels> = new Map(rows);

/** The text of the row that a signal is counted in: a provider can name a category, but not make a series. */
export function contentSignal(signal: string): string {
  if (CONTENT_SIGNALS.has(signal)) return signal;
  const dot = signal.indexOf(".");
  const known = CONTENT_SIGNALS.get(`${signal.slice(0, Math.max(dot, 0))}.other`);
  if (known !== undefined) return `${known.category}.other`;
  const other = `other.${signal.slice(dot + 1)}`;
  return CONTENT_SIGNALS.has(other) ? other : "other.other";
}
