import { importSigningKey, type PrivateJwk, type Verified } from '@countersign/client';
import { cryptoPort } from '@countersign/client/node-crypto';
import { type MessageForm, signatureField, signMessage } from '@countersign/proof';
import type { Field } from './fields.ts';
import { canStream, createLongSigner } from './long-signature.ts';
import type { Spooled } from './spool.ts';

export interface ResponseSigner {
  /** The field that signs a response to a verified request, over the bytes in the spool. */
  sign(request: Verified, status: number, body: Spooled): Promise<Field>;
  /** True if the key can sign a body without holding all of it in memory. */
  readonly isStreaming: boolean;
}

export interface ResponseSignerOptions {
  readonly key: PrivateJwk;
  readonly form: MessageForm;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

const empty = new Uint8Array();

/**
 * Answers strict requests strictly, others in our own form. The ocen form has one algorithm, and bodies that it must
 * not sign.
 */
export async function createResponseSigner({ key, form, now }: ResponseSignerOptions): Promise<ResponseSigner> {
  const { alg, publicJwk } = await importSigningKey(key);
  const signLong = createLongSigner(alg, key);

  function formFor({ signature }: Verified, body: Spooled): MessageForm {
    if (signature.form === 'strict') return 'strict';
    return form === 'ocen' && (alg !== 'RS256' || body.isBase64url) ? 'rfc7797' : form;
  }

  return {
    isStreaming: canStream(publicJwk),
    async sign(request, status, body) {
      const message = { kind: 'response', status, requestSignature: request.signature.value, body: empty } as const;
      const value = await signMessage(message, {
        key: { alg, kid: publicJwk.kid, publicJwk },
        sign: { sign: (head) => signLong(head, body) },
        form: formFor(request, body),
        recipient: request.participant.id,
        now: Math.floor(now() / 1000),
        crypto: cryptoPort,
      });
      return [signatureField, value];
    },
  };
}
