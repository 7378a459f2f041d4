import { type ProofCode, ProofError } from '../error.ts';
import type { JsonValue } from '../json.ts';
import type { AttenuationTerms } from './attenuation.ts';
import type { RootCapability } from './root.ts';
import type { ProofTerms } from './signature.ts';

/** The keys, the time (epoch milliseconds) and the limits for an explanation. */
export interface ExplainTerms extends AttenuationTerms, ProofTerms {
  /**
   * Without it, the root is taken from the document: its controller is then unknown, and a stranger may have signed the first
   * link.
   */
  readonly root?: RootCapability | undefined;
}

/** One reason why a verifier would refuse. */
export interface CapabilityRefusal {
  readonly code: ProofCode;
  readonly text: string;
  /** RFC 6901 pointer into the presented document. */
  readonly pointer: string;
}

/** One link of an explained chain. Times are in epoch milliseconds. Members that could not be read are undefined. */
export interface ExplainedLink {
  readonly kind: 'root' | 'delegation';
  readonly pointer: string;
  readonly id: string | undefined;
  readonly controllers: readonly string[] | undefined;
  readonly target: string | undefined;
  /** The actions that it leaves of its parent's; undefined means every action. */
  readonly actions: readonly string[] | undefined;
  readonly created: number | undefined;
  readonly expires: number | undefined;
  readonly signedBy: string | undefined;
  readonly refusals: readonly CapabilityRefusal[];
}

/** An explained invocation. Times are in epoch milliseconds. Members that could not be read are undefined. */
export interface ExplainedInvocation {
  readonly type: JsonValue | undefined;
  readonly audience: JsonValue | undefined;
  readonly action: string | undefined;
  readonly target: string | undefined;
  readonly created: number | undefined;
  readonly expires: number | undefined;
  readonly signedBy: string | undefined;
  readonly refusals: readonly CapabilityRefusal[];
}

/** The explanation of a document: its links, and its invocation if it is one. */
export interface CapabilityExplanation {
  /** `unreadable`: not a document, or neither a capability nor an invocation; `refusals` has the reason. */
  readonly kind: 'capability' | 'invocation' | 'unreadable';
  /** True if there is no refusal. */
  readonly isSound: boolean;
  /** The refusals of the document as a whole. */
  readonly refusals: readonly CapabilityRefusal[];
  /** The links from the root to the tail. */
  readonly links: readonly ExplainedLink[];
  /** The invocation, if the document is one. Only the verifier can check its audience, request and freshness. */
  readonly invocation: ExplainedInvocation | undefined;
}

export function refusal(code: ProofCode, pointer: string): CapabilityRefusal {
  return refusalOf(new ProofError(code, pointer));
}

export function refusalOf({ code, message, pointer = '' }: ProofError): CapabilityRefusal {
  return { code, text: message, pointer };
}

type Attempt<T> = { readonly value: T } | { readonly refused: CapabilityRefusal };

/** The value of a step, or its refusal. Other errors are bugs and are thrown. */
export async function attempt<T>(step: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await step() };
  } catch (error) {
    if (error instanceof ProofError) return { refused: refusalOf(error) };
    throw error;
  }
}
