import { parsePublicJwk } from '@countersign/proof';
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import { cose, decodeAttestationObject, decodeCredentialPublicKey } from '@simplewebauthn/server/helpers';
import { z } from 'zod';
import type { Context } from '../../context.ts';
import { isComputableKey } from './factoring.ts';

/**
 * Passkeys: WebAuthn, Level 3, as a second factor.
 *
 * 1. The relying party is the host of the public URL, and that URL's origin is the only one. A browser signs both, so
 *    another site's page gets nothing that works here, nor does a frame in one.
 * 2. A challenge contains session, purpose and time under our own digest, and is not stored. It lives for five minutes,
 *    and is used up when a response to it is accepted.
 * 3. The authenticator verifies the person (by a PIN or a finger), so a stolen key alone is worth nothing.
 * 4. The server asks for no attestation. If a browser sends one, it must be empty or the key's own signature: for a
 *    certificate chain the server would have to fetch from addresses that a stranger chose.
 * 5. A counter that does not grow means that the key was copied, and is refused. Synchronised keys have no counter and
 *    say 0.
 */
export type PasskeyPurpose = 'enrol' | 'verify';

export interface Ceremony {
  readonly purpose: PasskeyPurpose;
  /** The session that asks. It belongs to one credential of one realm. */
  readonly sessionId: string;
}

/** The stored part of a passkey. None of it is secret. */
export interface Passkey {
  /** base64url. */
  readonly credentialId: string;
  /** COSE, base64url. */
  readonly publicKey: string;
  readonly counter: number;
  readonly transports: readonly string[];
}

/** Milliseconds. */
export const challengeLife = 5 * 60_000;
const digestPurpose = 'passkey-challenge';
/** EdDSA, ES256, RS256. */
const algorithms = [-8, -7, -257];
const challengeShape = /^([A-Za-z0-9_-]{22})\.([0-9a-z]{8,9})\.([A-Za-z0-9_-]{43})$/;

const base64url = z
  .string()
  .regex(/^[A-Za-z0-9_-]+$/)
  .max(16_384);
const credentialId = z
  .string()
  .regex(/^[A-Za-z0-9_-]+$/)
  .max(1_400);
const common = { id: credentialId, rawId: credentialId, type: z.literal('public-key') };

/** The browser's `PublicKeyCredential.toJSON()`. Members that the server does not read are allowed. */
export const registrationSchema = z.object({
  ...common,
  response: z.object({
    clientDataJSON: base64url,
    attestationObject: base64url,
    transports: z
      .array(z.string().regex(/^[a-z-]{1,32}$/))
      .max(10)
      .optional(),
  }),
});

export const assertionSchema = z.object({
  ...common,
  response: z.object({ clientDataJSON: base64url, authenticatorData: base64url, signature: base64url }),
});

export interface PasskeyOwner {
  readonly realm: string;
  readonly credentialId: string;
  readonly code: string;
}

/** For `navigator.credentials.create`. */
export function registrationOptions(
  context: Context,
  ceremony: Ceremony,
  owner: PasskeyOwner,
  known: readonly Passkey[],
): Promise<object> {
  return generateRegistrationOptions({
    rpName: owner.realm,
    rpID: relyingParty(context).id,
    userName: owner.code,
    // The same for every passkey of a credential. Only this server can match it to the credential.
    userID: Buffer.from(context.vault.digest('passkey-owner', `${owner.realm}\0${owner.credentialId}`), 'base64url'),
    challenge: bytesOf(makeChallenge(context, ceremony)),
    timeout: challengeLife,
    attestationType: 'none',
    excludeCredentials: known.map(descriptor),
    authenticatorSelection: { residentKey: 'discouraged', userVerification: 'required' },
    supportedAlgorithmIDs: algorithms,
  });
}

/** For `navigator.credentials.get`. */
export function assertionOptions(context: Context, ceremony: Ceremony, known: readonly Passkey[]): Promise<object> {
  return generateAuthenticationOptions({
    rpID: relyingParty(context).id,
    challenge: bytesOf(makeChallenge(context, ceremony)),
    timeout: challengeLife,
    allowCredentials: known.map(descriptor),
    userVerification: 'required',
  });
}

/** The proved passkey, and the challenge that the caller must use up. */
export interface ProvedPasskey {
  readonly passkey: Passkey;
  readonly challenge: string;
}

/** Throws for every fault, with the reason for the log. */
export async function proveRegistration(
  context: Context,
  ceremony: Ceremony,
  response: z.output<typeof registrationSchema>,
): Promise<ProvedPasskey> {
  const { id, origin } = relyingParty(context);
  requireOwnPage(response.response.clientDataJSON);
  requireNoCertificates(response.response.attestationObject);
  const seen: string[] = [];
  const { verified, registrationInfo } = await verifyRegistrationResponse({
    response: { ...response, clientExtensionResults: {}, response: withoutAbsent(response.response) },
    expectedChallenge: (challenge) => isOpenChallenge(context, ceremony, challenge, seen),
    expectedOrigin: origin,
    expectedRPID: id,
    requireUserVerification: true,
    supportedAlgorithmIDs: algorithms,
  });
  if (!verified) throw new Error('the attestation is not good');
  const { credential } = registrationInfo;
  await requireSoundRsa(credential.publicKey);
  return {
    passkey: {
      credentialId: credential.id,
      publicKey: Buffer.from(credential.publicKey).toString('base64url'),
      counter: credential.counter,
      transports: response.response.transports ?? [],
    },
    challenge: seen[0] as string,
  };
}

