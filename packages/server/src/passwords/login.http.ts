import { z } from 'zod';
import { realmOrDefault } from '../callers/corporate.ts';
import { anybody } from '../http/route.ts';
import { userAgent } from '../http/user-agent.ts';
import { lineOfText, searchText } from '../kernel/text.ts';
import { corporate, type Route } from '../route.ts';
import { presentedDevice } from './device-cookie.http.ts';
import { logIn } from './login.ts';
import { loginResponse, sessionAnswer } from './session-answer.http.ts';
import { loginPassword } from './wire-schema.ts';

const loginRequest = z.strictObject({
  programmeId: lineOfText().nullish(),
  credentialCode: searchText(),
  password: loginPassword,
});

export const routes: readonly Route[] = corporate({
  path: '/auth/login',
  tag: 'Sessions',
  operationId: 'logIn',
  summary: 'Authenticate a credential and open a session. Unknown, wrong and disabled are the same refusal.',
  caller: anybody,
  body: loginRequest,
  answers: { 200: loginResponse },
  async handle({ context, call, body: { programmeId, credentialCode: code, password } }) {
    const realm = await realmOrDefault(call, programmeId);
    const agent = userAgent(call);
    const attempt = {
      code,
      password,
      source: call.source,
      deviceCookie: presentedDevice(call),
      ...(agent && { agent }),
    };
    return sessionAnswer(call, realm, await logIn(context, realm, attempt, call.caller('anonymous')));
  },
});
