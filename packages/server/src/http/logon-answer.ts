import { z } from 'zod';
import { type Logon, restrictedRefusal } from '../passwords/logon.ts';
import { identityIdOut } from '../passwords/wire-schema.ts';
import type { Realm } from '../subject/realm.ts';
import type { Call } from './call.ts';
import { deviceRemembered } from './device-cookie.ts';
import { json } from './render.ts';

/** What a login answers, in one step or in two. */
export const loginResponse = z.object({
  token: z.string(),
  programmeId: z.string(),
  credential: z.object({ type: z.enum(['ROOT', 'USER']), id: z.string() }),
  identity: identityIdOut,
  /** Seconds that the token lives without being used. */
  expiresIn: z.int(),
});

/** A full session, or the refusal that carries a restricted one. */
export function loggedOn(call: Call, realm: Realm, logon: Logon): Response {
  const refused = restrictedRefusal(logon);
  if (refused !== undefined) throw refused;
  const { credential, identity } = logon.session.subject;
  return json(
    200,
    {
      token: logon.token,
      programmeId: realm.name,
      credential: { type: credential.type, id: credential.id },
      identity,
      expiresIn: Math.min(realm.settings.sessionIdleSeconds, realm.settings.sessionMaxSeconds),
    } satisfies z.output<typeof loginResponse>,
    deviceRemembered(call, logon),
  );
}
