import { type ProofCode, ProofError } from '../error.ts';
import type { JsonValue } from '../json.ts';
import type { AttenuationTerms } from './attenuation.ts';
import type { RootCapability } from './root.ts';
import type { ProofTerms } from './signature.ts';

export interface ExplainTerms extends AttenuationTerms, ProofTerms {
  /** Left out, the root is taken from the document: who controls it is then not known, and anybody may have signed the first link. */
  readonly root?: RootCapability | undefined;
}

/** One reason for which a verifier refuses. */
export interface CapabilityRefusal {
  readonly code: ProofCode;
  readonly text: string;
  /** RFC 6901, in the document that was presented. */
  readonly pointer: string;
}

/** Times are in epoch milliseconds. What could not be read is undefined. */
export interface ExplainedLink {
  readonly kind: 'root' | 'delegation';
  readonly pointer: string;
  readonly id: string | undefined;
  readonly controllers: readonly string[] | undefined;
  readonly target: string | undefined;
  /** What it leaves of what its parent allows; undefined: everything. */
  readonly actions: readonly string[] | undefined;
  readonly created: number | undefined;
  readonly expires: number | undefined;
  readonly signedBy: string | undefined;
  readonly refusals: readonly CapabilityRefusal[];
}

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

export interface CapabilityExplanation {
  /** `unreadable`: not a document at all, or neither of the two; the reason is in `refusals`. */
  readonly kind: 'capability' | 'invocation' | 'unreadable';
  /** True where there is not one refusal. */
  readonly isSound: boolean;
  /** Of the document as a whole. */
  readonly refusals: readonly CapabilityRefusal[];
  /** From the root to the tail. */
  readonly links: readonly ExplainedLink[];
  /** Whose audience, request and freshness are the verifier's to judge. */
  readonly invocation: ExplainedInvocation | undefined;
}

export function refusal(code: ProofCode, pointer: string): CapabilityRefusal {
  return refusalOf(new ProofError(code, pointer));
}

export function refusalOf({ code, message, pointer = '' }: ProofError): CapabilityRefusal {
  return { code, text: message, pointer };
}

type Attempt<T> = { readonly value: T } | { readonly refused: CapabilityRefusal };

/** What it gives, or why it is refused. Any other error is one of ours. */
export async function attempt<T>(step: () => T | Promise<T>): Promise<Attempt<T>> {
  try {
    return { value: await step() };
  } catch (error) {
    if (error instanceof ProofError) return { refused: refusalOf(error) };
    throw error;
  }
}
