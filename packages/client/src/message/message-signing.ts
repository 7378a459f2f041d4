import {
  type CryptoPort,
  encodeBase64url,
  type Message,
  type MessageForm,
  signatureField,
  signMessage,
} from '@countersign/proof';
import { problem } from './message-problem.ts';
import type { SigningKey } from './signing-key.ts';
import './message-refusal.ts';

/** The header fields that carry a signature. */
export type SignatureFields = Readonly<Record<typeof signatureField, string>>;

export interface MessageSignerOptions {
  readonly key: () => Promise<SigningKey>;
  readonly crypto: CryptoPort;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface MessageSigner {
  /**
   * @throws {ProofError} `signing.*`
   * @throws {MessageProblem} `message.recipient_missing`
   * @throws {ClientError} `signing_key.*`
   */
  sign(message: Message, form: MessageForm, recipient: string | undefined): Promise<SignatureFields>;
}

/**
 * Signs with one key. A key that cannot sign in the form of OCEN's starter signs in a form that the starter's verifier also
 * accepts.
 */
export function createMessageSigner({ key, crypto, now }: MessageSignerOptions): MessageSigner {
  return {
    async sign(message, wanted, recipient) {
      const own = await key();
      const { alg, publicJwk } = own;
      const form = wanted === 'ocen' && alg !== 'RS256' ? 'rfc7797' : wanted;
      const common = { key: { alg, kid: publicJwk.kid, publicJwk }, sign: { sign: own.sign } };
      if (form !== 'strict') return fields(await signMessage(message, { ...common, form }));
      if (recipient === undefined) throw problem('message.recipient_missing');
      const at = Math.floor(now() / 1000);
      return fields(await signMessage(message, { ...common, form, recipient, now: at, jti: nonce(), crypto }));
    },
  };
}

function fields(signature: string): SignatureFields {
  return { [signatureField]: signature } as SignatureFields;
}

/** 128 random bits. */
function nonce(): string {
  return encodeBase64url(crypto.getRandomValues(new Uint8Array(16)));
}
