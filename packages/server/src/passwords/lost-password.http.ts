import { z } from 'zod';
import { realmOrDefault } from '../callers/corporate.ts';
import { json } from '../http/render.ts';
import { anybody } from '../http/route.ts';
import { Problem } from '../kernel/problem.ts';
import { lineOfText, searchText } from '../kernel/text.ts';
import { corporate, type Route } from '../route.ts';
import { credentialTypes } from '../subject/password-config.ts';
import { deviceRemembered } from './device-cookie.http.ts';
import { admitPublicCall } from './guess/public-call.ts';
import { type RecoveryName, resumeLostPassword, startLostPassword } from './lost-password.ts';
import { validatePassword } from './password-version.ts';
import { updatedPassword, updateResponse } from './passwords-answer.ts';
import { passwordValue } from './wire-schema.ts';

/** Three generations of callers name a credential by either member. */
const named = {
  programmeId: lineOfText().nullish(),
  email: searchText().nullish(),
  credentialCode: searchText().nullish(),
};
/** Exactly one of the two names the credential. */
const byOne = {
  oneOf: (['credentialCode', 'email'] as const).map((one) => ({
    required: [one],
    properties: { [one]: { type: 'string' } },
  })),
};
const start = z.strictObject(named).meta(byOne);
const resume = z.strictObject({ ...named, nonce: lineOfText(), newPassword: passwordValue }).meta(byOne);
const candidate = z.strictObject({
  programmeId: lineOfText().nullish(),
  identityProfileId: lineOfText(),
  credentialType: z.enum(credentialTypes),
  password: passwordValue,
});
const common = { tag: 'Passwords', caller: anybody } as const;

export const routes: readonly Route[] = [
  ...corporate({
    ...common,
    path: '/passwords/validate',
    operationId: 'validatePassword',
    summary: 'Check whether a profile accepts this password, as far as possible without knowing its owner.',
    body: candidate,
    answers: { 204: 'It would.' },
    async handle({ context, call, body: { programmeId, identityProfileId, credentialType, password } }) {
      const realm = await realmOrDefault(call, programmeId);
      admitPublicCall(context, 'validate', call.source);
      await validatePassword(context, realm.name, identityProfileId, credentialType, password);
    },
  }),
  ...corporate({
    ...common,
    path: '/passwords/lost_password/start',
    operationId: 'startLostPassword',
    summary: 'Send a code to the verified address of the credential. The answer is the same for every name.',
    body: start,
    answers: { 204: 'Done, if there was anything to do.' },
    async handle({ context, call, body }) {
      const name = nameOf(body);
      const realm = await realmOrDefault(call, body.programmeId);
      admitPublicCall(context, 'lostPasswordStart', call.source);
      startLostPassword(context, realm, name, call.caller('anonymous'));
    },
  }),
  ...corporate({
    ...common,
    path: '/passwords/lost_password/resume',
    operationId: 'resumeLostPassword',
    summary: 'A new password in exchange for the code. Every session ends.',
    body: resume,
    answers: { 200: updateResponse },
    async handle({ context, call, body }) {
      const name = nameOf(body);
      const realm = await realmOrDefault(call, body.programmeId);
      admitPublicCall(context, 'lostPasswordResume', call.source);
      const recovery = { name, nonce: body.nonce, password: body.newPassword, source: call.source };
      const updated = await resumeLostPassword(context, realm, recovery, call.caller('anonymous'));
      return json(200, updatedPassword(updated), deviceRemembered(call, updated.opened));
    },
  }),
];

function nameOf({ email, credentialCode }: z.output<typeof start>): RecoveryName {
  if (email != null && credentialCode == null) return { email };
  if (credentialCode != null && email == null) return { credentialCode };
  throw new Problem('request.invalid', {
    detail: 'Name the credential by email or by credentialCode.',
    pointer: '/email',
  });
}
