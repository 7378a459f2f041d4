import type { AlgorithmName } from '../algorithms.ts';
import type { MessageKind } from './message.ts';

interface FormRule {
  readonly algorithms: readonly AlgorithmName[];
  /** The members in `crit`, in the order in which the SDK sends them; undefined if the header has no `crit`. */
  readonly crit: Readonly<Record<MessageKind, readonly string[] | undefined>>;
  /** `bytes`: the same bytes may be sent again, elsewhere and later. `message`: bound to one message, recipient and time. */
  readonly binding: 'bytes' | 'message';
  /** Whether an unknown key id is only a wrong hint, and not a reason to refuse. */
  readonly kidIsHint: boolean;
  /** Whether `kid` may be null if the key has no id, as the reference signer of OCEN writes it. */
  readonly kidMayBeNull: boolean;
  /** Whether a sender writes the same header every time, so that it is worth caching. */
  readonly isStatic: boolean;
}

const registered = ['RS256', 'PS256', 'ES256', 'Ed25519', 'EdDSA'] as const;

/**
 * The three forms of a detached message signature, with all their differences in one place. In each, the value is
 * `base64url(header)..base64url(signature)`, `b64` is false (RFC 7797 §3), and the signing input is
 * `base64url(header) + "." + raw bytes`.
 *
 * - `ocen`: the form that the OCEN 4.0 starter sends. It has no `crit`, which RFC 7797 §6 demands: RFC verifiers refuse it.
 * - `rfc7797`: the same with `crit`; the starter's verifier accepts it too.
 * - `strict`: binds the message to its method, target, recipient and time; a response to its status and its request.
 */
export const messageForms = {
  ocen: {
    algorithms: ['RS256'],
    crit: { request: undefined, response: undefined },
    binding: 'bytes',
    kidIsHint: true,
    kidMayBeNull: true,
    isStatic: true,
  },
  rfc7797: {
    algorithms: registered,
    crit: { request: ['b64'], response: ['b64'] },
    binding: 'bytes',
    kidIsHint: true,
    kidMayBeNull: false,
    isStatic: true,
  },
  strict: {
    algorithms: registered,
    crit: {
      request: ['b64', 'htm', 'htu', 'aud', 'iat', 'jti'],
      response: ['b64', 'sts', 'req', 'aud', 'iat'],
    },
    binding: 'message',
    kidIsHint: false,
    kidMayBeNull: false,
    isStatic: false,
  },
} as const satisfies Record<string, FormRule>;

/** The name of a form of message signatures. */
export type MessageForm = keyof typeof messageForms;

/** The names of the three forms. */
export const messageFormNames = Object.keys(messageForms) as readonly MessageForm[];

/** The row of a form, under the type that all rows share. */
export function formRule(form: MessageForm): FormRule {
  return messageForms[form];
}
