import type { Context } from '../../context.ts';
import { isoDate } from '../../kernel/clock.ts';
import type { PageRequest } from '../../kernel/page.ts';
import { eventsAbout } from '../../subject/event.ts';
import { codesHeldOf } from '../../subject/secrets/one-time-code.ts';
import { sessionsHeldOf } from '../../subject/session.ts';
import { credentialSubjectId } from '../../subject/subject.ts';
import { factorsOf } from '../factor/factor.ts';
import { listPasswords } from '../passwords.store.ts';
import { type Credential, pageOfCredentials, requireCredential } from './credential.ts';
import { requireIdentity } from './identity.ts';
import { credentialView, identityView } from './identity-administration.ts';

/**
 * All that is held about a credential or an identity, for the person who asks: no hash, no secret, no code. Of sessions
 * and events the newest thousand.
 */
const most = 1_000;

export async function holdingsOfCredential(context: Context, realm: string, id: string) {
  return holdingsOf(context, realm, await requireCredential(context, realm, id));
}

/** A page of its credentials with all that is held about each; the identity and its events on every page. */
export async function holdingsOfIdentity(context: Context, realm: string, id: string, page: PageRequest) {
  const identity = identityView(await requireIdentity(context, realm, id));
  const events = await eventsAbout(context, realm, `identity:${id}`, most);
  const { items, ...rest } = await pageOfCredentials(context, realm, id, page);
  const credentials = [];
  for (const credential of items) credentials.push(await holdingsOf(context, realm, credential));
  return { identity, events, credentials, ...rest };
}

async function holdingsOf(context: Context, realm: string, credential: Credential) {
  const { id } = credential;
  const subjectId = credentialSubjectId(id);
  return {
    credential: credentialView(credential),
    passwords: (await listPasswords(context.store.db, realm, id)).map((row) => ({
      version: row.version,
      createdAt: isoDate(row.created_at),
      expiresAt: isoDate(row.expires_at),
      expiredAt: isoDate(row.expired_at),
      compromisedAt: isoDate(row.compromised_at),
    })),
    factors: await factorsOf(context, realm, id),
    sessions: await sessionsHeldOf(context, realm, subjectId, most),
    codes: await codesHeldOf(context, realm, id),
    events: await eventsAbout(context, realm, subjectId, most),
  };
}
