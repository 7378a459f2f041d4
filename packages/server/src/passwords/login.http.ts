import { z } from 'zod';
import { readJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { corporateRoutes, realmOrDefault } from '../http/corporate.ts';
import { deviceRemembered, presentedDevice } from '../http/device-cookie.ts';
import { json } from '../http/render.ts';
import { lineOfText } from '../kernel/text.ts';
import { logIn } from './login.ts';
import { restrictedRefusal } from './logon.ts';
import { identityIdOut, loginPassword } from './wire-schema.ts';

const loginRequest = z.strictObject({
  programmeId: lineOfText().nullish(),
  credentialCode: lineOfText(),
  password: loginPassword,
});

export const loginResponse = z.object({
  token: z.string(),
  programmeId: z.string(),
  credential: z.object({ type: z.enum(['ROOT', 'USER']), id: z.string() }),
  identity: identityIdOut,
  /** Seconds that the token lives without being used. */
  expiresIn: z.int(),
});

export const routes = corporateRoutes([
  {
    path: '/auth/login',
    tag: 'Sessions',
    operationId: 'logIn',
    summary: 'Authenticate a credential and open a session. Unknown, wrong and disabled are the same refusal.',
    security: 'none',
    body: loginRequest,
    responses: { 200: loginResponse },
    handle: login,
  },
]);

async function login(call: Call): Promise<Response> {
  const { programmeId, credentialCode: code, password } = await readJson(call, loginRequest);
  const realm = await realmOrDefault(call, programmeId ?? undefined);
  const { source } = call;
  const agent = userAgent(call);
  const deviceCookie = presentedDevice(call);
  const attempt = { code, password, source, deviceCookie, ...(agent && { agent }) };
  const logon = await logIn(call.context, realm, attempt, call.caller('anonymous'));
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
    { 'cache-control': 'no-store', ...deviceRemembered(call, logon) },
  );
}

/** For the list of sessions that the holder looks at: a line of at most 255 characters. */
function userAgent({ request }: Call): string | undefined {
  const given = request.headers
    .get('user-agent')
    ?.replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 255);
  return given === '' ? undefined : given;
}
