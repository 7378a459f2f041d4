import { importSigningKey, type PrivateJwk, type PublicJwk, type SigningKey, type Verified } from '@countersign/client';
import { cryptoPort } from '@countersign/client/node-crypto';
import { encodeBase64url, encodeTextBase64url, parsePublicJwk, thumbprint } from '@countersign/proof';
import { systemRandom } from '../kernel/random.ts';

/** The field that tells the application who calls. */
export const subjectField = 'x-countersign-subject';

export interface SubjectSigner {
  /** The value of the field for one verified request. */
  sign(request: VerifiedRequest): Promise<string>;
  /** The keys with which the application verifies the field. */
  readonly jwks: { readonly keys: readonly PublicJwk[] };
}

export interface VerifiedRequest {
  readonly method: string;
  readonly requestTarget: string;
  readonly body: Uint8Array;
  readonly verified: Verified;
}

export interface SubjectSignerOptions {
  /** The origin of the application, which is the audience of the field. */
  readonly audience: string;
  /** Undefined: a new key. */
  readonly key: PrivateJwk | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Seconds. The application verifies at once. */
const lifetime = 60;

/**
 * Signs the facts about a verified request into a JWT of type `gateway-subject+jwt`, bound to the method, the request
 * target and the bytes of the body. So the application need not trust a plain header, which anyone could have written.
 */
export async function createSubjectSigner({ audience, key, now }: SubjectSignerOptions): Promise<SubjectSigner> {
  const signing = await importSigningKey(key ?? (await newKey()));
  const publicJwk = await withKeyId(signing.publicJwk);
  const header = encodeTextBase64url(
    JSON.stringify({ alg: signing.alg, typ: 'gateway-subject+jwt', kid: publicJwk.kid }),
  );
  return {
    jwks: { keys: [publicJwk] },
    async sign({ method, requestTarget, body, verified: { subject, participant, signature } }) {
      const iat = Math.floor(now() / 1000);
      const claims = {
        iss: 'countersign-gateway',
        aud: audience,
        sub: subject.id,
        iat,
        exp: iat + lifetime,
        jti: systemRandom.token(16),
        method,
        path: requestTarget,
        digest: encodeBase64url(cryptoPort.sha256(body)),
        realm: subject.realm,
        participantId: participant.id,
        participantRole: participant.participantRole,
        clientId: subject.clientId,
        roles: subject.roles,
        scopes: subject.scopes,
        resource_access: subject.resourceAccess,
        verdict: {
          form: signature.form,
          binding: signature.binding,
          replay: signature.replay,
          thumbprint: signature.thumbprint,
        },
      };
      return compact(header, claims, signing);
    },
  };
}

async function compact(header: string, claims: object, { sign }: SigningKey): Promise<string> {
  const input = `${header}.${encodeTextBase64url(JSON.stringify(claims))}`;
  return `${input}.${encodeBase64url(await sign(new TextEncoder().encode(input)))}`;
}

async function newKey(): Promise<PrivateJwk> {
  const { privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
    'sign',
    'verify',
  ]);
  const { key_ops: _, ext: _ext, ...jwk } = await crypto.subtle.exportKey('jwk', privateKey);
  return { ...jwk, alg: 'ES256' };
}

async function withKeyId(key: PublicJwk): Promise<PublicJwk> {
  const parsed = parsePublicJwk({ ...key, kid: key.kid ?? (await thumbprint(key, cryptoPort)) });
  if (!parsed.ok) throw new Error('A key stays acceptable under its own thumbprint.');
  return parsed.key;
}