/** Throws for every fault, with the reason for the log. */
export async function proveAssertion(
  context: Context,
  ceremony: Ceremony,
  response: z.output<typeof assertionSchema>,
  passkey: Passkey,
): Promise<ProvedPasskey> {
  const { id, origin } = relyingParty(context);
  requireOwnPage(response.response.clientDataJSON);
  const seen: string[] = [];
  const { verified, authenticationInfo } = await verifyAuthenticationResponse({
    response: { ...response, clientExtensionResults: {} },
    expectedChallenge: (challenge) => isOpenChallenge(context, ceremony, challenge, seen),
    expectedOrigin: origin,
    expectedRPID: id,
    credential: {
      id: passkey.credentialId,
      publicKey: new Uint8Array(Buffer.from(passkey.publicKey, 'base64url')),
      counter: passkey.counter,
    },
    requireUserVerification: true,
  });
  if (!verified) throw new Error('the signature is not good');
  return { passkey: { ...passkey, counter: authenticationInfo.newCounter }, challenge: seen[0] as string };
}

function relyingParty({ config }: Context): { readonly id: string; readonly origin: string } {
  const { hostname, origin } = new URL(config.publicUrl);
  return { id: hostname, origin };
}

/** The browser gets the challenge as bytes, and returns it as base64url of them. */
function makeChallenge(context: Context, ceremony: Ceremony): string {
  const nonce = context.random.token(16);
  const time = context.clock.now().toString(36);
  return `${nonce}.${time}.${context.vault.digest(digestPurpose, sealed(ceremony, nonce, time))}`;
}

function isOpenChallenge(context: Context, ceremony: Ceremony, presented: string, seen: string[]): boolean {
  const [, nonce, time, seal] = challengeShape.exec(Buffer.from(presented, 'base64url').toString()) ?? [];
  if (nonce === undefined || time === undefined || seal === undefined) return false;
  if (!context.vault.matches(digestPurpose, sealed(ceremony, nonce, time), seal)) return false;
  const age = context.clock.now() - Number.parseInt(time, 36);
  // The decoded parts, because the presented text has more than one spelling.
  seen.push(`${nonce}.${time}`);
  return age >= -60_000 && age < challengeLife;
}

function sealed({ purpose, sessionId }: Ceremony, nonce: string, time: string): string {
  return [purpose, sessionId, nonce, time].join('\0');
}

/**
 * Refuses what a browser made in a frame that stood in a page of another site, which may have led the person to click
 * there: WebAuthn, Level 3, §7.1 and §7.2, `crossOrigin` and `topOrigin`.
 */
function requireOwnPage(clientDataJSON: string): void {
  const text = Buffer.from(clientDataJSON, 'base64url').toString();
  const { crossOrigin = false, topOrigin } = JSON.parse(text) as { crossOrigin?: unknown; topOrigin?: unknown };
  if (crossOrigin !== false || topOrigin !== undefined) throw new Error('made in a page of another site');
}

function requireNoCertificates(attestationObject: string): void {
  const decoded = decodeAttestationObject(new Uint8Array(Buffer.from(attestationObject, 'base64url')));
  const [format, statement] = [decoded.get('fmt'), decoded.get('attStmt')];
  if (format === 'none') return;
  if (format === 'packed' && statement.get('x5c') === undefined) return;
  throw new Error(`an attestation of format ${String(format).slice(0, 32)}, with certificates`);
}

/** Millions of authenticators made weak RSA keys (CVE-2017-15361). */
async function requireSoundRsa(publicKey: Uint8Array<ArrayBuffer>): Promise<void> {
  const key = decodeCredentialPublicKey(publicKey);
  if (!cose.isCOSEPublicKeyRSA(key)) return;
  const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('base64url');
  const [n, e] = [text(key.get(cose.COSEKEYS.n)), text(key.get(cose.COSEKEYS.e))];
  const parsed = parsePublicJwk({ kty: 'RSA', n, e });
  if (!parsed.ok || (await isComputableKey(parsed.key))) throw new Error('a weak RSA key');
}

function descriptor({ credentialId: id, transports }: Passkey) {
  return { id, transports: [...transports] };
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(text));
}

function withoutAbsent({
  clientDataJSON,
  attestationObject,
  transports,
}: z.output<typeof registrationSchema>['response']) {
  return { clientDataJSON, attestationObject, ...(transports !== undefined && { transports }) };
}
