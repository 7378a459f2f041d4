import { z } from 'zod';
import { readJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { corporateRoutes, realmOrDefault } from '../http/corporate.ts';
import { presentedDevice } from '../http/device-cookie.ts';
import { loggedOn, loginResponse } from '../http/logon-answer.ts';
import { userAgent } from '../http/user-agent.ts';
import { lineOfText, searchText } from '../kernel/text.ts';
import { logIn } from './login.ts';
import { loginPassword } from './wire-schema.ts';

const loginRequest = z.strictObject({
  programmeId: lineOfText().nullish(),
  credentialCode: searchText(),
  password: loginPassword,
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
  return loggedOn(call, realm, logon);
}
