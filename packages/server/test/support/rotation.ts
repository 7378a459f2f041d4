/** Participants that hold keys, and replace them by themselves. */

import { type Answer, type Applicant, ask, createApplicant, proofClaims } from './applicant.ts';
import { obtainToken, type TestServer } from './server.ts';

export const secretOf = (id: string) => `${id}-secret-for-tests-only`;

/** One who is in the registry, with the keys it has now. */
export interface Member {
  readonly id: string;
  readonly organisation: string;
  readonly keys: readonly Applicant[];
}

export async function member(id: string, organisation: string, keys = 1): Promise<Member> {
  return { id, organisation, keys: await Promise.all(Array.from({ length: keys }, () => createApplicant())) };
}

/** As a network file has it. Its client has the id of the participant. */
export function entryOf({ id, organisation, keys }: Member, more: object = {}) {
  return {
    id,
    role: 'LENDER',
    status: 'APPROVED',
    baseUrl: `https://${id}.example`,
    participant: { id: organisation, participantName: organisation },
    client: { id, secret: secretOf(id) },
    keys: keys.map(({ publicKey }) => publicKey),
    ...more,
  };
}

export function tokenOf(server: TestServer, id: string, realm = 'dev'): Promise<string> {
  return obtainToken(server.issuer(realm), id, secretOf(id));
}

export interface RotationWishes {
  readonly nbf?: number;
  readonly overlapSeconds?: number;
  /** Replaces members of the claims of a proof; undefined leaves one out. */
  readonly newClaims?: Readonly<Record<string, unknown>>;
  readonly currentClaims?: Readonly<Record<string, unknown>>;
  readonly typ?: string;
}

/** The body of a rotation. Without `current`, the new key's proof alone. */
export async function rotationBody(
  issuer: string,
  participantId: string,
  next: Applicant,
  current: Applicant | undefined,
  wishes: RotationWishes = {},
) {
  const { newClaims = {}, currentClaims = {}, typ = 'countersign-key+jwt', ...members } = wishes;
  const realm = issuer.slice(issuer.lastIndexOf('/') + 1);
  const claims = () => ({ ...proofClaims(issuer), realm, participantId, thumbprint: next.thumbprint });
  const proofs = {
    new: await next.sign(typ, { ...claims(), ...newClaims }),
    ...(current === undefined ? {} : { current: await current.sign(typ, { ...claims(), ...currentClaims }) }),
  };
  return { publicKey: next.publicKey, ...members, proofs };
}

export const keysPath = (id: string, realm = 'dev') => `/realms/${realm}/registry/participants/${id}/keys`;

/** `by` answers with the token of whoever asks. */
export async function rotate(
  server: TestServer,
  id: string,
  next: Applicant,
  current: Applicant | undefined,
  wishes: RotationWishes & { readonly token?: string } = {},
): Promise<Answer> {
  const { token = await tokenOf(server, id), ...rest } = wishes;
  return ask(server, keysPath(id), {
    token,
    body: await rotationBody(server.issuer(), id, next, current, rest),
  });
}

/** What the registry shows of the keys: `[thumbprint or kid, nbf, exp]` by the thumbprint of RFC 7638. */
export async function registryEntry(server: TestServer, id: string, token: string) {
  return (await ask(server, `/realms/dev/service/participant-roles/${id}`, { token })).body;
}
