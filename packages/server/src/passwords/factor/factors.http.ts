import { z } from 'zod';
import {
  credentialOf,
  holder,
  namedCredential,
  recent,
  requireStrong,
  sessionHolder,
  strongHolder,
} from '../../callers/holder.ts';
import { noContent } from '../../http/render.ts';
import { nothing } from '../../http/route.ts';
import { lineOfText } from '../../kernel/text.ts';
import { corporate, type Route } from '../../route.ts';
import { loginResponse, sessionAnswer } from '../session-answer.http.ts';
import { factorSchema, factorsOf, removeOwnFactor, resetFactor } from './factor.ts';
import { confirmed, confirmedResponse, goingOn, presenting, restrictionOf } from './factor-answer.http.ts';
import { renewRecovery, verifyRecovery } from './recovery-factor.ts';
import { confirmTotp, enrolTotp, verifyTotp } from './totp-factor.ts';

const naming = z.strictObject({ name: lineOfText(64).nullish() });
const codeRequest = z.strictObject({ code: lineOfText(64) });
const common = { tag: 'Second factors' } as const;

export const routes: readonly Route[] = [
  ...corporate({
    ...common,
    path: '/auth/factors/get',
    operationId: 'listFactors',
    summary: 'The second factors of a credential: of the own one, or for an administrator of any.',
    caller: holder,
    body: namedCredential,
    bodyOptional: true,
    answers: { 200: z.object({ factors: z.array(factorSchema) }) },
    handle: async ({ context, who, body }) => ({
      factors: await factorsOf(context, who.realm.name, credentialOf(who, body)),
    }),
  }),
  ...corporate({
    ...common,
    path: '/auth/factors/totp/enrol',
    operationId: 'enrolTotp',
    summary: 'The secret of an authenticator app, shown this once. It counts once it is confirmed.',
    caller: recent(sessionHolder('enrol-factor')),
    body: naming,
    bodyOptional: true,
    answers: { 200: z.object({ factorId: z.string(), secret: z.string(), uri: z.string() }) },
    handle: ({ context, call, who, body: { name } }) =>
      enrolTotp(context, presenting(call, who), name ?? 'Authenticator app'),
  }),
  ...corporate({
    ...common,
    path: '/auth/factors/totp/confirm',
    operationId: 'confirmTotp',
    summary: 'Show that the authenticator app works. With the first factor come ten recovery codes, shown this once.',
    caller: recent(sessionHolder('enrol-factor')),
    body: codeRequest,
    answers: { 200: confirmedResponse },
    handle: async ({ context, call, who, body: { code } }) =>
      confirmed(call, await confirmTotp(context, presenting(call, who), code)),
  }),
  ...verification(
    '/auth/factors/totp/verify',
    'verifyTotp',
    'A code of the authenticator app: completes a login, or makes an open session a stronger one.',
    verifyTotp,
  ),
  ...verification(
    '/auth/factors/recovery/verify',
    'verifyRecoveryCode',
    'A recovery code, which works once, in place of a factor that was lost.',
    verifyRecovery,
  ),
  ...corporate({
    ...common,
    path: '/auth/factors/recovery/renew',
    operationId: 'renewRecoveryCodes',
    summary: 'Ten other recovery codes in place of those before, within five minutes of a second factor.',
    caller: strongHolder,
    body: nothing,
    bodyOptional: true,
    answers: { 200: z.object({ recoveryCodes: z.array(z.string()) }) },
    handle: async ({ context, call, who }) => ({ recoveryCodes: await renewRecovery(context, presenting(call, who)) }),
  }),
  ...corporate({
    ...common,
    path: '/auth/factors/:factor_id/remove',
    operationId: 'removeFactor',
    summary: 'Take a factor away, within five minutes of showing one; an administrator any. Every session ends.',
    caller: holder,
    body: namedCredential,
    bodyOptional: true,
    answers: { 200: z.object(goingOn), 204: 'Done, by an administrator.' },
    async handle({ context, call, who, params: { factor_id: id }, body }) {
      const credentialId = credentialOf(who, body);
      if (who.kind === 'administrator') {
        await resetFactor(context, who.realm.name, credentialId, id, who.caller);
        return noContent();
      }
      requireStrong(call, who);
      const { token, session } = await removeOwnFactor(context, presenting(call, who), id);
      return { token, ...restrictionOf(session) };
    },
  }),
];

function verification(path: string, operationId: string, summary: string, rule: typeof verifyTotp): readonly Route[] {
  return corporate({
    ...common,
    path,
    operationId,
    summary,
    caller: sessionHolder('second-factor'),
    body: codeRequest,
    answers: { 200: loginResponse },
    handle: async ({ context, call, who, body: { code } }) =>
      sessionAnswer(call, who.realm, await rule(context, presenting(call, who), code)),
  });
}
