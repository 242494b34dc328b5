import type { ToolAction } from "../../core/governance/action.ts";
import type { Json } from "../../core/json/json.ts";

/** A call whose arguments are kept as the octets they came in, and are values only while somebody judges it. */
export interface HeldAction extends ToolAction {
  /** To be called once it is judged: a value may take a hundred times what its text does. */
  forget(): void;
}

/** `again` reads the arguments out of the message anew. */
export function heldAction(server: string, tool: string, value: Json, again: () => Json): HeldAction {
  let known: Json | undefined = value;
  return {
    kind: "tool",
    server,
    tool,
    model: undefined,
    get arguments() {
      known ??= again();
      return { state: "known", value: known } as const;
    },
    forget: () => (known = undefined),
  };
}
