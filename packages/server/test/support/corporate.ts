import { system } from '../../src/kernel/caller.ts';
/** Two corporate identities with their credentials, and sessions without a login. */

import { lookUpCredential } from '../../src/passwords/identity/credential.ts';
import { write } from '../../src/store/write.ts';
import { requireRealm } from '../../src/subject/realm.ts';
import { openSession } from '../../src/subject/session.ts';
import { credentialSubjectId, lookUpSubjectState } from '../../src/subject/subject.ts';
import type { TestServer } from './server.ts';

const realm = (name: string) => ({
  name,
  settings: { accessTokenAlg: 'ES256' },
  identityProfiles: [{ id: 'ip-1', name: 'Corporates' }],
  identities: [
    { id: `${name}-corp`, profileId: 'ip-1', name: 'Acme Travel' },
    { id: `${name}-other`, profileId: 'ip-1', name: 'Globex' },
  ],
  credentials: [
    { id: `${name}-root`, identityId: `${name}-corp`, type: 'ROOT', code: 'alice@acme.example', emailVerified: true },
    {
      id: `${name}-root-2`,
      identityId: `${name}-corp`,
      type: 'ROOT',
      code: 'arthur@acme.example',
      emailVerified: true,
    },
    { id: `${name}-user`, identityId: `${name}-corp`, type: 'USER', code: 'bob@acme.example', emailVerified: true },
    {
      id: `${name}-stranger`,
      identityId: `${name}-other`,
      type: 'USER',
      code: 'eve@globex.example',
      emailVerified: true,
    },
    {
      id: `${name}-strange-root`,
      identityId: `${name}-other`,
      type: 'ROOT',
      code: 'mallory@globex.example',
      emailVerified: true,
    },
  ],
});

/** Realms `dev` and `bank`: in each the identities `{realm}-corp` and `{realm}-other`. */
export const corporateNetwork = { realms: [realm('dev'), realm('bank')] };

/** The token of a session of this credential. */
export async function sessionOf({ context }: TestServer, id: string): Promise<string> {
  const name = id.slice(0, id.indexOf('-'));
  const credential = await lookUpCredential(context, name, id);
  const state = await lookUpSubjectState(context, name, credentialSubjectId(id));
  if (credential === undefined || state === undefined) throw new Error(`no credential ${id}`);
  const subject = {
    kind: 'credential',
    realm: name,
    id: credentialSubjectId(id),
    generation: state.generation,
    amr: ['pwd'],
    credential: { type: credential.type, id, code: credential.code },
    identity: { type: 'corporates', id: credential.identity.id },
  } as const;
  const its = await requireRealm(context, name);
  const { token } = await write(context, system, (tx) => openSession(context, tx, its, subject, { acr: 'aal1' }));
  return token;
}
