import { shapeOf, shapeText } from "../../core/learning/path-shape.ts";
import type { RecordedStart } from "../../core/outcome/audit-projection.ts";
import type { EgressRequest } from "../../core/policy/egress-request.ts";

/** What records say of a request beyond its method and target: of its path the shape, never more. */
export function recordedRequest(request: EgressRequest | undefined): Pick<RecordedStart, "secure" | "path"> {
  if (request?.via !== "http") return {};
  const shape = shapeOf(request.path);
  return {
    path: shape === undefined ? null : shapeText(shape),
    ...(request.secure === true ? { secure: true } : {}),
  };
}
