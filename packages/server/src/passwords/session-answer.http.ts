import { z } from 'zod';
import { json } from '../http/render.ts';
import type { Call } from '../route.ts';
import type { Realm } from '../subject/realm.ts';
import { type CredentialSession, restrictedRefusal } from './credential-session.ts';
import { deviceRemembered } from './device-cookie.http.ts';
import { identityIdOut } from './wire-schema.ts';

/** The answer of a login in one or two steps. */
export const loginResponse = z.object({
  token: z.string(),
  programmeId: z.string(),
  credential: z.object({ type: z.enum(['ROOT', 'USER']), id: z.string() }),
  identity: identityIdOut,
  /** Seconds that the token lives without use. */
  expiresIn: z.int(),
});

/** A full session, or the refusal that carries a restricted one. */
export function sessionAnswer(call: Call, realm: Realm, opened: CredentialSession): Response {
  const refused = restrictedRefusal(opened);
  if (refused !== undefined) throw refused;
  const { credential, identity } = opened.session.subject;
  return json(
    200,
    {
      token: opened.token,
      programmeId: realm.name,
      credential: { type: credential.type, id: credential.id },
      identity,
      expiresIn: Math.min(realm.settings.sessionIdleSeconds, realm.settings.sessionMaxSeconds),
    } satisfies z.output<typeof loginResponse>,
    deviceRemembered(call, opened),
  );
}
