import { z } from 'zod';
import { readJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { corporateRoutes, realmOrDefault } from '../http/corporate.ts';
import { deviceRemembered } from '../http/device-cookie.ts';
import { json, noContent } from '../http/render.ts';
import { Problem } from '../kernel/problem.ts';
import { lineOfText, searchText } from '../kernel/text.ts';
import { credentialTypes } from '../subject/password-config.ts';
import { resumeLostPassword, startLostPassword } from './lost-password.ts';
import { validatePassword } from './password-version.ts';
import { updatedPassword, updateResponse } from './passwords-answer.ts';
import { admitPublicCall } from './public-call.ts';
import { passwordValue } from './wire-schema.ts';

/** Callers of three generations name a credential by either. */
const who = {
  programmeId: lineOfText().nullish(),
  email: searchText().nullish(),
  credentialCode: searchText().nullish(),
};
const start = z.strictObject(who);
const resume = z.strictObject({ ...who, nonce: lineOfText(), newPassword: passwordValue });
const candidate = z.strictObject({
  programmeId: lineOfText().nullish(),
  identityProfileId: lineOfText(),
  credentialType: z.enum(credentialTypes),
  password: passwordValue,
});
const common = { tag: 'Passwords', security: 'none' } as const;

export const routes = corporateRoutes([
  {
    ...common,
    path: '/passwords/validate',
    operationId: 'validatePassword',
    summary: 'Whether a profile would take this password, as far as that can be said without knowing whose it is.',
    body: candidate,
    responses: { 204: 'It would.' },
    handle: validate,
  },
  {
    ...common,
    path: '/passwords/lost_password/start',
    operationId: 'startLostPassword',
    summary: 'Send a code to the owner of the credential. The answer is the same whoever asks for whomever.',
    body: start,
    responses: { 204: 'Done, if there is anything to do.' },
    handle: started,
  },
  {
    ...common,
    path: '/passwords/lost_password/resume',
    operationId: 'resumeLostPassword',
    summary: 'A new password in exchange for the code. Every session ends.',
    body: resume,
    responses: { 200: updateResponse },
    handle: resumed,
  },
]);

async function validate(call: Call): Promise<Response> {
  const { programmeId, identityProfileId, credentialType, password } = await readJson(call, candidate);
  const realm = await realmOrDefault(call, programmeId ?? undefined);
  admitPublicCall(call.context, 'validate', call.source);
  await validatePassword(call.context, realm.name, identityProfileId, credentialType, password);
  return noContent();
}

async function started(call: Call): Promise<Response> {
  const body = await readJson(call, start);
  const code = codeOf(body);
  const realm = await realmOrDefault(call, body.programmeId ?? undefined);
  admitPublicCall(call.context, 'lostPasswordStart', call.source);
  startLostPassword(call.context, realm, code, call.caller('anonymous'));
  return noContent();
}

async function resumed(call: Call): Promise<Response> {
  const body = await readJson(call, resume);
  const code = codeOf(body);
  const realm = await realmOrDefault(call, body.programmeId ?? undefined);
  admitPublicCall(call.context, 'lostPasswordResume', call.source);
  const recovery = { code, nonce: body.nonce, password: body.newPassword, source: call.source };
  const updated = await resumeLostPassword(call.context, realm, recovery, call.caller('anonymous'));
  const remembered = deviceRemembered(call, updated.logon);
  return json(200, updatedPassword(updated), remembered);
}

function codeOf({ email, credentialCode }: z.output<typeof start>): string {
  const [code, another] = [email, credentialCode].filter((given) => given != null);
  if (code === undefined || another !== undefined) {
    throw new Problem('request.invalid', 'Name the credential by email or by credentialCode.', { pointer: '/email' });
  }
  return code;
}
