import type { DocumentProblem } from "../../router/core/base/problem.ts";
import type { Result } from "../../router/core/base/result.ts";
import { readDocument } from "../../router/core/document/document-kind.ts";
import { readYaml } from "../../router/core/document/read-yaml.ts";
import type { ControllerConfig } from "./controller-config.ts";
import { controllerConfig } from "./controller-config-shape.ts";

/** Reads the controller's settings, every default filled in, or says all that is wrong with them at once. */
export function parseControllerConfig(
  file: string,
  source: string,
): Result<ControllerConfig, readonly DocumentProblem[]> {
  return readDocument(controllerConfig, readYaml(file, source));
}
