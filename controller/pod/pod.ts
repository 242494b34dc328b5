/**
 * The parts of a Kubernetes object that we look at, as JSON. What comes from outside is `unknown` and read with care
 * (`read-pod.ts`): after that nothing here is other than it says, and all other members are kept as they are.
 */
export type JsonObject = { readonly [name: string]: unknown };

export interface PodObject extends JsonObject {
  readonly metadata: ObjectMeta;
  readonly spec: PodSpec;
}

export interface ObjectMeta extends JsonObject {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface PodSpec extends JsonObject {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly ephemeralContainers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly securityContext?: JsonObject;
}

export interface Container extends JsonObject {
  readonly name: string;
  readonly image?: string;
  readonly env?: readonly JsonObject[];
  readonly envFrom?: readonly JsonObject[];
  readonly ports?: readonly JsonObject[];
  readonly volumeMounts?: readonly VolumeMount[];
  readonly securityContext?: JsonObject;
}

export interface Volume extends JsonObject {
  readonly name: string;
}

export interface VolumeMount extends JsonObject {
  readonly name: string;
  readonly mountPath: string;
}
